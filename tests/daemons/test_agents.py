"""Agents without a Debian package: their commands, run in the same way."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.daemons import machine
from tests.daemons.filling import FULL, IDLE, PORTS, filled
from tests.daemons.machine import install, install_plugin, install_sudo

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


@pytest.mark.machine(ports=PORTS)
def test_checkmk_and_telegraf_with_sudo():
    install_plugin()
    install_sudo()
    mrpe = install("checkmk/mrpe.cfg")
    mrpe.write_text(mrpe.read_text().split("\n\n")[1].replace("#Eph", "Eph"))
    text = install("telegraf/check_ephemeral_port.conf").read_text()
    (telegraf,) = re.findall(r'^#   commands = \["(.*)"\]$', text, re.MULTILINE)
    machine.run("useradd", "--system", "telegraf")
    as_telegraf = ["setpriv", "--reuid", "telegraf", "--clear-groups"]
    checkmk = ["sh", "-c", AS_CHECKMK, "sh", str(mrpe)]
    named = f"[{os.getpid()}] holds 38 - "
    assert run([*as_telegraf, *telegraf.split()]).startswith(IDLE)
    with filled():
        assert named in run([*as_telegraf, *telegraf.split()])
        for user in ([], machine.AS_USER):  # the agent is root, or not
            # the second line has the name by sudo, the first only as root
            lines = run([*user, *checkmk]).splitlines()
            shown = [named in line for line in lines if line.startswith("Ephemeral")]
            assert shown == [not user, True]


def run(command):
    return subprocess.run(command, capture_output=True, text=True).stdout
