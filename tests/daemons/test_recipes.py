"""contrib/docs/recipes.rst: what it says to write, run by the real programs."""

import re
import shlex
import subprocess
from pathlib import Path
from textwrap import dedent

import pytest

from tests.daemons.filling import FULL, IDLE, PORTS, filled
from tests.daemons.machine import (
    CONTRIB,
    PLUGINS,
    USER,
    install_plugin,
    run,
    start,
    wait_for,
)
from tests.support.needs import INSTALL_DAEMONS, need_program

RECIPES = (CONTRIB / "docs/recipes.rst").read_text()
SSH_PORT = "2222"


def block(before):
    """The indented block after this line."""
    text = RECIPES.partition(before)[2].lstrip("\n")
    lines = re.match(r"((?: {4}.*)?\n)*", text)
    assert lines
    return dedent(lines[0])


@pytest.mark.machine(ports=PORTS)
def test_check_by_ssh():
    for program in (f"{PLUGINS}/check_by_ssh", "/usr/sbin/sshd"):
        need_program(program, INSTALL_DAEMONS)
    install_plugin()
    home = Path("/var/lib/nagios")
    ssh = home / ".ssh"
    ssh.mkdir(parents=True)
    run("usermod", "--shell", "/bin/sh", "--home", str(home), "--password", "*", USER)
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{ssh}/id_ed25519")
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/etc/ssh/test_key")
    key = (ssh / "id_ed25519.pub").read_text()
    line = block("public key::\n").replace("ssh-ed25519 AAAA... nagios@monitoring", key)
    assert key in line
    (ssh / "authorized_keys").write_text(line)
    host_key = Path("/etc/ssh/test_key.pub").read_text()
    (ssh / "known_hosts").write_text(f"[127.0.0.1]:{SSH_PORT} {host_key}")
    run("chown", "-R", f"{USER}:{USER}", str(home))
    Path("/run/sshd").mkdir()
    options = ["-h", "/etc/ssh/test_key", "-p", SSH_PORT, "-o", "UsePAM=no"]
    start("/usr/sbin/sshd", "-D", *options, user="root")
    command = re.findall(r"command_line  (.*)\n", RECIPES)[0]
    command = command.replace("$USER1$", str(PLUGINS)).replace(
        "$HOSTADDRESS$", f"127.0.0.1 -p {SSH_PORT}"
    )
    as_user = ["setpriv", "--reuid", USER, "--regid", USER, "--init-groups"]

    def check():
        done = subprocess.run(
            [*as_user, *shlex.split(command)],
            capture_output=True,
            text=True,
            env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        )
        return done.returncode, done.stdout

    wait_for(lambda: check()[0] == 0)
    assert check()[1].startswith(IDLE)
    with filled():
        exit_code, output = check()
    assert exit_code == 2 and output.startswith(FULL)


@pytest.mark.machine(ports=PORTS)
def test_the_timer_of_systemd():
    need_program("systemd-analyze", INSTALL_DAEMONS)
    install_plugin()
    paths = re.findall(r"^``(/etc/systemd/system/\S+)``::$", RECIPES, re.MULTILINE)
    assert [Path(path).suffix for path in paths] == [".service", ".timer"]
    for path in paths:
        Path(path).write_text(block(f"``{path}``::\n"))
    assert run("systemd-analyze", "verify", "--man=no", *paths) == ""
    service = Path(paths[0]).read_text()
    Path("/var/lib/check_ephemeral_port").mkdir()
    command = re.findall("^ExecStart=(.*)$", service, re.MULTILINE)[0].split()
    assert run(*command).startswith(IDLE)
    with filled():
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    assert done.returncode == 2 and done.stdout.startswith(FULL)
