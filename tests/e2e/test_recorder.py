"""The record of failed requests, as a user of the program sees it."""

import contextlib
import fcntl
import os
import re
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.namespace import add_namespace
from tests.support.plugin_process import (
    PROGRAM,
    assert_unknown,
    check,
    with_stub,
)
from tests.support.recorder import clear, fail, instance, own_port, path, record_only

RECORDED = pytest.mark.namespace(ports="40000-40039", recorder=True)


@RECORDED
def test_on_status_and_off():
    status = check("--recorder", "status")
    assert (status.exit_code, status.stderr) == (1, "")
    assert status.stdout == "The recorder of failed connects is off.\n"
    run = check("--recorder", "on")
    assert (run.exit_code, run.stderr) == (0, "")
    first, connect, *others = run.stdout.splitlines()
    assert first == "The recorder of failed connects is on."
    assert connect.startswith("TCP connect(): now recorded, ")
    chosen = "chosen ports that are taken"
    for line, name in zip(others, ("bind() to port 0", "UDP", chosen)):
        refused = "not recorded, the kernel refused fprobe: "
        assert line.startswith((f"{name}: {refused}", f"{name}: now recorded, "))
    assert others[3].startswith("Each TCP connection takes 0.8 us longer. ")
    again = check("--recorder", "on")
    assert again.exit_code == 0
    assert "now recorded" not in again.stdout and "0.8 us" not in again.stdout
    status = check("--recorder", "status")
    assert status.exit_code == 0
    assert status.stdout.startswith("The recorder of failed connects is on.\nTCP conn")
    for was in ("It was on, and everything it recorded is gone.", "It was off."):
        run = check("--recorder", "off")
        assert run.exit_code == 0
        assert run.stdout == f"The recorder of failed connects is off.\n{was}\n"
    assert not instance().exists()


@RECORDED
def test_what_goes_wrong_is_one_line():
    group = ("--recorder-group", "no such group")
    reason = "--recorder-group there is no group 'no such group'"
    assert_unknown(check("--recorder", "on", *group), reason)
    as_other = ("setpriv", "--reuid", "1", "--clear-groups")
    for command in ("on", "off", "status"):
        run = check("--recorder", command, within=as_other)
        assert_unknown(run, "--recorder is for root only")
    without = (
        "unshare",
        "--mount",
        "sh",
        "-c",
        'umount /sys/kernel/tracing; "$0" "$@"',
    )
    for command in ("on", "off", "status"):
        run = check("--recorder", command, within=without)
        assert_unknown(run, "tracefs is not mounted at /sys/kernel/tracing")
    os.environ["CHECK_EPHEMERAL_PORT_RECORDER"] = "../x"
    assert_unknown(check(), "CHECK_EPHEMERAL_PORT_RECORDER, '../x' is not a plain name")


@contextmanager
def recorder(port):
    """A recorder of connects to this port."""
    assert check("--recorder", "on").exit_code == 0
    record_only(port)
    yield
    assert check("--recorder", "off").exit_code == 0


def failed(run):
    return run.perfdata["tcp_connect_failed"]


@RECORDED
def test_a_burst_between_two_runs_is_critical_once(tmp_path):
    state, port = ("--state-file", str(tmp_path / "state")), own_port()
    with recorder(port):
        before = check(*state)
        assert (before.exit_code, failed(before)) == (0, 0)
        fail(port, 12)
        burst = check(*state)
        assert (burst.exit_code, burst.stderr, failed(burst)) == (2, "", 12)
        name = Path("/proc/self/comm").read_text().strip()
        assert burst.status.startswith(
            "EPHEMERAL_PORT CRITICAL - 12 connects failed since the last check because"
            f" no port was free, all to 127.0.0.1:{port} by {name} - "
            "it was full between the checks - now 0% of 40 ports for TCP connect() used"
        )
        assert burst.perfdata_fields["tcp_connect_failed"] == "12;;0;0"
        after = check(*state)
        assert (after.exit_code, failed(after)) == (0, 0)
        assert after.status == before.status


@RECORDED
def test_a_table_shows_whose_they_were(tmp_path):
    port = own_port()
    with recorder(port):
        fail(port, 12)
        run = check("-v")
    assert run.exit_code == 0
    title = "failed because no port was free, since the recorder was switched on "
    assert f"\n{title}" in run.stdout
    name = Path("/proc/self/comm").read_text().strip()
    time = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    assert re.search(
        rf"^    12  {name} +127\.0\.0\.1:{port}  127\.0\.0\.1\n"
        rf" +root  own    {time}  {time}$",
        run.stdout,
        re.MULTILINE,
    )


