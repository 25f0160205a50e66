"""contrib/docs/faults.rst names tests and make targets that exist."""

import re

from tests.contrib.tables import (
    DOCS,
    assert_every_row_names_tests_that_exist,
    named_tests,
    rows,
)

RUN_THE_PROGRAM = ("e2e/", "daemons/")


def test_every_fault_names_tests_that_exist():
    assert len(rows("faults.rst")) > 40
    assert_every_row_names_tests_that_exist("faults.rst")


def test_every_fault_is_tried_on_the_real_program():
    for row in rows("faults.rst"):
        files = [file for file, _ in named_tests(row)]
        assert any(file.startswith(RUN_THE_PROGRAM) for file in files), row


def test_every_named_make_target_exists():
    text = " ".join((DOCS / "faults.rst").read_text().split())
    makefile = (DOCS.parents[1] / "Makefile").read_text()
    named = re.findall(r"``make ([\w-]+)``", text)
    assert len(named) >= 4
    assert [name for name in named if f"\n{name}:" not in makefile] == []
