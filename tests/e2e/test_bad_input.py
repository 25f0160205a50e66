"""Whatever is wrong: one clear line on stdout, exit code 3, nothing on stderr."""

import os
import subprocess

import pytest

from tests.namespace import set_sysctl
from tests.plugin_process import PROGRAM, check


def assert_unknown(run, *parts):
    assert run.exit_code == 3
    assert run.stderr == ""
    assert run.stdout.startswith("EPHEMERAL_PORT UNKNOWN - ")
    assert run.stdout.count("\n") == 1 and run.stdout.endswith("\n")
    assert "|" not in run.stdout and "Traceback" not in run.stdout
    for part in parts:
        assert part in run.stdout


@pytest.mark.parametrize(
    "arguments, parts",
    [
        (["--bogus"], ["--bogus"]),
        (["--warn", "5"], ["--warn"]),
        (["positional"], ["positional"]),
        (["-w"], ["--warning", "expected one argument"]),
        (["-w", "80%%"], ["--warning", "'80%%' is not a range"]),
        (["-w", ""], ["--warning"]),
        (["-w", "1:2:3"], ["--warning"]),
        (["-w", "abc"], ["--warning"]),
        (["-w", "1e2"], ["--warning"]),
        (["-c", "90:80"], ["--critical", "reversed"]),
        (["-c", "101"], ["--critical", "over 100"]),
        (["-w", "@50:200%"], ["--warning", "over 100"]),
        (["--free-warning", "x"], ["--free-warning"]),
        (["--bind-critical", "100.5"], ["--bind-critical", "over 100"]),
        (["--fast-warning", "~"], ["--fast-warning"]),
        (["-d", "192.0.2.7"], ["--destination", "HOST:PORT"]),
        (["-d", "192.0.2.7:0"], ["--destination", "'0' is not a port"]),
        (["-d", "192.0.2.7:70000"], ["--destination", "'70000' is not a port"]),
        (["-d", "2001:db8::1:443"], ["--destination", "[IPV6]:PORT"]),
        (["-d", "[2001:db8::zz]:443"], ["resolve"]),
        (["-d", "host|name:443"], ["--destination"]),
        (["-d", "no-such-host.invalid:443"], ["cannot resolve"]),
        (["-d", "192.0.2.7:443", "--protocol", "udp"], ["--destination", "UDP"]),
        (["--source", "example"], ["--source", "not an IP address"]),
        (["--protocol", "sctp"], ["--protocol", "sctp"]),
        (["--sampler", "guess"], ["--sampler", "guess"]),
        (["--top", "0"], ["--top"]),
        (["-t", "0"], ["--timeout"]),
        (["-t", "soon"], ["--timeout", "'soon' is not a duration"]),
        (["-t", "1ms"], ["timed out after 0.001 s"]),
        (["-w", "5\nEPHEMERAL_PORT OK"], ["--warning"]),
    ],
    ids=repr,
)
def test_bad_input_is_one_line_and_unknown(arguments, parts):
    assert_unknown(check(*arguments), *parts)


def test_exit_ok_is_always_0_and_the_text_tells_the_truth():
    run = check("--exit-ok", "-w", "x")
    assert (run.exit_code, run.stderr) == (0, "")
    assert run.stdout.startswith("EPHEMERAL_PORT UNKNOWN - ")


@pytest.mark.parametrize("option", ["-h", "--help", "-V", "--version", "-vvh"])
def test_help_and_version_win_over_everything_else(option):
    run = check("--bogus", "--exit-ok", "-w", option)
    assert (run.exit_code, run.stderr) == (3, "")
    assert run.stdout.startswith(("usage: check_ephemeral_port", "check_ephemeral_por"))


@pytest.mark.namespace(ports="40000-40009")
def test_empty_pool():
    set_sysctl("ip_local_reserved_ports", "40000-40009")
    assert_unknown(check(), "ip_local_reserved_ports", "every port")


def test_unreadable_range_names_the_file():
    hide = "mount -t tmpfs none /proc/sys && exec " + PROGRAM
    done = subprocess.run(
        ["unshare", "-rnm", "sh", "-c", hide], capture_output=True, text=True
    )
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip(f"needs mount namespaces: {done.stderr.strip()}")
    assert done.returncode == 3 and done.stderr == ""
    assert "cannot read /proc/sys/net/ipv4/ip_local_port_range" in done.stdout


def with_stub(tmp_path, module, text):
    """An environment in which ``module`` is this text."""
    (tmp_path / f"{module}.py").write_text(text)
    return {**os.environ, "PYTHONPATH": str(tmp_path)}


PSUTIL = """
class Error(Exception): pass
class AccessDenied(Error): pass
def net_connections(kind): raise {}
"""


@pytest.mark.parametrize(
    "failure, part",
    [
        ("AccessDenied()", "run as root"),
        ("RuntimeError('malformed line')", "malformed line"),
        ("KeyError('0F')", "0F"),
        ("PermissionError(13, 'Permission denied')", "Permission denied"),
    ],
)
def test_psutil_fails(tmp_path, failure, part):
    env = with_stub(tmp_path, "psutil", PSUTIL.format(failure))
    assert_unknown(check("-vv", env=env), "psutil", part)


@pytest.mark.parametrize("module", ["psutil", "nagiosplugin"])
def test_a_dependency_is_missing(tmp_path, module):
    env = with_stub(tmp_path, module, f"raise ImportError('no {module} here')")
    assert_unknown(check(env=env), "a dependency is missing", module)


def test_a_traceback_only_with_vvv(tmp_path):
    env = with_stub(tmp_path, "psutil", PSUTIL.format("ZeroDivisionError('oops')"))
    assert_unknown(check("-vv", env=env), "unexpected ZeroDivisionError: oops")
    run = check("-vvv", env=env)
    assert (run.exit_code, run.stderr) == (3, "")
    assert "Traceback" in run.stdout


@pytest.mark.parametrize("where", [">&-", ">/dev/full", ">&- 2>&-", "<&-  >&-"])
def test_stdout_that_takes_nothing_is_unknown(where):
    done = subprocess.run(
        f"{PROGRAM} {where}", shell=True, stderr=subprocess.PIPE, text=True
    )
    assert (done.returncode, done.stderr) == (3, "")
