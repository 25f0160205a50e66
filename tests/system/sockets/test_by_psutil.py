"""Sockets listed by psutil, and its failures."""

import socket
import sys
from types import SimpleNamespace

import psutil
import pytest

from check_ephemeral_port.model.ports import PortPool, PortRange
from check_ephemeral_port.model.sockets import Endpoint
from check_ephemeral_port.system.errors import SystemReadError
from check_ephemeral_port.system.sockets import sockstat
from check_ephemeral_port.system.sockets.by_psutil import list_by_psutil
from tests.support.recorded import psutil_rows
from tests.support.sockets import bind, held_sockets, listen

EPHEMERAL = PortRange(40000, 40039)
POOL = PortPool(EPHEMERAL, reserved=[40010])
ALONE = pytest.mark.namespace(ports=str(EPHEMERAL))


@ALONE
def test_ports_outside_the_pool_are_omitted():
    ports = (39999, 40000, 40010, 40039, 40040)
    with held_sockets(*(listen("127.0.0.1", port) for port in ports)):
        found = list_by_psutil(POOL, ["tcp", "udp"]).entries
    assert sorted(entry.local.port for entry in found) == [40000, 40039]


@ALONE
def test_a_v4_mapped_connection_is_an_ipv4_one():
    server = listen()
    with socket.socket(socket.AF_INET6) as client:
        client.connect(("::ffff:127.0.0.1", 5000))
        # the kernel reserves no port here, so it can choose any of the range
        (entry,) = list_by_psutil(PortPool(EPHEMERAL), ["tcp", "udp"]).entries
    assert entry.local.address == "127.0.0.1"
    assert entry.remote == server.getsockname()


@ALONE
def test_bound_but_idle_sockets_are_counted_but_not_listed():
    with bind(), bind("::1"), listen():
        listing = list_by_psutil(POOL, ["tcp", "udp"])
    assert listing.entries == [] and not listing.visibility.bound_sockets
    assert listing.unseen_tcp_sockets >= 2


def test_hidden_counters_give_a_note_and_no_error(monkeypatch):
    def hidden(proc):
        raise SystemReadError(f"cannot read {proc}/net/sockstat")

    monkeypatch.setattr(sockstat, "read_socket_counts", hidden)
    (note,) = list_by_psutil(POOL, ["tcp", "udp"]).notes
    assert "/net/sockstat" in note


def test_an_unknown_state_is_an_error(monkeypatch):
    # SunOS has such states
    row = SimpleNamespace(
        type=socket.SOCK_STREAM,
        laddr=Endpoint("127.0.0.1", 40001),
        raddr=(),
        status="IDLE",
        pid=None,
    )
    monkeypatch.setattr(psutil, "net_connections", lambda kind: [row])
    with pytest.raises(SystemReadError, match="IDLE"):
        list_by_psutil(POOL, ["tcp", "udp"])


@pytest.mark.parametrize(
    "platform, states",
    [
        ("win32", ["TIME_WAIT", "CLOSE", None]),
        ("darwin", ["CLOSE"]),
        ("freebsd14", ["CLOSE"]),
    ],
)
def test_rows_of_other_platforms(platform, states, monkeypatch):
    folder = {"win32": "windows", "freebsd14": "freebsd"}.get(platform, platform)
    rows = psutil_rows(folder)
    monkeypatch.setattr(psutil, "net_connections", lambda kind: rows)
    monkeypatch.setattr(sys, "platform", platform)
    found = list_by_psutil(PortPool(PortRange(49152, 65535, 1)), ["tcp", "udp"])
    common = ["ESTABLISHED", "CLOSE_WAIT", "LISTEN", None, None]
    assert [e.state and e.state.value for e in found.entries] == common + states
    assert [e.protocol for e in found.entries].count("udp") == 2
    assert found.entries[2].remote is None
    assert found.unseen_tcp_sockets == 16384 and found.notes
    assert found.visibility.time_wait is (platform == "win32")


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_no_tcp_sockets_are_missing_from_a_list_of_udp(platform, monkeypatch):
    monkeypatch.setattr(psutil, "net_connections", lambda kind: [])
    monkeypatch.setattr(sys, "platform", platform)
    found = list_by_psutil(POOL, ["udp"])
    assert (found.unseen_tcp_sockets, found.notes) == (0, ())


def test_a_refusal_names_the_fix(monkeypatch):
    # as on macOS without root
    def refuse(kind):
        raise psutil.AccessDenied(pid=1)

    monkeypatch.setattr(psutil, "net_connections", refuse)
    with pytest.raises(SystemReadError, match="run as root"):
        list_by_psutil(POOL, ["tcp", "udp"])
