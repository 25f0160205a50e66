"""The sudo example allows two commands, both valid for the program."""

import re
from pathlib import Path

from check_ephemeral_port.options import parse_options

SUDOERS = Path(__file__).parents[2] / "contrib/sudoers/check_ephemeral_port"


def test_each_command_is_valid_and_has_all_arguments():
    text = SUDOERS.read_text()
    rules = [line for line in text.splitlines() if re.match("[a-z]", line)]
    all_namespaces = []
    for rule in rules:
        user, _, command = rule.partition(" NOPASSWD: ")
        assert user == "nagios ALL=(root)"
        plugin, *arguments = command.split()
        assert plugin.startswith("/") and "*" not in command
        all_namespaces.append(parse_options(arguments).all_netns)
        assert f"#   sudo -n {command}\n" in text
    assert all_namespaces == [False, True]
