"""The sudo example allows two commands, both valid for the program."""

import re
from pathlib import Path

from check_ephemeral_port.options import parse_options

CONTRIB = Path(__file__).parents[2] / "contrib"
SUDOERS = CONTRIB / "sudoers/check_ephemeral_port"
NRPE = CONTRIB / "nrpe/check_ephemeral_port.cfg"


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
        wrapped = " ".join([f"{plugin}_sudo", *arguments])
        assert f"#   {wrapped}\n" in text
        assert f"]={wrapped}\n" in NRPE.read_text()
    assert (
        f"\nplugin={plugin}\n"
        in SUDOERS.with_name(f"{Path(plugin).name}_sudo").read_text()
    )
    assert all_namespaces == [False, True]
