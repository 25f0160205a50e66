"""SECURITY.md: each promise names tests that exist."""

import ast
import re

from tests.contrib.tables import TESTS

TEXT = (TESTS.parent / "SECURITY.md").read_text()


def test_each_promise_names_tests_that_exist():
    _, _, promises = TEXT.partition("## What it promises")
    rows = re.findall(r"^\| (.*) \| (.*) \|$", promises, re.MULTILINE)
    assert len(rows) >= 20
    for promise, tests in rows[1:]:
        named = re.findall(r"`([\w/]+\.py)::(\w+)`", tests)
        assert named and len(named) == tests.count("`") // 2, promise
        for file, test in named:
            tree = ast.parse((TESTS / file).read_text())
            assert test in {getattr(node, "name", "") for node in tree.body}, test


def test_each_kind_of_attack_has_a_promise():
    for kind in (
        "figure",
        "alarm",
        "code",
        "text",
        "file",
        "time",
        "trace",
        "privilege",
    ):
        assert re.search(rf"\*\*[^*]*{kind}", TEXT), kind