@RECORDED
def test_each_check_has_its_own_last_run(tmp_path):
    port = own_port()
    one, two = (("--state-file", str(tmp_path / name)) for name in ("one", "two"))
    udp = (*one, "--protocol", "udp")
    other = (*one, "-w", "70")
    with recorder(port):
        for arguments in (one, two, other, udp):
            check(*arguments)
        fail(port, 3)
        assert failed(check(*one)) == 3
        fail(port, 2)
        assert failed(check(*one, "-v", "--top", "3")) == 2  # the same check
        assert failed(check(*two)) == failed(check(*other)) == 5
        assert "tcp_connect_failed" not in check(*udp).perfdata
        assert [failed(check(*each)) for each in (one, two, other)] == [0, 0, 0]


@RECORDED
def test_runs_at_the_same_time_count_each_failure_once(tmp_path):
    state, port = ("--state-file", str(tmp_path / "state")), own_port()
    command = [PROGRAM, *state]
    with recorder(port):
        check(*state)
        fail(port, 9)
        runs = [
            subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            for _ in range(6)
        ]
        counts = re.findall(
            r" tcp_connect_failed=(\d+)", "".join(run.communicate()[0] for run in runs)
        )
    assert sorted(counts) == ["0"] * 5 + ["9"]


@RECORDED
def test_two_readers_count_each_failure_once_while_they_happen(tmp_path):
    states = [("--state-file", str(tmp_path / name)) for name in ("one", "two")]
    port, sums = own_port(), [0.0, 0.0]
    with recorder(port):
        for state in states:
            check(*state)
        failing = os.fork()
        if failing == 0:
            for _ in range(20):
                fail(port, 100)
                time.sleep(0.05)
            os._exit(0)
        while True:
            is_over = os.waitpid(failing, os.WNOHANG) != (0, 0)
            for number, state in enumerate(states):
                sums[number] += failed(check(*state))
            if is_over:
                break
    assert sums == [2000, 2000]


@RECORDED
def test_a_cleared_a_new_and_a_lost_recorder(tmp_path):
    state, port = ("--state-file", str(tmp_path / "state")), own_port()
    with recorder(port):
        check(*state)
        fail(port, 5)
        assert failed(check(*state)) == 5
        clear()
        fail(port, 2)
        assert failed(check(*state)) == 2
    with recorder(port):
        fail(port, 3)
        assert failed(check(*state)) == 3
        (instance() / "tracing_on").write_text("0")
        paused = check(*state)
        assert " - the recorder of failed connects is paused - " in paused.status
    gone = check(*state)
    assert gone.exit_code == 0
    was_on = "the recorder of failed connects was on at the last check and is off now"
    assert f" - {was_on} - " in gone.status
    assert "recorder" not in check(*state).stdout


WITHOUT_OVERRIDE = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
"""Otherwise root reads and writes every file."""


def forbid_folder(file):
    file.parent.chmod(0o555)


def forbid_file(file):
    file.chmod(0o400)
    file.parent.chmod(0o555)


def remove_and_forbid(file):
    file.unlink()
    file.parent.chmod(0o555)


def shut_folder(file):
    file.parent.chmod(0o000)


def remove_folder(file):
    file.unlink()
    file.parent.rmdir()


def damage(file):
    file.write_text(file.read_text()[:-1])


def other_version(file):
    file.write_text(file.read_text().replace('"version":1', '"version":2'))


def replace_by_link(file):
    file.rename(file.with_name("other"))
    file.symlink_to(file.with_name("other"))


EARLIER, ALL = 4, 4 + 3
KEPT = "an earlier check"
NOT_KEPT = r"the recorder was switched on \d+ s ago"


