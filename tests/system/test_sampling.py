"""Who looks, and how two looks become one."""

import os
import socket
from collections import Counter

import pytest

from check_ephemeral_port.model.ports import PortRange
from check_ephemeral_port.model.sockets import SocketSample, TcpState, Visibility
from check_ephemeral_port.system import sampling
from check_ephemeral_port.system.errors import SystemReadError
from check_ephemeral_port.system.sampling import supplement, take_sample
from tests.kernel.sockets import (
    bind,
    bind_udp,
    connect,
    connect_udp,
    established,
    listen,
    open_sockets,
    time_wait,
)
from tests.model.builders import SEES_ALL, bound, connected, waiting
from tests.plugin_process import check

PORTS = PortRange(40000, 40099)
SEES_LITTLE = Visibility(False, False, False, False)
SERVER = ("127.0.0.1", 5000)
FIN_WAIT2 = 5


def listed(*entries):
    return SocketSample(entries, SEES_LITTLE, "one", 5, ["a note"])


def known(*entries):
    return SocketSample(entries, SEES_ALL, "other")


def test_details_are_joined_to_what_is_listed():
    merged = supplement(
        listed(connected(40000, pid=7)), known(connected(40000, device=3, inode=9))
    )
    assert merged.entries == [connected(40000, pid=7, device=3, inode=9)]
    assert (merged.visibility, merged.sampler) == (SEES_ALL, "one and other")
    assert (merged.unseen_tcp_sockets, merged.notes) == (0, ["a note"])


def test_bound_sockets_are_added():
    assert supplement(listed(), known(bound(40001))).entries == [bound(40001)]


def test_what_came_or_went_between_the_looks_stays_as_listed():
    gone, new = connected(40000), connected(40002)
    assert supplement(listed(gone), known(new)).entries == [gone]


def test_a_connection_that_closed_between_the_looks_is_in_time_wait():
    merged = supplement(listed(connected(40000)), known(waiting(40000)))
    assert [entry.state for entry in merged.entries] == [TcpState.TIME_WAIT]


def test_rows_that_were_merged_come_apart():
    one = bound(40000, state=TcpState.LISTEN)
    merged = supplement(
        listed(one), known(one._replace(inode=1), one._replace(inode=2))
    )
    assert [entry.inode for entry in merged.entries] == [1, 2]


def test_a_bound_socket_is_not_taken_for_a_listener_of_the_same_address():
    listener = bound(40001, state=TcpState.LISTEN, pid=7)
    idle = bound(40001, inode=501)
    assert supplement(listed(listener), known(idle)).entries == [listener, idle]


def prepare():
    server, server6 = listen(), listen("::1")
    held = [server, server6, listen("0.0.0.0", 40050), listen("::", 40051)]
    time_wait(3, server, lambda: connect(SERVER))
    held += [established(server, connect(SERVER)) for _ in range(3)]
    held += open_sockets(4, lambda: connect(("::1", 5000)))
    held += open_sockets(2, lambda: connect(("::ffff:127.0.0.1", 5000)))
    held += open_sockets(3, bind_udp) + open_sockets(2, lambda: bind_udp("::"))
    held += open_sockets(2, lambda: connect_udp(SERVER)) + open_sockets(2, bind)
    half_closed = connect(SERVER)
    half_closed.shutdown(socket.SHUT_WR)
    while (
        half_closed.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != FIN_WAIT2
    ):
        pass
    return [*held, half_closed]


def rows(sample):
    return Counter(
        (e.protocol, e.local, e.remote, e.state)
        for e in sample.entries
        if e.state is not TcpState.BOUND
    )


@pytest.mark.namespace(ports="40000-40099")
def test_both_samplers_agree_socket_for_socket():
    held = prepare()
    by_psutil = take_sample(PORTS, sampler="psutil")
    by_sock_diag = take_sample(PORTS, sampler="sock_diag")
    joined = take_sample(PORTS)
    assert rows(by_psutil) == rows(by_sock_diag) == rows(joined)
    assert sum(rows(by_psutil).values()) > 20
    bound_sockets = sum(e.state is TcpState.BOUND for e in joined.entries)
    assert bound_sockets == 2 <= by_psutil.unseen_tcp_sockets
    assert joined.visibility == by_sock_diag.visibility == SEES_ALL
    listening = [e for e in joined.entries if e.state is TcpState.LISTEN]
    assert [e.pid for e in listening] == [os.getpid()] * 2
    assert held


@pytest.mark.namespace(ports="40000-40099")
@pytest.mark.parametrize("limit, sampler", [(10**9, "psutil"), (0, "sock_diag")])
def test_auto_leaves_psutil_out_above_its_limit(limit, sampler, monkeypatch):
    held = prepare()
    monkeypatch.setattr(sampling, "PSUTIL_LIMIT_SOCKETS", limit)
    assert take_sample(PORTS).sampler.startswith(sampler)
    assert held


@pytest.mark.namespace(ports="40000-40099")
@pytest.mark.parametrize("tcp, udp", [(True, False), (False, True)])
@pytest.mark.parametrize("sampler", sampling.SAMPLERS)
def test_only_the_protocols_that_are_asked_for(tcp, udp, sampler):
    held = prepare()
    found = {entry.protocol for entry in take_sample(PORTS, tcp, udp, sampler).entries}
    assert found == ({"tcp"} if tcp else {"udp"})
    assert held


REFUSE_NETLINK = """
import socket
_real = socket.socket
class Refusing(_real):
    def __init__(self, family=-1, *args, **kwargs):
        if family == socket.AF_NETLINK:
            raise PermissionError(1, "Operation not permitted")
        super().__init__(family, *args, **kwargs)
socket.socket = Refusing
"""


@pytest.mark.namespace(ports="40000-40099")
def test_auto_goes_on_where_sock_diag_is_refused(tmp_path, monkeypatch):
    held = open_sockets(5, bind)
    (tmp_path / "sitecustomize.py").write_text(REFUSE_NETLINK)
    exact = check("-vv")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    run = check("-vv")
    assert (run.exit_code, run.stderr) == (0, "")
    assert "note: less exact, without sock_diag: [Errno 1] Operation not" in run.stdout
    low, high = run.free_bounds("tcp_bind")
    assert exact.free_bounds("tcp_bind") == (95, 95)
    assert low <= 95 < high == 100
    refused = check("--sampler", "sock_diag")
    assert refused.exit_code == 3 and "sock_diag: [Errno 1]" in refused.stdout
    assert held


def test_sock_diag_is_refused_by_name(monkeypatch):
    monkeypatch.delattr(socket, "AF_NETLINK")
    with pytest.raises(SystemReadError, match="Linux only"):
        take_sample(PORTS, sampler="sock_diag")
