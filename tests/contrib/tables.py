"""Tables in contrib/docs whose rows name the tests that prove them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
DOCS = TESTS.parent / "contrib/docs"


def rows(document: str) -> list[str]:
    """The rows of all tables of a document, without their headings."""
    _, *tables = (DOCS / document).read_text().split(".. list-table::")
    return [
        row
        for table in tables
        for row in re.split(r"^   \* - ", table, flags=re.MULTILINE)[2:]
    ]


def named_tests(text: str) -> list[tuple[str, str]]:
    """File and name of each test that the text names."""
    return re.findall(r"``([\w/]+\.py)::(\w+)``", text)


def assert_every_row_names_tests_that_exist(document: str) -> None:
    """Each row names at least one test, and all named tests exist."""
    for row in rows(document):
        assert named_tests(row), row
        for file, test in named_tests(row):
            tree = ast.parse((TESTS / file).read_text())
            names = {node.name for node in tree.body if hasattr(node, "name")}
            assert test in names, f"{file}::{test}"
