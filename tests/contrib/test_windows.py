"""The definitions for Windows; Icinga 2 loads its own in tests/daemons."""

import configparser
import shlex
from pathlib import Path

from check_ephemeral_port.options import parse_options

WINDOWS = Path(__file__).parents[2] / "contrib" / "windows"
PROGRAM = r"C:\Program Files\check_ephemeral_port\Scripts\check_ephemeral_port.exe"


def test_icinga_starts_the_program_that_pip_installs():
    text = (WINDOWS / "icinga2.conf").read_text(encoding="ascii")
    assert f'command = [ "{PROGRAM}" ]'.replace("\\", "\\\\") in text


def test_nsclient_starts_the_program_with_options_that_exist():
    sections = configparser.ConfigParser(interpolation=None)
    assert sections.read(WINDOWS / "nsclient.ini", encoding="ascii")
    script = sections["/settings/external scripts/scripts/check_ephemeral_port"]
    program, *arguments = shlex.split(script["command"].replace("\\", "\\\\"))
    assert program == PROGRAM
    assert parse_options(arguments).critical.end == 90
    assert sections["/modules"]["CheckExternalScripts"] == "enabled"
