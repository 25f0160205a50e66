"""Every list of options has exactly the options of the program."""

import re
from pathlib import Path

import pytest

from check_ephemeral_port.options import build_parser
from contrib.generators import FILES
from contrib.generators.options import options

CONTRIB = Path(__file__).parents[2] / "contrib"
CONFIGURATION = [
    path
    for folder in ("nagios", "icinga2", "nrpe", "telegraf", "checkmk")
    for path in sorted((CONTRIB / folder).iterdir())
]


@pytest.mark.parametrize("path", FILES)
def test_committed_file_is_what_make_generated_writes(path):
    assert (CONTRIB / path).read_text() == FILES[path](), "run: make generated"


def test_all_options_of_the_program_are_known():
    help_flags = {"-h", "--help", "-V", "--version"}
    flags = {flag for option in options() for flag in option.flags}
    assert help_flags < flags
    for option in options():
        if option.checks and not option.takes_value:
            assert build_parser().parse_args([option.flag])


@pytest.mark.parametrize("path", CONFIGURATION, ids=lambda path: path.name)
def test_configuration_names_options_that_exist(path):
    flags = {flag for option in options() for flag in option.flags}
    named = set(re.findall(r"(?<=\s)--[a-z-]+", path.read_text()))
    assert named <= flags


def test_services_set_variables_that_the_check_command_has():
    command = (CONTRIB / "icinga2/command.conf").read_text()
    services = (CONTRIB / "icinga2/services.conf").read_text()
    named = set(re.findall(r"(?<!host\.)vars\.(ephemeral_port_\w+) =", services))
    assert len(named) > 5
    assert all(f'"${name}$"' in command for name in named)
