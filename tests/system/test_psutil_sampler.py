"""psutil's rows, and the ways in which it fails."""

import socket
from types import SimpleNamespace

import psutil
import pytest

from check_ephemeral_port.model.ports import PortRange
from check_ephemeral_port.model.sockets import Endpoint
from check_ephemeral_port.system import psutil_sampler
from check_ephemeral_port.system.errors import SystemReadError
from check_ephemeral_port.system.psutil_sampler import sample_by_psutil
from tests.kernel.sockets import bind, listen

EPHEMERAL = PortRange(40000, 40039)
ALONE = pytest.mark.namespace(ports=str(EPHEMERAL))


@ALONE
def test_ports_outside_of_the_range_are_left_out():
    held = [listen("127.0.0.1", port) for port in (39999, 40000, 40039, 40040)]
    found = sample_by_psutil(EPHEMERAL).entries
    assert sorted(entry.local.port for entry in found) == [40000, 40039]
    assert held


@ALONE
def test_a_v4_mapped_connection_is_an_ipv4_one():
    server = listen()
    with socket.socket(socket.AF_INET6) as client:
        client.connect(("::ffff:127.0.0.1", 5000))
        (entry,) = sample_by_psutil(EPHEMERAL).entries
    assert entry.local.address == "127.0.0.1"
    assert entry.remote == server.getsockname()


@ALONE
def test_bound_but_idle_sockets_are_counted_though_not_seen():
    held = [bind(), bind("::1"), listen()]
    sample = sample_by_psutil(EPHEMERAL)
    assert sample.entries == [] and not sample.visibility.bound_sockets
    assert sample.unseen_tcp_sockets >= 2
    assert held


def test_counters_that_a_sandbox_hides_are_no_reason_to_fail(monkeypatch):
    def hidden():
        raise SystemReadError("cannot read /proc/net/sockstat")

    monkeypatch.setattr(psutil_sampler, "read_socket_counts", hidden)
    (note,) = sample_by_psutil(EPHEMERAL).notes
    assert "/proc/net/sockstat" in note


def test_a_state_that_nobody_knows_is_an_error_of_the_system(monkeypatch):
    # Windows and SunOS have a few of their own
    row = SimpleNamespace(
        type=socket.SOCK_STREAM,
        laddr=Endpoint("127.0.0.1", 40001),
        raddr=(),
        status="DELETE_TCB",
        pid=None,
    )
    monkeypatch.setattr(psutil, "net_connections", lambda kind: [row])
    with pytest.raises(SystemReadError, match="DELETE_TCB"):
        sample_by_psutil(EPHEMERAL)