@RECORDED
@pytest.mark.parametrize(
    "break_file, count, since, reason",
    [
        (forbid_folder, 3, KEPT, "--state-file FILE, Permission denied, root runs .*"),
        (forbid_file, 3, KEPT, "--state-file FILE, Permission denied, root runs .*"),
        (
            remove_and_forbid,
            ALL,
            NOT_KEPT,
            "--state-file FILE, Permission denied, root runs .*",
        ),
        (
            shut_folder,
            ALL,
            NOT_KEPT,
            "--state-file FILE, Permission denied, root runs .*",
        ),
        (remove_folder, ALL, NOT_KEPT, "--state-file FILE, there is no folder .*"),
        (replace_by_link, ALL, NOT_KEPT, "--state-file FILE is a symbolic link"),
        (damage, ALL, NOT_KEPT, "--state-file was damaged"),
        (other_version, ALL, NOT_KEPT, "--state-file was damaged"),
    ],
)
def test_a_state_file_that_is_broken_loses_no_failure(
    tmp_path, break_file, count, since, reason
):
    file, port = tmp_path / "folder" / "state", own_port()
    file.parent.mkdir()
    with recorder(port):
        fail(port, EARLIER)
        check("--state-file", str(file))
        break_file(file)
        fail(port, 3)
        runs = [
            check("--state-file", str(file), within=WITHOUT_OVERRIDE) for _ in range(2)
        ]
    file.parent.exists() and file.parent.chmod(0o755)
    reason = reason.replace("FILE", str(file))
    told = rf" - new failures cannot be distinguished from earlier ones \({reason}\)"
    line = (
        rf"EPHEMERAL_PORT CRITICAL - {count} connects failed since {since} because .*"
    )
    assert (runs[0].exit_code, failed(runs[0])) == (2, count)
    assert re.match(line + told, runs[0].status)
    if reason == "--state-file was damaged":  # it has been replaced
        assert (runs[1].exit_code, failed(runs[1])) == (0, 0)
    else:  # the alarm lasts, but says why
        assert (runs[1].exit_code, failed(runs[1])) == (2, count)
        assert re.match(line + told, runs[1].status)


def folder_for_all():
    """A folder like ``/tmp``, on this test's own ``/run``."""
    folder = Path("/run/all")
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


@RECORDED
def test_a_state_file_of_another_user_loses_no_failure():
    file, port = folder_for_all() / "state", own_port()
    as_user = ("setpriv", "--reuid", "2", "--regid", "2", "--groups", "1")
    with recorder(port):
        check("--recorder", "on", "--recorder-group", "daemon")
        check("--state-file", str(file))
        fail(port, 3)
        run = check("--state-file", str(file), within=as_user)
    assert (run.exit_code, failed(run)) == (2, 3)
    assert (
        " belongs to root, but bin runs the check, as root run chown bin " in run.status
    )


@RECORDED
def test_a_locked_state_file_loses_no_failure(tmp_path):
    file, port = tmp_path / "state", own_port()
    with recorder(port):
        fail(port, EARLIER)
        check("--state-file", str(file))
        fail(port, 3)
        with open(file, "rb") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            run = check("--state-file", str(file), "-t", "5s")
        assert (run.exit_code, failed(run)) == (2, 3)
        assert "earlier ones (--state-file " in run.status
        assert ", another check has locked it)" in run.status
        # the run that could not keep its count leaves the failures to the next one
        assert failed(check("--state-file", str(file))) == 3
        assert failed(check("--state-file", str(file))) == 0


@RECORDED
def test_a_full_disk_loses_no_failure(tmp_path):
    port = own_port()
    state = ("--state-file", str(tmp_path / "state"))
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", tmp_path], check=True
    )
    with recorder(port):
        fail(port, EARLIER)
        check(*state)
        with open(tmp_path / "big", "wb", buffering=0) as file:
            with contextlib.suppress(OSError):  # the disk is full
                while True:
                    file.write(bytes(4096))
        assert (check(*state).exit_code, failed(check(*state))) == (0, 0)
        fail(port, 3)
        for _ in range(2):
            run = check(*state)
            assert (run.exit_code, failed(run)) == (2, 3)
            assert ", No space left on device) - it was full" in run.status
        (tmp_path / "big").unlink()
        assert failed(check(*state)) == 3
        assert failed(check(*state)) == 0


@RECORDED
def test_a_state_file_that_does_not_answer_loses_no_failure(tmp_path):
    port = own_port()
    hang = "import os, time\nos.rename = lambda *_, **__: time.sleep(1000)"
    env = with_stub(tmp_path, "sitecustomize", hang)
    with recorder(port):
        fail(port, 3)
        run = check("-t", "2s", "--state-file", str(tmp_path / "state"), env=env)
    assert (run.exit_code, failed(run)) == (2, 3)
    assert "from earlier ones (--state-file does not answer) - " in run.status


