"""The whole program on simulated platforms. It never ran on real ones."""

import os
import re
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
from pip._vendor import distlib

import check_ephemeral_port
from tests.support.needs import skip_without
from tests.support.plugin_process import PluginRun
from tests.support.recorded import logged_event

ROOT = Path(__file__).parents[2]
PACKAGE = Path(check_ephemeral_port.__file__).parent
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if path.stem != "__main__"
)
PLATFORMS = ["win32", "darwin", "freebsd14"]
NETSH = r"C:\Windows\System32\netsh.exe"
ANSWER = f"""#!{sys.executable} -S
import sys
what = "dynamicport" if "dynamicport" in sys.argv else "excludedportrange"
path = f"{ROOT}/tests/recorded/windows/{{what}}-de.txt"
text = open(path, encoding="utf-8").read()
sys.stdout.buffer.write(text.replace("\\n", "\\r\\n").encode("cp850"))
"""
WEVTUTIL = r"C:\Windows\System32\wevtutil.exe"
LOGGED = f"""#!{sys.executable} -S
import sys
path = sys.argv[0].replace("wevtutil.exe", "events")
try:
    sys.stdout.buffer.write(open(path, "rb").read())
except FileNotFoundError:
    sys.exit("Access is denied.")
"""


@pytest.fixture
def log(tmp_path):
    """A function that replaces the System log; without events it cannot be read."""
    path = tmp_path / WEVTUTIL.replace("wevtutil.exe", "events")
    path.write_bytes(b"")

    def log(*events):
        path.write_bytes(b"".join(events)) if events else path.unlink()

    return log


@pytest.fixture
def run(tmp_path, log):
    for name, text in ((NETSH, ANSWER), (WEVTUTIL, LOGGED)):
        program = tmp_path / name
        program.write_text(text)
        program.chmod(0o755)

    def run(platform, *arguments, net_connections=None):
        environment = {
            **os.environ,
            "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": f"{ROOT / 'tests/simulated_platform'}{os.pathsep}{ROOT}",
            "SIMULATED_PLATFORM": platform,
            "SystemRoot": r"C:\Windows",
        }
        if net_connections:
            environment["SIMULATED_NET_CONNECTIONS"] = net_connections
        done = subprocess.run(
            [sys.executable, *arguments], capture_output=True, env=environment
        )
        # ASCII, which every code page has
        stdout, stderr = done.stdout.decode("ascii"), done.stderr.decode()
        return PluginRun(done.returncode, stdout, stderr)

    return run


@pytest.fixture
def check(run):
    def check(platform, *arguments, **more):
        return run(platform, "-m", "check_ephemeral_port", *arguments, **more)

    return check


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_module_can_be_imported(run, platform):
    code = f"for name in {MODULES}: __import__(name)\nprint('done')"
    assert run(platform, "-c", code) == PluginRun(0, "done\n", "")


@pytest.mark.parametrize(
    "platform, module",
    [
        ("win32", "fcntl"),
        ("win32", "pwd"),
        ("darwin", "resource"),
        ("freebsd14", "pwd"),
    ],
)
def test_features_of_linux_are_really_missing(run, platform, module):
    done = run(platform, "-c", f"import {module}")
    assert f"No module named '{module}'" in done.stderr
    done = run(platform, "-c", "import socket; socket.AF_NETLINK")
    assert "has no attribute 'AF_NETLINK'" in done.stderr


@pytest.mark.parametrize("platform", PLATFORMS)
def test_help(check, platform):
    asked = check(platform, "--help")
    assert (asked.exit_code, asked.stderr) == (3, "")
    assert asked.stdout.startswith("usage: check_ephemeral_port")


MAKE_EXE = """
import sys
from pip._vendor.distlib.scripts import ScriptMaker
maker = ScriptMaker(None, sys.argv[1])
maker.variants = {""}
maker.make(sys.argv[2])
"""


def test_pip_makes_an_exe_that_is_the_program(run, tmp_path):
    if not list(Path(distlib.__file__).parent.glob("*.exe")):
        # distributions leave them out
        skip_without("pip's launchers for Windows", "pip install --force-reinstall pip")
    points = distribution("check_ephemeral_port").entry_points
    (point,) = (point for point in points if point.group == "console_scripts")
    script = f"{point.name} = {point.value}"
    assert run("win32", "-c", MAKE_EXE, str(tmp_path), script).stderr == ""
    exe = tmp_path / "check_ephemeral_port.exe"
    assert exe.read_bytes().startswith(b"MZ")
    # the launcher starts Python with its own path; Python runs the zip at its end
    done = run("win32", str(exe), "--version")
    version = f"check_ephemeral_port {check_ephemeral_port.__version__}, MIT license\n"
    assert done == PluginRun(3, version, "")


