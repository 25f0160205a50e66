"""The record of failed requests, as a user of the program sees it."""

import os

import pytest

from tests.support.plugin_process import assert_unknown, check
from tests.support.recorder import instance

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
    for line, name in zip(others, ("bind() to port 0", "UDP")):
        refused = "not recorded, the kernel refused fprobe: "
        assert line.startswith((f"{name}: {refused}", f"{name}: now recorded, "))
    assert others[2].startswith("Each TCP connection takes 0.8 us longer. ")
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
    reason = "--recorder-group: there is no group 'no such group'"
    assert_unknown(check("--recorder", "on", *group), reason)
    as_other = ("setpriv", "--reuid", "1", "--clear-groups")
    for command in ("on", "off", "status"):
        run = check("--recorder", command, within=as_other)
        assert_unknown(run, "--recorder: only root can use it")
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
    run = check("--recorder", "status")
    assert_unknown(run, "CHECK_EPHEMERAL_PORT_RECORDER: '../x' is not a plain name")