@RECORDED
def test_a_recorder_that_cannot_be_read_any_more_is_said():
    state, port = ("--state-file", str(folder_for_all() / "state")), own_port()
    as_user = ("setpriv", "--reuid", "2", "--regid", "2", "--groups", "1")
    with recorder(port):
        check("--recorder", "on", "--recorder-group", "daemon")
        assert failed(check(*state, within=as_user)) == 0
        fail(port, 2)
        # not chmod(), since each mount of tracefs by a neighbor sets the modes again
        cpus = f"{path()}/per_cpu"
        hide = ["mount", "-t", "tmpfs", "-o", "mode=700", "tmpfs", cpus]
        subprocess.run(hide, check=True)
        for _ in range(2):
            run = check(*state, "-v", within=as_user)
            assert run.exit_code == 0
            unreadable = "the recorder of failed connects cannot be read any more"
            assert f" - {unreadable} - " in run.status
            assert f"note: failed connects: cannot read {path()}/per" in run.stdout
        subprocess.run(["umount", cpus], check=True)
        assert failed(check(*state, within=as_user)) == 2


@RECORDED
def test_after_a_reboot_all_failures_count(tmp_path):
    file, port = tmp_path / "state", own_port()
    with recorder(port):
        fail(port, 5)
        check("--state-file", str(file))
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        text = file.read_text()
        assert boot in text
        file.write_text(text.replace(boot, boot[::-1]))
        fail(port, 1)
        run = check("--state-file", str(file))
    assert (run.exit_code, failed(run)) == (2, 6)


@RECORDED
def test_without_a_recorder_only_v_says_so():
    plain = check()
    assert "record" not in plain.stdout
    note = "note: failed connects are not recorded here (see --recorder)"
    assert note in check("-v").stdout.splitlines()
    # without tracefs, and in a container, which has a new sysfs and other users
    umount = 'umount /sys/kernel/tracing; exec "$0" "$@"'
    mount = 'mount -t sysfs sysfs /sys; exec "$0" "$@"'
    for within in (
        ("unshare", "--mount", "sh", "-c", umount),
        ("unshare", "-Urnm", "sh", "-c", mount),
    ):
        run = check("-v", within=within)
        assert (run.exit_code, run.stderr) == (0, "")
        assert "record" not in run.status and note in run.stdout.splitlines()
    asked = check("--failed-critical", "5")
    assert asked.exit_code == 0
    connect, udp = plain.status.rsplit(" - ", 1)
    assert asked.status == f"{connect} - failed connects are not recorded here - {udp}"


@RECORDED
def test_other_users_can_read_it_by_group_only():
    port = own_port()
    as_user = ("setpriv", "--reuid", "2", "--regid", "2", "--groups", "1")
    with recorder(port):
        fail(port, 4)
        run = check("-v", within=as_user)
        assert run.exit_code == 0 and "_failed" not in run.stdout
        reason = f"cannot read {path()}/per_cpu: Permission denied"
        assert f"note: failed connects: {reason}"[:78] in run.stdout
        check("--recorder", "on", "--recorder-group", "daemon")
        assert failed(check(within=as_user)) == 4
        # the counts do not depend on the details
        (instance() / "trace").chmod(0o400)
        run = check("--failed-critical", "0", within=as_user)
        assert (run.exit_code, failed(run)) == (2, 4)
        assert "because no port was free - it was full at that time" in run.status


@RECORDED
def test_failures_of_another_namespace_are_not_blamed_on_the_observed_one():
    port = own_port()
    web = add_namespace("web", "50000-50001")
    with recorder(port):
        fail(port, 3)
        run = check("--netns", web, "--failed-critical", "0")
    assert run.exit_code == 2
    assert re.match(
        r"EPHEMERAL_PORT CRITICAL - 3 connects failed since the recorder was switched"
        rf" on \d+ s ago because no port was free, all to 127\.0\.0\.1:{port} by \S+"
        r" - it was full at that time - in netns \S+ now 0% of 2 ports ",
        run.status,
    )


@RECORDED
@pytest.mark.parametrize(
    "name, shown",
    [
        ("a|b\n<c>&`\x1b\u202e", "?c?????"),
        ("x-1 [000] .. 1", "x-1_[000]_.._1"),
        ("<...>", None),
    ],
)
def test_a_hostile_name_of_a_program_breaks_nothing(name, shown):
    Path("/proc/self/comm").write_text(name)
    port = own_port()
    with recorder(port):
        fail(port, 2)
        run = check("-v", "--failed-critical", "0")
    assert run.exit_code == 2
    first, *lines = run.stdout.splitlines()
    assert first.count("|") == 1 and first.isascii() and first.isprintable()
    assert f", all to 127.0.0.1:{port} by " in first
    assert "|" not in "".join(lines)
    if shown:
        assert f" by {shown} - " in first, first[:300]
