"""contrib/docs/interface.rst agrees with the tests and the options."""

from check_ephemeral_port.options import parse_options
from contrib.generators.options import options
from tests.contrib.tables import assert_every_row_names_tests_that_exist, rows

MEANINGS = {
    "-h": "--help",
    "-V": "--version",
    "-t": "--timeout",
    "-H": "--hostname",
    "-v": "--verbose",
}
"""Options that the draft reserves, short and long."""


def test_every_requirement_names_tests_that_exist():
    assert len(rows("interface.rst")) > 30
    assert_every_row_names_tests_that_exist("interface.rst")


def test_there_are_no_positional_arguments():
    assert all(option.flag.startswith("-") for option in options())


def test_reserved_options_have_their_meaning():
    flags = {flag: option.flag for option in options() for flag in option.flags}
    for short, long in MEANINGS.items():
        assert flags.get(short, long) == long
    assert {"--help", "--version", "--timeout"} <= set(flags)
    assert "--verbose" in {option.flag for option in options() if option.counted}


def test_the_default_timeout_is_30_seconds():
    assert parse_options([]).timeout == 30
