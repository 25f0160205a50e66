"""The unit that switches the recorder on: what it runs, and what it must not have."""

import re
import shlex
from pathlib import Path

import pytest

from check_ephemeral_port.options import parse_options

UNIT = (
    Path(__file__).parents[2] / "contrib/systemd/check-ephemeral-port-recorder.service"
)
SETTINGS = re.findall(r"^([A-Za-z]+)=(.*)$", UNIT.read_text(), re.MULTILINE)
OWN_MOUNTS = (
    *("Private", "Protect", "ReadOnly", "ReadWrite", "Inaccessible", "TemporaryFile"),
    *("Root", "Bind", "Mount", "ExecPaths", "NoExecPaths", "DynamicUser"),
    *("RuntimeDirectory", "StateDirectory", "ProcSubset", "Extension"),
)
"""Beginnings of the settings that give a service mounts of its own: systemd.exec(5)."""


@pytest.mark.parametrize("when, what", [("ExecStart", "on"), ("ExecStop", "off")])
def test_it_switches_the_recorder(when, what):
    (command,) = (value for name, value in SETTINGS if name == when)
    program, *arguments = shlex.split(command)
    assert program == "/usr/lib/nagios/plugins/check_ephemeral_port"
    assert parse_options(arguments).recorder == what


def test_others_see_what_it_mounts():
    assert [name for name, _ in SETTINGS if name.startswith(OWN_MOUNTS)] == []


def test_without_a_setting_only_root_can_read_the_record():
    assert ("Environment", "GROUP=root") in SETTINGS
