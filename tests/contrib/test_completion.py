"""Completion in real shells: by keys in bash and zsh, by fish's own command."""

import os
import pty
import re
import select
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from contrib.generators.options import options
from tests.support.needs import INSTALL, need_program

FOLDER = Path(__file__).parents[2] / "contrib/completion"
LIMIT_SECONDS = 20
# replaces the program and shows its arguments
STAND_IN = (
    "check_ephemeral_port() { printf 'called:'; printf '<%s>' \"$@\"; echo .; }\n"
)
START = {
    "bash": (
        ["bash", "--norc", "--noprofile", "-i"],
        f"source {FOLDER}/check_ephemeral_port.bash\n",
    ),
    "zsh": (
        ["zsh", "-f", "-i"],
        f"fpath=({FOLDER} $fpath); autoload -Uz compinit; compinit -u -D\n",
    ),
}
"""The command of each shell, and what makes it read the completion."""


@contextmanager
def interactive(shell):
    """The terminal of an interactive shell that has read the completion."""
    need_program(shell, INSTALL + shell)
    command, read_completion = START[shell]
    child, terminal = pty.fork()
    if child == 0:
        program = shutil.which(shell) or shell
        environment = {"TERM": "dumb", "PS1": "$ ", "PATH": os.environ["PATH"]}
        os.execve(program, command, environment)
    os.write(terminal, f"{STAND_IN}{read_completion}echo re''ady\n".encode())
    read_until(terminal, "\nready")
    yield terminal
    os.close(terminal)  # hangs up on the shell
    os.waitpid(child, 0)


def read_until(terminal, pattern):
    shown = ""
    while select.select([terminal], [], [], LIMIT_SECONDS)[0]:
        shown += os.read(terminal, 4096).decode()
        match = re.search(pattern, shown)
        if match:
            return match
    raise AssertionError(f"no {pattern!r} in {shown!r}")


def completed(terminal, keys):
    """The arguments after these keys."""
    os.write(terminal, f"check_ephemeral_port {keys}\n".encode())
    return read_until(terminal, r"\ncalled:(.*)\.\r")[1]


@pytest.mark.parametrize("shell", START)
def test_tab_completes(shell):
    # zsh writes the "=", too
    then = "=" if shell == "zsh" else "><"
    with interactive(shell) as terminal:
        for keys, arguments in (
            ("--free-w\t2000:", f"<--free-warning{then}2000:>"),
            ("--exit\t", "<--exit-ok>"),
            ("--protocol u\t", "<--protocol><udp>"),
            ("--protocol=u\t", "<--protocol=udp>"),
            (
                "--protocol all --sam\tsock\t-v",
                f"<--protocol><all><--sampler{then}sock_diag><-v>",
            ),
            # free text is not completed, even if it looks like an option
            ("--source --p\t", "<--source><--p>"),
        ):
            assert completed(terminal, keys) == arguments


@pytest.mark.namespace(ports="40000-40039", host=True)
@pytest.mark.parametrize("shell", START)
def test_tab_completes_files_and_namespaces(shell, tmp_path):
    Path("/run/netns").mkdir()
    Path("/run/netns/web-7d4f").touch()
    state_file, folder = tmp_path / "ports of web.state", tmp_path / "folder"
    state_file.touch()
    folder.mkdir()
    with interactive(shell) as terminal:
        for keys, arguments in (
            (f"--state-file {tmp_path}/po\t", f"<--state-file><{state_file}>"),
            (f"--state-file {tmp_path}/fold\tx", f"<--state-file><{folder}/x>"),
            ("--netns we\t", "<--netns><web-7d4f>"),
            (f"--netns {tmp_path}/fold\tx", f"<--netns><{folder}/x>"),
        ):
            assert completed(terminal, keys) == arguments


def test_two_tabs_list_all_matches():
    with interactive("bash") as bash:
        os.write(bash, b"check_ephemeral_port --fast-\t\t")
        assert read_until(bash, r"\n(--fast-critical +--fast-warning) *\r")


def by_fish(line):
    """What fish suggests for the last word of the line."""
    need_program("fish", INSTALL + "fish")
    script = "source $argv[1]; complete -C $argv[2]"
    read = [str(FOLDER / "check_ephemeral_port.fish"), f"check_ephemeral_port {line}"]
    done = subprocess.run(
        ["fish", "--no-config", "-c", script, *read],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [suggested.split("\t")[0] for suggested in done.stdout.splitlines()]


@pytest.mark.parametrize(
    "line, suggested",
    [
        ("--free-", ["--free-critical", "--free-warning"]),
        ("--protocol ", ["all", "tcp", "udp"]),
        ("--protocol=u", ["--protocol=udp"]),
        ("-v --samp", ["--sampler"]),
        ("--source ", []),
        ("", []),
    ],
)
def test_fish_suggests(line, suggested):
    assert by_fish(line) == suggested


@pytest.mark.namespace(ports="40000-40039", host=True)
def test_fish_suggests_files_and_namespaces(tmp_path):
    Path("/run/netns").mkdir()
    Path("/run/netns/web-7d4f").touch()
    (tmp_path / "web.state").touch()
    assert by_fish(f"--state-file {tmp_path}/w") == [f"{tmp_path}/web.state"]
    assert "web-7d4f" in by_fish("--netns ")
    assert by_fish(f"--netns {tmp_path}/w") == [f"{tmp_path}/web.state"]


@pytest.mark.parametrize(
    "name, colon",
    [("_check_ephemeral_port", r"\:"), ("check_ephemeral_port.fish", ":")],
)
def test_every_option_has_a_description(name, colon):
    text = (FOLDER / name).read_text()
    for option in options():
        assert len(option.summary) > 10
        assert option.summary.replace(":", colon).replace("'", r"'\''") in text


def test_paths_and_namespaces_are_completed():
    kinds = {o.name: (o.takes_path, o.takes_namespace) for o in options()}
    assert kinds["state-file"] == (True, False) and kinds["netns"] == (True, True)
