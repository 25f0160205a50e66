"""Switching a recorder on and off, in the real tracefs."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from check_ephemeral_port.model.failed.counts import TCP_CONNECT, UDP
from check_ephemeral_port.system import recorder_name
from check_ephemeral_port.system.errors import SystemReadError
from check_ephemeral_port.system.recorder import switch
from check_ephemeral_port.system.recorder.definitions import WAYS, Probe, Way
from check_ephemeral_port.system.recorder.reading import recorded_kinds
from tests.support.recorder import TRACEFS, instance, path

RECORDED = pytest.mark.namespace(ports="40000-40039", recorder=True)
MOUNTED = Path("/run/check_ephemeral_port")
GROUP, GID = "daemon", 1


def of_connect(kinds):
    return next(kind for kind in kinds if kind.kind == TCP_CONNECT)


def traces_of(name):
    """What tracefs and the mount table have of the recorder."""
    found = [*TRACEFS.glob(f"instances/{name}*"), *TRACEFS.glob(f"events/{name}*")]
    events = (TRACEFS / "dynamic_events").read_text()
    return found, name in events, name in Path("/proc/self/mounts").read_text()


@RECORDED
def test_on_and_off_can_be_given_twice_and_leave_nothing_behind():
    assert not of_connect(switch.read_status()).is_on
    assert of_connect(switch.switch_on())[1:3] == (True, True)
    assert of_connect(switch.switch_on())[1:3] == (True, False)
    assert of_connect(switch.read_status()).is_on
    assert of_connect(switch.switch_off())[1:3] == (False, True)
    assert of_connect(switch.switch_off())[1:3] == (False, False)
    assert traces_of(recorder_name()) == ([], False, False)
    assert not MOUNTED.exists()


@RECORDED
def test_a_kind_is_recorded_or_the_kernel_has_refused_it():
    for kind in switch.switch_on():
        assert kind.is_on != bool(kind.refused)
        if not kind.is_on:
            assert [text.split(":")[0] for text in kind.refused] == ["fprobe", "kprobe"]


@RECORDED
def test_it_repairs_a_recorder_that_is_half_made():
    instance().mkdir()
    assert not of_connect(switch.read_status()).is_on
    assert of_connect(switch.switch_on())[1:3] == (True, True)


@RECORDED
def test_it_mounts_again_what_was_removed_and_made_again():
    switch.switch_on()
    old = path()
    (instance() / "events/sock/inet_sock_set_state/enable").write_text("0")
    instance().rmdir()
    switch.switch_on()
    assert os.path.samefile(old, instance())


@RECORDED
def test_other_tracers_keep_what_they_have():
    other = TRACEFS / "instances" / f"{recorder_name()}x"
    other.mkdir()
    try:
        event = other / "events/sock/inet_sock_set_state"
        (event / "enable").write_text("1")
        top = (TRACEFS / "set_event").read_text()
        switch.switch_on()
        switch.switch_off()
        assert (event / "enable").read_text() == "1\n"
        assert (event / "filter").read_text() == "none\n"
        assert (TRACEFS / "set_event").read_text() == top
    finally:
        (event / "enable").write_text("0")
        other.rmdir()


@RECORDED
def test_a_group_can_read_but_neither_consume_nor_clear():
    switch.switch_on()
    folder = path()
    assert folder == f"{MOUNTED}/{recorder_name()}"
    switch.switch_on(GROUP)
    as_group = ["setpriv", "--reuid", "2", "--regid", str(GID), "--clear-groups"]
    cpu = "per_cpu/cpu0"
    for readable in ("trace", "tracing_on", f"{cpu}/stats"):
        subprocess.run([*as_group, "cat", f"{folder}/{readable}"], check=True)
    for closed in ("trace_pipe", f"{cpu}/trace", "set_event"):
        assert subprocess.run([*as_group, "cat", f"{folder}/{closed}"]).returncode
    clear = subprocess.run(["sh", "-c", f"echo > {folder}/trace"])
    assert clear.returncode  # even root


@RECORDED
def test_a_strict_umask_does_not_shut_the_group_out():
    os.umask(0o077)
    switch.switch_on(GROUP)
    as_group = ["setpriv", "--reuid", "2", "--regid", str(GID), "--clear-groups"]
    subprocess.run([*as_group, "cat", f"{path()}/trace"], check=True)


@RECORDED
def test_without_a_group_nobody_else_can_read():
    switch.switch_on()
    mode = os.stat(path())
    assert (mode.st_gid, stat.S_IMODE(mode.st_mode) & 0o007) == (0, 0)


@RECORDED
def test_a_reader_delays_the_end(monkeypatch):
    monkeypatch.setattr(switch, "BUSY_LIMIT_SECONDS", 0)
    switch.switch_on()
    with open(f"{path()}/trace") as reader:
        reader.read()
        with pytest.raises(SystemReadError, match="busy"):
            switch.switch_off()
    switch.switch_off()


@RECORDED
def test_a_failure_leaves_nothing_behind(monkeypatch):
    way = WAYS[TCP_CONNECT]._replace(filter="nonsense == 1")
    monkeypatch.setitem(WAYS, TCP_CONNECT, way)
    with pytest.raises(SystemReadError, match="filter: Invalid argument"):
        switch.switch_on()
    assert traces_of(recorder_name()) == ([], False, False)


REFUSED = Probe("nonsense", ["no_such_function"], "f")
UPROBE = Probe("uprobe", [f"{sys.executable}:0x1000"], "p")
"""Even kernels without fprobes and kprobes have this kind of probe."""


@RECORDED
def test_the_first_definition_that_the_kernel_takes_is_used(monkeypatch):
    way = Way("common_pid == 1", probes=[REFUSED, UPROBE])
    monkeypatch.setitem(WAYS, UDP, way)
    events = TRACEFS / "dynamic_events"
    other = f"p:{recorder_name()}_other/one {sys.executable}:0x1000"
    append(events, other)
    try:
        (udp,) = (kind for kind in switch.switch_on() if kind.kind == UDP)
        assert (udp.is_on, len(udp.refused)) == (True, 1)
        assert udp.refused[0].startswith("nonsense: ")
        assert recorded_kinds(path())[UDP] == f"{path()}_udp"
        assert f"{recorder_name()}/udp" in events.read_text()
        switch.switch_off()
        assert f"{recorder_name()}/" not in events.read_text()
        assert f"{recorder_name()}_other/one" in events.read_text()
    finally:
        append(events, f"-:{recorder_name()}_other/one")


@RECORDED
def test_one_event_can_be_that_of_several_functions(monkeypatch):
    places = [f"{sys.executable}:{place}" for place in ("0x1000", "0x1010")]
    refused = Probe("half", [places[0], f"{sys.executable}:nonsense"], "p")
    probe = Probe("uprobe", places, "p")
    monkeypatch.setitem(WAYS, UDP, Way("common_pid == 1", probes=[refused, probe]))
    kinds = {kind.kind: kind for kind in switch.switch_on()}
    assert kinds[UDP].is_on
    assert [text.split(":")[0] for text in kinds[UDP].refused] == ["half"]
    defined = (TRACEFS / "dynamic_events").read_text()
    assert defined.count(f":{recorder_name()}/udp ") == 2
    switch.switch_off()
    assert traces_of(recorder_name()) == ([], False, False)


def append(file, text):
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND)
    os.write(descriptor, text.encode())
    os.close(descriptor)


@RECORDED
def test_a_kind_that_fails_later_is_refused_as_well(monkeypatch):
    monkeypatch.setitem(WAYS, UDP, Way("nonsense == 1", probes=[UPROBE]))
    kinds = {kind.kind: kind for kind in switch.switch_on()}
    assert kinds[TCP_CONNECT].is_on and not kinds[UDP].is_on
    assert kinds[UDP].refused[0].endswith("/filter: Invalid argument")
    assert f"{recorder_name()}/udp " not in (TRACEFS / "dynamic_events").read_text()


@RECORDED
def test_an_event_that_the_kernel_lacks_is_named(monkeypatch):
    way = WAYS[TCP_CONNECT]._replace(event="sock/no_such_event")
    monkeypatch.setitem(WAYS, TCP_CONNECT, way)
    with pytest.raises(SystemReadError, match="has no event sock/no_such_event"):
        switch.switch_on()
    assert traces_of(recorder_name()) == ([], False, False)


@RECORDED
def test_without_tracefs_the_reason_is_clear(tmp_path):
    with pytest.raises(SystemReadError, match=f"tracefs is not mounted at {tmp_path}"):
        switch.switch_on(tracefs=str(tmp_path))


@RECORDED
def test_an_unknown_group_changes_nothing():
    with pytest.raises(SystemReadError, match="there is no group 'no such'"):
        switch.switch_on("no such")
    assert traces_of(recorder_name()) == ([], False, False)


@RECORDED
def test_only_root_can_use_it():
    os.seteuid(1)
    for command in (switch.switch_on, switch.switch_off, switch.read_status):
        with pytest.raises(SystemReadError, match="root only"):
            command()


@pytest.mark.parametrize("name", ["../x", "a b", "1x", "\u00e4"])
def test_a_name_must_be_plain(monkeypatch, name):
    monkeypatch.setenv("CHECK_EPHEMERAL_PORT_RECORDER", name)
    with pytest.raises(SystemReadError, match="is not a plain name"):
        recorder_name()
