"""The program in repeated runs, while the ports run out."""

import errno
import fcntl
import os
import re
import stat
import subprocess
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import mkdtemp

import pytest

from check_ephemeral_port.system.state_file import decode_history
from tests.support.namespace import set_sysctl
from tests.support.needs import BE_ROOT, skip_without
from tests.support.plugin_process import PROGRAM, check, with_stub
from tests.support.sockets import (
    bind_udp,
    connect,
    held_sockets,
    held_udp_ports,
    listen,
    open_sockets,
    time_wait,
)

pytestmark = pytest.mark.slow
SERVER = ("127.0.0.1", 5000)
ALONE = pytest.mark.namespace(ports="40000-40039")
WITH_USERS = pytest.mark.namespace(ports="40000-40039", users=True)
ROOMY = pytest.mark.namespace(ports="40000-40799")
NO_ALARMS = ("-w", "~:", "-c", "~:")


class Leak(threading.Thread):
    """Opens sockets at a steady rate, until the kernel refuses."""

    def __init__(self, operation, per_second):
        super().__init__(daemon=True)
        self.operation, self.per_second = operation, per_second
        self.held, self.failed_at, self.error = [], 0.0, None

    def run(self):
        begin = time.monotonic()
        while True:
            # by the clock, so that one delay does not delay the others
            due = begin + len(self.held) / self.per_second
            time.sleep(max(0, due - time.monotonic()))
            try:
                self.held.append(self.operation())
            except OSError as error:
                self.failed_at, self.error = time.monotonic(), error.errno
                return


@ROOMY
def test_the_predicted_end_is_the_real_one_within_a_tenth(tmp_path):
    leaks = {
        "tcp_connect_eta": Leak(lambda: connect(SERVER), per_second=40),
        "udp_bind_eta": Leak(bind_udp, per_second=36),
    }
    # not psutil: its time depends on the load of the whole machine
    options = (*NO_ALARMS, "--sampler", "sock_diag")
    predictions = []
    with listen():
        for leak in leaks.values():
            leak.start()
        while any(leak.is_alive() for leak in leaks.values()):
            begin = time.monotonic()
            run = check(*options, "--state-file", str(tmp_path / "state"))
            assert (run.exit_code, run.stderr) == (0, "")
            predictions.append((begin, time.monotonic(), run.perfdata))
            time.sleep(0.1)
    assert leaks["tcp_connect_eta"].error == errno.EADDRNOTAVAIL
    assert leaks["udp_bind_eta"].error == errno.EADDRINUSE
    for label, leak in leaks.items():
        assert len(leak.held) == 800
        judged = 0
        for begin, end, perfdata in predictions:
            # the run took its sample at some time in between
            most, least = leak.failed_at - begin, leak.failed_at - end
            # with less time, whole seconds are too coarse for a tenth
            if label in perfdata and least > 8:
                predicted = perfdata[label] + 0.5
                assert 0.9 * least < predicted < 1.1 * most, (label, least, most)
                judged += 1
        assert judged >= 3


@ALONE
def test_an_end_in_sight_alarms_and_names_the_leak(tmp_path):
    state = ("--state-file", str(tmp_path / "state"))
    with ExitStack() as stack:
        stack.enter_context(listen())
        for _ in range(11):
            stack.enter_context(connect(SERVER))
            before = check(*state, "--eta-warning", "1h:", "--eta-critical", "30m:")
            time.sleep(0.1)
        output = check(*state, "-v").stdout
    assert before.exit_code == 2
    assert re.fullmatch(
        r"EPHEMERAL_PORT CRITICAL - ports to 127\.0\.0\.1:5000 run out in about \d+ s"
        rf" at [\d.]+ ports/\w+, below 30 min - .*\[{os.getpid()}\] holds 11"
        r" - 27% of 40 ports to 127\.0\.0\.1:5000 used, 29 remaining",
        before.status,
    )
    field = before.perfdata_fields["tcp_connect_eta"]
    assert re.fullmatch(r"\d+s;3600:;1800:;0", field)
    assert "udp_bind_eta" not in before.perfdata
    assert re.search(
        r"^tcp_connect  [\d.]+ ports/s +\d+ s +\d+ s to \d+ s$", output, re.M
    )
    assert re.search(r"^udp_bind +not certain$", output, re.M)