# the recorded rows hold TCP ports 50000-50002 and 50005, on Windows also 50003 and
# 50004, and UDP ports 50010 and 50011. The recorded netsh excludes 49711-50010,
# 50111-50310 and 51099-51198
@pytest.mark.parametrize(
    "platform, pool, tcp, connect, udp",
    [
        ("win32", 15784, 0, 0, 1),
        ("darwin", 16384, 4, 4, 2),
        ("freebsd14", 55536, 4, 3, 2),
    ],
)
def test_figures(check, platform, pool, tcp, connect, udp):
    done = check(platform)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.status.startswith("EPHEMERAL_PORT OK - 0")
    free = {label: done.perfdata[f"{label}_free"] for label in ("tcp_bind", "udp_bind")}
    assert free == {"tcp_bind": pool - tcp, "udp_bind": pool - udp}
    assert done.perfdata["tcp_connect_free"] == pool - connect
    assert done.perfdata["tcp_connect_fast"] == done.perfdata["tcp_connect"]


UNLISTED = {
    "win32": "note: bound but idle TCP sockets can't be counted\n",
    "darwin": "note: 1000 more TCP sockets exist, most likely in TIME_WAIT\n",
    "freebsd14": "note: 2000 more TCP sockets exist, most likely in TIME_WAIT\n",
}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_unlisted_sockets_widen_the_bounds(check, platform):
    done = check(platform, "-vv")
    low, high = done.free_bounds("tcp_connect")
    assert low == max(0, high - {"darwin": 1000, "freebsd14": 2000}.get(platform, high))
    assert UNLISTED[platform] in done.stdout


@pytest.mark.parametrize("platform", PLATFORMS)
def test_invisible_time_wait_is_not_reported_as_zero(check, platform):
    done = check(platform)
    low, _ = check(platform, "-vv").free_bounds("tcp_connect")
    expected = f"perhaps only {low} since TIME_WAIT is not visible here"
    assert (expected in done.status) is (platform != "win32")
    assert ("tcp_time_wait" in done.perfdata) is (platform == "win32")


@pytest.mark.parametrize(
    "platform, rule",
    [
        ("win32", "every TCP port in use counts for every destination"),
        ("darwin", "connect() takes an unused port here, whatever its destination"),
    ],
)
def test_a_note_states_the_rule_where_destinations_do_not_share_ports(
    check, platform, rule
):
    done = check(platform, "-v")
    assert f"note: {rule}\n" in done.stdout
    assert "for TCP connect() used" in done.status
    assert "fullest destinations" not in done.stdout


def test_freebsd_counts_by_destination(check):
    done = check("freebsd14", "-v", "-d", "192.0.2.7:443")
    # the listener, the bound socket and one connection
    assert done.perfdata["tcp_connect_192.0.2.7:443_free"] == 55536 - 3
    assert "192.0.2.7:443 from 198.51.100.5" in done.stdout


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize(
    "arguments",
    [["--sampler", "sock_diag"], ["--probe"], ["--netns", "web"], ["--all-netns"]],
    ids=" ".join,
)
def test_linux_options_are_refused_in_one_line(check, platform, arguments):
    done = check(platform, *arguments)
    assert (done.exit_code, done.stderr) == (3, "")
    assert done.stdout.startswith(f"EPHEMERAL_PORT UNKNOWN - {arguments[0]} ")
    assert done.stdout.endswith(" on Linux only\n") and done.stdout.count("\n") == 1


@pytest.mark.parametrize("platform, ports", [("darwin", 3), ("freebsd14", 2)])
def test_an_alarm_names_the_holder(check, platform, ports):
    done = check(platform, "--free-critical", "99999:", "--protocol", "tcp")
    assert (done.exit_code, done.stderr) == (2, "")
    # the simulated psutil has no names of processes
    assert ", below 99999, perhaps only " in done.status
    assert f" since TIME_WAIT is not visible here - ?[812] holds {ports}" in done.status


@pytest.mark.parametrize(
    "platform, note",
    [
        ("win32", "psutil shows no bound but idle TCP sockets"),
        ("darwin", "psutil shows no sockets in TIME_WAIT here"),
        ("freebsd14", "psutil shows no sockets in TIME_WAIT here"),
    ],
)
def test_one_port(check, platform, note):
    done = check(platform, "--port", "50000", "-vv")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "192.0.2.7:443" in done.stdout and f"note: {note}\n" in done.stdout
    assert ("time_wait" in done.perfdata) is (platform == "win32")
    assert ("but reserved by excludedportrange" in done.status) is (platform == "win32")


