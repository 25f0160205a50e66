"""The files for sudo agree with each other, the options, and what uses them."""

import re
from pathlib import Path

import pytest

from check_ephemeral_port.options import parse_options

CONTRIB = Path(__file__).parents[2] / "contrib"
SUDOERS = CONTRIB / "sudoers"
CHECKS = dict(
    re.findall(
        r"^([a-z0-9_]+): (.*)$",
        (SUDOERS / "check_ephemeral_port.conf").read_text(),
        re.MULTILINE,
    )
)
USED_IN = [
    *("nrpe/check_ephemeral_port.cfg", "nagios/check_ephemeral_port.cfg"),
    *("icinga2/services.conf", "icinga2/single_node.conf", "checkmk/mrpe.cfg"),
    *("telegraf/check_ephemeral_port.conf", "sudoers/check_ephemeral_port"),
]


def test_the_arguments_of_each_check_are_valid():
    options = {name: parse_options(text.split()) for name, text in CHECKS.items()}
    assert set(options) == {"owners", "namespaces", "forecast"}
    assert options["namespaces"].all_netns
    assert options["forecast"].state_file.startswith("/var/lib/check_ephemeral_port/")
    # each word is an argument
    assert not re.search(r"""["'\\*?\[$]""", "".join(CHECKS.values()))


def test_one_rule_allows_one_program():
    text = (SUDOERS / "check_ephemeral_port").read_text()
    (rule,) = (line for line in text.splitlines() if re.match("[^#]", line))
    users, _, command = rule.partition(" ALL=(root) NOPASSWD: ")
    assert users.split(", ") == ["nagios", "nrpe", "icinga", "telegraf"]
    wrapper = (SUDOERS / "check_ephemeral_port_sudo").read_text()
    (folder,) = re.findall("^plugins=(.*)$", wrapper, re.MULTILINE)
    assert command == f"{folder}/check_ephemeral_port_sudo"
    (checks,) = re.findall("^checks=(.*)$", wrapper, re.MULTILINE)
    assert f"Goes to: {checks}\n" in (SUDOERS / "check_ephemeral_port.conf").read_text()


@pytest.mark.parametrize("path", USED_IN)
def test_what_uses_it_names_a_check_that_exists(path):
    text = (CONTRIB / path).read_text()
    used = re.findall(
        r'check_ephemeral_port_sudo[ !](\w+)|vars\.ephemeral_port_check = "(\w+)"', text
    )
    assert used and {"".join(names) for names in used} <= set(CHECKS)
