"""Completion, driven by keys in an interactive bash."""

import os
import pty
import re
import select
import shutil
from pathlib import Path

import pytest

COMPLETION = Path(__file__).parents[2] / "contrib/completion/check_ephemeral_port.bash"
LIMIT_SECONDS = 20
# replaces the program and shows its arguments
STAND_IN = (
    "check_ephemeral_port() { printf 'called:'; printf '<%s>' \"$@\"; echo .; }\n"
)


@pytest.fixture
def bash():
    """The terminal of an interactive bash that has read the completion."""
    child, terminal = pty.fork()
    if child == 0:
        program = shutil.which("bash") or "/bin/bash"
        environment = {"TERM": "dumb", "PS1": "$ ", "PATH": os.environ["PATH"]}
        os.execve(program, ["bash", "--norc", "--noprofile", "-i"], environment)
    os.write(terminal, f"{STAND_IN}source {COMPLETION}; echo re''ady\n".encode())
    read_until(terminal, "\nready")
    yield terminal
    os.close(terminal)  # hangs up on bash
    os.waitpid(child, 0)


def read_until(terminal, pattern):
    shown = ""
    while select.select([terminal], [], [], LIMIT_SECONDS)[0]:
        shown += os.read(terminal, 4096).decode()
        match = re.search(pattern, shown)
        if match:
            return match
    raise AssertionError(f"no {pattern!r} in {shown!r}")


@pytest.mark.parametrize(
    "keys, arguments",
    [
        ("--free-w\t2000:", "<--free-warning><2000:>"),
        ("--exit\t", "<--exit-ok>"),
        ("--protocol u\t", "<--protocol><udp>"),
        ("--protocol=u\t", "<--protocol=udp>"),
        (
            "--protocol all --sam\tsock\t-v",
            "<--protocol><all><--sampler><sock_diag><-v>",
        ),
        # free text is not completed, even if it looks like an option
        ("--source --p\t", "<--source><--p>"),
    ],
)
def test_tab_completes(bash, keys, arguments):
    os.write(bash, f"check_ephemeral_port {keys}\n".encode())
    assert read_until(bash, r"\ncalled:(.*)\.\r")[1] == arguments


def test_two_tabs_list_all_matches(bash):
    os.write(bash, b"check_ephemeral_port --fast-\t\t")
    assert read_until(bash, r"\n(--fast-critical +--fast-warning) *\r")