@ALONE
def test_a_short_history_is_silent_unless_asked(tmp_path):
    state = ("--state-file", str(tmp_path / "state"))
    assert check(*state).stdout == check().stdout
    assert check("-v", *state).stdout.count("no history yet, run 2 of 10") == 3
    assert "history" not in check("-v").stdout


@ALONE
def test_another_range_is_noticed(tmp_path):
    state = ("-v", "--state-file", str(tmp_path / "state"))
    check(*state)
    set_sysctl("ip_local_port_range", "40000 40041")
    why = "no history yet, run 1 of 10 (the pool has changed)"
    assert check(*state).stdout.count(why) == 3


@ALONE
@pytest.mark.parametrize("content", [b"", b"\0" * 9, b"[" * 99999, b'{"version":1}'])
def test_foreign_content_is_no_history_and_no_error(tmp_path, content):
    path = tmp_path / "state"
    path.write_bytes(content)
    run = check("--state-file", str(path))
    assert (run.exit_code, run.stdout, run.stderr) == (0, check().stdout, "")
    assert len(decode_history(path.read_bytes())) == 3
    assert path.stat().st_mode & 0o777 == 0o600


@ALONE
def test_a_link_is_named_and_hides_no_alarm(tmp_path):
    path = tmp_path / "state"
    path.symlink_to("/etc/passwd")
    problem = f"no history, --state-file {path} is a symbolic link"
    run = check("--state-file", str(path))
    assert (run.exit_code, run.stderr) == (3, "")
    assert run.status.startswith(f"EPHEMERAL_PORT UNKNOWN - {problem} - 0% of 40 ports")
    assert run.perfdata == check().perfdata
    with held_udp_ports(40):
        run = check("--state-file", str(path))
    assert (run.exit_code, run.stderr) == (2, "")
    assert run.status.startswith("EPHEMERAL_PORT CRITICAL - 100% of 40 ports for UDP")
    assert f" - {problem}" in run.status


@ALONE
def test_a_path_that_cannot_be_a_state_file_is_unknown_with_all_figures():
    for path, reason in (
        ("/nowhere/state", ", there is no folder /nowhere"),
        ("/dev/null", " is not a regular file"),
    ):
        run = check("--state-file", path)
        assert (run.exit_code, run.stderr) == (3, "")
        assert f"UNKNOWN - no history, --state-file {path}{reason} - 0% " in run.status
        assert run.perfdata == check().perfdata


