"""Agents without a Debian package: their commands, run in the same way."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.daemons.filling import FULL, IDLE, PORTS, filled
from tests.daemons.machine import install, install_plugin

# how Checkmk's agent reads its file: a name, then the command for a shell
AS_CHECKMK = """
grep -Ev '^[[:space:]]*($|#)' "$1" | while read -r name command; do
    output=$(eval "$command"); echo "$name $? $output"
done
"""


@pytest.mark.machine(ports=PORTS)
def test_checkmk_line():
    install_plugin()
    command = ["sh", "-c", AS_CHECKMK, "sh", str(install("checkmk/mrpe.cfg"))]
    assert run(command).startswith(f"Ephemeral_Ports 0 {IDLE}")
    with filled():
        assert run(command).startswith(f"Ephemeral_Ports 2 {FULL}")


@pytest.mark.machine(ports=PORTS)
def test_telegraf_command():
    install_plugin()
    text = install("telegraf/check_ephemeral_port.conf").read_text()
    command = re.findall(r'^  commands = \["(.*)"\]$', text, re.MULTILINE)[0].split()
    assert Path(command[0]).exists()
    assert run(command).startswith(IDLE)
    with filled():
        assert run(command).startswith(FULL)
    # Telegraf has to wait longer than the plugin, or its text is lost
    limit = int(re.findall(r'^  timeout = "(\d+)s"$', text, re.MULTILINE)[0])
    assert limit > int(command[command.index("--timeout") + 1])


def run(command):
    return subprocess.run(command, capture_output=True, text=True).stdout
