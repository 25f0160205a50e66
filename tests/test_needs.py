"""Skips have one form, and one line sums them up."""

import re
from pathlib import Path

import pytest

from tests.support.needs import need_program, skip_without, summary

TESTS = Path(__file__).parent


def reason_for(skip, *arguments):
    with pytest.raises(pytest.skip.Exception) as caught:
        skip(*arguments)
    return caught.value.msg


def test_the_summary_has_each_command_once_and_packages_together():
    reasons = [
        reason_for(need_program, "no-such-program", "apt-get install one two"),
        reason_for(need_program, "no-such-program", "apt-get install two three"),
        *[reason_for(skip_without, "root: really", "run as root")] * 2,
    ]
    assert summary(reasons) == (
        "4 skipped (-rs lists them)."
        " To run them: apt-get install one three two, run as root"
    )


def test_a_program_that_is_installed_skips_nothing():
    need_program("sh", "apt-get install dash")


def test_every_skip_says_what_makes_the_test_run():
    skips = re.compile(r"pytest\.skip\(|mark\.skip|importorskip|raise SkipTest")
    here = (TESTS / "support/needs.py", Path(__file__))
    texts = {path: path.read_text() for path in TESTS.rglob("*.py")}
    assert [
        p for p, text in texts.items() if skips.search(text) and p not in here
    ] == []