WITHOUT_ROOT = """
import os, sys
os.geteuid = lambda: 65534
from check_ephemeral_port.__main__ import main
main()
"""


@pytest.mark.parametrize("arguments", [["-v"], ["-v", "--port", "50000"]], ids=" ".join)
@pytest.mark.parametrize(
    "platform, partial", [("freebsd14", True), ("darwin", False), ("win32", False)]
)
def test_a_note_says_where_sockets_of_other_users_may_be_missing(
    run, platform, partial, arguments
):
    done = run(platform, "-c", WITHOUT_ROOT, *arguments)
    assert (done.exit_code, done.stderr) == (0, "")
    note = "note: sockets of other users may be missing; run as root\n"
    assert (note in done.stdout) is partial


def test_a_history_is_refused_where_files_cannot_be_locked(check, tmp_path):
    done = check("win32", "--state-file", str(tmp_path / "ports"))
    assert (done.exit_code, done.stderr) == (3, "")
    assert "--state-file, this system has no flock()" in done.status


@pytest.mark.parametrize("platform", ["darwin", "freebsd14"])
def test_a_history_is_kept_where_files_can_be_locked(check, platform, tmp_path):
    state = ("--state-file", str(tmp_path / "ports"))
    check(platform, *state)
    done = check(platform, *state, "-v")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.count("no history yet, run 2 of 10") == 3
    assert (tmp_path / "ports").stat().st_mode & 0o777 == 0o600


def test_the_log_of_windows_is_a_witness(check, log):
    quiet = check("win32")
    assert quiet.perfdata_fields["tcp_connect_failed"] == "0;;0;0"
    assert "log" not in quiet.status
    none = "\nno event in the System log in the last hour says that no port was free\n"
    assert none in check("win32", "-v").stdout
    log(logged_event(4231), logged_event(4227), logged_event(4227))
    run = check("win32", "-v")
    assert (run.exit_code, run.stderr) == (2, "")
    assert run.status.startswith(
        "EPHEMERAL_PORT CRITICAL - connects failed in the last hour because no port was"
        " free (3 events in the System log) - it was full at that time - now 0% of "
    )
    assert run.perfdata_fields["tcp_connect_failed"] == "3;;0;0"
    assert run.perfdata["udp_failed"] == 0
    assert (
        "\nevents in the System log in the last hour: no port was free\n" in run.stdout
    )
    assert re.search(r"\n +2   4227 .* port used just now\n", run.stdout)
    assert check("win32", "--failed-critical", "3").exit_code == 0
    assert check("win32", "--protocol", "udp").exit_code == 0
    log(logged_event(4266))
    udp = check("win32")
    assert (
        "UDP requests failed in the last hour because no port was free (1 event in"
        in (udp.status)
    )


def test_a_log_that_cannot_be_read_is_a_note(check, log):
    log()
    run = check("win32")
    assert (run.exit_code, run.stderr) == (0, "")
    assert "_failed" not in run.stdout and "log" not in run.status
    note = "note: failed connects: wevtutil qe System: exit code 1\n"
    assert note in check("win32", "-v").stdout
    asked = check("win32", "--failed-critical", "0")
    assert " - failed connects are not recorded here - " in asked.status


@pytest.mark.parametrize("platform", ["darwin", "freebsd14"])
def test_elsewhere_failures_are_not_mentioned(check, platform):
    assert "failed" not in check(platform, "-v").stdout


@pytest.mark.parametrize("platform", PLATFORMS)
def test_no_connection_rate_where_time_wait_does_not_last_a_minute(check, platform):
    assert "connection rate" not in check(platform, "-vv").stdout


def test_a_refusal_is_unknown_and_names_the_fix(check):
    done = check("darwin", net_connections="refuse")
    assert (done.exit_code, done.stderr) == (3, "")
    assert done.stdout == (
        "EPHEMERAL_PORT UNKNOWN - psutil is not allowed to list the sockets of other"
        " users here, run as root\n"
    )


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_time_limit_needs_no_signal(check, platform):
    done = check(platform, "-t", "1500ms", net_connections="hang")
    assert (done.exit_code, done.stderr) == (3, "")
    assert done.stdout == (
        "EPHEMERAL_PORT UNKNOWN - timed out after 1.5 s while sampling the sockets\n"
    )