@ALONE
def test_a_lock_that_is_held_costs_a_small_part_of_the_time_limit(tmp_path):
    path, options = tmp_path / "state", ("-t", "5s", "-v", "--state-file")
    check(*options, str(path))
    with open(path, "rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        run = check(*options, str(path))
    assert (run.exit_code, run.stderr) == (0, "")
    assert "note: history not kept, another check has locked it: " in run.stdout


@ALONE
@pytest.mark.parametrize("held, state", [(0, "OK"), (40, "CRITICAL")])
def test_a_state_file_that_does_not_answer_does_not_cost_the_answer(
    tmp_path, held, state
):
    path = tmp_path / "state"
    hang = "import os, time\nos.rename = lambda *_, **__: time.sleep(1000)"
    env = with_stub(tmp_path, "sitecustomize", hang)
    with held_udp_ports(held):
        run = check("-t", "2s", "--state-file", str(path), env=env)
    assert (run.exit_code, run.stderr) == ({"OK": 0, "CRITICAL": 2}[state], "")
    assert run.status.startswith(f"EPHEMERAL_PORT {state} - ")
    assert f"no history, --state-file {path} does not answer" in run.status


@ALONE
@pytest.mark.parametrize("runs_before", [0, 1])
def test_a_folder_that_cannot_be_written_leaves_the_thresholds(tmp_path, runs_before):
    folder = tmp_path / "folder"
    state = f"{folder}/state"
    folder.mkdir()
    for _ in range(runs_before):
        check("--state-file", state)
    folder.chmod(0o555)
    # otherwise root writes it
    within = ["setpriv", "--bounding-set=-dac_override"]
    for held, code in ((0, 0), (40, 2)):
        with held_udp_ports(held):
            run = check("--state-file", state, within=within)
        assert (run.exit_code, run.stderr) == (code, "")
        assert f"no history, --state-file {state}, Permission denied" in run.status


@ALONE
def test_a_killed_run_leaves_nothing_behind(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "state"
    kill = "import os\nos.rename = lambda *_, **__: os.kill(os.getpid(), 9)"
    env = with_stub(tmp_path, "sitecustomize", kill)
    check("--state-file", str(path))
    before = path.read_bytes()
    for _ in range(3):
        assert check("--state-file", str(path), env=env).exit_code == -9
        assert path.read_bytes() == before
    # each has removed what the one before it had left
    (name,) = {name for name in os.listdir(folder) if name != "state"}
    assert re.fullmatch(r"state\.[0-9a-f]{16}\.new", name)
    assert check("--state-file", str(path)).exit_code == 0
    assert os.listdir(folder) == ["state"]


@ALONE
def test_runs_at_once_lose_nothing(tmp_path):
    path = tmp_path / "state"
    command = [PROGRAM, "--state-file", str(path), "--protocol", "udp"]
    runs = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(12)]
    assert [run.wait(60) for run in runs] == [0] * 12
    (series,) = decode_history(path.read_bytes()).values()
    assert len(series.points) == 12


@ALONE
def test_the_connection_rate_follows_from_time_wait_and_the_pool():
    set_sysctl("tcp_tw_reuse", 0)
    server = listen()
    time_wait(12, server, lambda: connect(SERVER))
    with held_sockets(*open_sockets(10, lambda: connect(SERVER))):
        time.sleep(1.1)  # the delay of reuse: younger TIME_WAIT does not count
        output = check("-v").stdout
    line = (
        "new connections to the fullest destination: 12/min\n"
        "the range and TIME_WAIT allow: 30/min\n"
    )
    assert line in output


@ALONE
def test_a_full_disk_is_reported_with_v_and_changes_nothing_else(tmp_path):
    fill = "cat /dev/zero > full 2>/dev/null"
    mount = f"mount -t tmpfs -o size=8k tmpfs {tmp_path} && cd {tmp_path} && {fill}"
    within = ["unshare", "-rm", "sh", "-c", f'{mount}; exec "$0" "$@"']
    plain, run = check(), check("--state-file", "state", within=within)
    assert run == plain
    output = check("-v", "--state-file", "state", within=within).stdout
    assert "note: history not kept, No space left on device: state\n" in output


@ALONE
def test_a_file_size_limit_is_reported_with_v_and_changes_nothing_else(tmp_path):
    plain = check()
    limited = {"within": ["prlimit", "--fsize=0"], "cwd": tmp_path}
    assert check("--state-file", "state", **limited) == plain
    output = check("-v", "--state-file", "state", **limited).stdout
    assert "note: history not kept, File too large: state\n" in output


AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


@pytest.fixture
def as_nobody():
    """Runs the program as a user without privilege, in a test with users."""
    if os.geteuid():
        skip_without("root, which can be another user", BE_ROOT)
    return AS_NOBODY


@WITH_USERS
def test_a_file_that_root_made_once_names_both_users_and_the_fix(as_nobody):
    folder = Path(mkdtemp())
    folder.chmod(0o777 | stat.S_ISVTX)
    state = folder / "the state"
    check("--state-file", str(state))
    run = check("--state-file", str(state), within=as_nobody)
    assert (run.exit_code, run.stderr) == (3, "")
    assert (
        f" UNKNOWN - no history, --state-file {state} belongs to root, but nobody runs"
        f" the check, as root run chown nobody '{state}' - 0% of 40 " in run.status
    )
    command = run.status.split("as root run ")[1].split(" - ")[0]
    subprocess.run(command, shell=True, check=True)
    run = check("--state-file", str(state), within=as_nobody)
    assert (run.exit_code, run.stderr) == (0, "")
    assert "history" not in run.status


@WITH_USERS
def test_a_folder_of_root_names_the_user_who_cannot_write_there(as_nobody):
    folder = Path(mkdtemp())
    folder.chmod(0o755)
    run = check("--state-file", f"{folder}/state", within=as_nobody)
    assert (run.exit_code, run.stderr) == (0, "")
    assert (
        f"no history, --state-file {folder}/state, Permission denied, nobody runs the"
        f" check and is not allowed to write in {folder}, name a file in a folder of"
        " nobody" in run.status
    )


@WITH_USERS
def test_no_other_file_gets_another_owner(as_nobody):
    run = check("--state-file", "/etc/passwd", within=as_nobody)
    assert "/etc/passwd belongs to root, but nobody runs the check, name another" in (
        run.status
    )
    assert "chown" not in run.stdout
