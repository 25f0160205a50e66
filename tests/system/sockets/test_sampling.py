"""The choice of the sampler, and how two lists are merged."""

import _socket
import os
import socket
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from check_ephemeral_port.model.connections import port_numbers, unpack_destination
from check_ephemeral_port.model.ports import PortPool, PortRange
from check_ephemeral_port.model.sample import sum_up
from check_ephemeral_port.model.settings import ConnectRules
from check_ephemeral_port.model.sockets import (
    SAMPLERS,
    Destination,
    Endpoint,
    SocketListing,
    TcpState,
    Visibility,
    endpoint,
)
from check_ephemeral_port.system.errors import SystemReadError
from check_ephemeral_port.system.sockets import (
    inet_diag,
    netlink,
    sampling,
    sockstat,
)
from check_ephemeral_port.system.sockets.by_sock_diag import (
    list_by_sock_diag,
    named_connections,
)
from check_ephemeral_port.system.sockets.sampling import (
    list_connections,
    merge_listings,
    take_sample,
)
from tests.support.builders import SEES_ALL, bound, connected, waiting
from tests.support.farm import PORTS as FARM_PORTS
from tests.support.farm import Farm, Plan
from tests.support.plugin_process import check
from tests.support.sockets import (
    bind,
    bind_udp,
    connect,
    connect_udp,
    established,
    held_sockets,
    held_tcp_ports,
    listen,
    open_sockets,
    time_wait,
)

POOL = PortPool(PortRange(40000, 40099))
IDLE_SOCKETS = 1 << 13
"""The bit that asks for TCP sockets that are bound but idle."""
BOTH = ("tcp", "udp")
SEES_LITTLE = Visibility(
    bound_sockets=False, time_wait_age=False, v6only=False, device=False
)
SERVER = ("127.0.0.1", 5000)
FIN_WAIT2 = 5


def listed(*entries):
    return SocketListing(
        entries=entries,
        visibility=SEES_LITTLE,
        sampler="one",
        unseen_tcp_sockets=5,
        notes=["a note"],
    )


def known(*entries):
    return SocketListing(entries=entries, visibility=SEES_ALL, sampler="other")


def test_details_are_joined_to_what_is_listed():
    merged = merge_listings(
        listed(connected(40000, pid=7)), known(connected(40000, device=3, inode=9))
    )
    assert merged.entries == [connected(40000, pid=7, device=3, inode=9)]
    assert (merged.visibility, merged.sampler) == (SEES_ALL, "one and other")
    assert (merged.unseen_tcp_sockets, merged.notes) == (0, ["a note"])


def test_bound_sockets_are_added():
    assert merge_listings(listed(), known(bound(40001))).entries == [bound(40001)]


def test_sockets_opened_or_closed_between_the_lists_stay_as_listed():
    gone, new = connected(40000), connected(40002)
    assert merge_listings(listed(gone), known(new)).entries == [gone]


def test_a_connection_closed_between_the_lists_is_in_time_wait():
    merged = merge_listings(listed(connected(40000)), known(waiting(40000)))
    assert [entry.state for entry in merged.entries] == [TcpState.TIME_WAIT]


def test_rows_that_psutil_merged_are_separated():
    one = bound(40000, state=TcpState.LISTEN)
    merged = merge_listings(
        listed(one), known(one._replace(inode=1), one._replace(inode=2))
    )
    assert [entry.inode for entry in merged.entries] == [1, 2]


def test_a_bound_socket_is_not_merged_with_a_listener_of_its_address():
    listener = bound(40001, state=TcpState.LISTEN, pid=7)
    idle = bound(40001, inode=501)
    assert merge_listings(listed(listener), known(idle)).entries == [listener, idle]


@contextmanager
def sockets_of_every_kind():
    """Clients, servers, bound and closing sockets, inside and outside the pool."""
    server, server6 = listen(), listen("::1")
    held = [server, server6, listen("0.0.0.0", 40050), listen("::", 40051)]
    time_wait(3, server, lambda: connect(SERVER))
    for _ in range(3):
        held += established(server, connect(SERVER))
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
    with held_sockets(*held, half_closed):
        yield


def rows(listing):
    return Counter(
        (e.protocol, e.local, e.remote, e.state)
        for e in listing.entries
        if e.state is not TcpState.BOUND
    )


def connections(sample):
    """The connections of a sample, sorted."""
    found = sample.connections
    tables = (found.held, found.time_wait)
    by_destination = [
        {unpack_destination(key): sorted(port_numbers(p)) for key, p in table.items()}
        for table in tables
    ]
    return by_destination, dict(found.states)


def sample_by(sampler, pool=POOL):
    # psutil shows no age of TIME_WAIT; with delay 0, every age is old enough
    return take_sample(pool, BOTH, ConnectRules(reuse_delay_seconds=0), sampler=sampler)


@pytest.fixture
def small_host(monkeypatch):
    """``auto`` uses psutil even if this machine has many sockets and processes."""
    monkeypatch.setattr(sampling, "PSUTIL_LIMIT_SOCKETS", 10**9)
    monkeypatch.setattr(sampling, "PSUTIL_LIMIT_TASKS", 10**9)


@pytest.mark.namespace(ports="40000-40099")
def test_both_samplers_agree_socket_for_socket(small_host):
    with sockets_of_every_kind():
        by_psutil, by_sock_diag, joined = map(
            sample_by, ("psutil", "sock_diag", "auto")
        )
    assert rows(by_psutil) == rows(by_sock_diag) == rows(joined)
    assert connections(by_psutil) == connections(by_sock_diag) == connections(joined)
    assert by_psutil.size + 2 == by_sock_diag.size == joined.size > 20
    bound_sockets = sum(e.state is TcpState.BOUND for e in joined.entries)
    assert bound_sockets == 2 <= by_psutil.unseen_tcp_sockets
    assert joined.visibility == by_sock_diag.visibility == SEES_ALL
    listening = [e for e in joined.entries if e.state is TcpState.LISTEN]
    assert [e.pid for e in listening] == [os.getpid()] * 2


@pytest.mark.namespace(ports="40000-40099")
def test_ports_that_bind_named_are_told_from_all_others():
    def named(remote, port):
        return connect(remote, "127.0.0.1", port=port)

    server, inside = listen(), listen(port=40098)
    to, accepting = server.getsockname(), inside.getsockname()
    clients = [
        *(named(to, port) for port in (40001, 40050)),
        connect(to),
        connect(to, "127.0.0.1"),
        connect(to, "127.0.0.1", no_port=False),
        connect(accepting),
    ]
    with held_sockets(server, inside, inside.accept()[0], *clients):
        ((key, packed),) = named_connections(POOL).held.items()
    assert unpack_destination(key) == Destination("127.0.0.1", endpoint(*to))
    assert sorted(port_numbers(packed)) == [40001, 40050]


@pytest.mark.namespace(ports="40000-40099")
def test_counting_and_listing_agree():
    with sockets_of_every_kind():
        counted = take_sample(
            POOL, BOTH, ConnectRules(reuse_delay_seconds=30), sampler="sock_diag"
        )
        listed = sum_up(
            list_by_sock_diag(POOL, BOTH), ConnectRules(reuse_delay_seconds=30)
        )
    assert connections(counted) == connections(listed)
    assert rows(counted) == rows(listed)


@pytest.mark.namespace(ports="40000-40099")
@pytest.mark.parametrize(
    "reserved", [[*range(40010, 40051)], [40010, 40050], range(40000, 40099, 2)]
)
def test_both_samplers_omit_reserved_ports(reserved):
    pool = PortPool(PortRange(40000, 40099), reserved)
    with sockets_of_every_kind():
        by_psutil = sample_by("psutil", pool)
        by_sock_diag, whole = sample_by("sock_diag", pool), sample_by("sock_diag")
    assert rows(by_psutil) == rows(by_sock_diag)
    assert connections(by_psutil) == connections(by_sock_diag)
    assert by_sock_diag.size < whole.size


@pytest.mark.slow
@pytest.mark.namespace(ports="40000-40099")
def test_any_number_of_reserved_ports_is_possible():
    every_other = PortPool(PortRange(2, 65534), range(3, 65535, 2))
    assert len(every_other.spans) > 30000
    with sockets_of_every_kind():
        by_psutil, by_sock_diag = (
            sample_by(sampler, every_other) for sampler in ("psutil", "sock_diag")
        )
    assert len(by_psutil.connections) > 10
    assert connections(by_psutil) == connections(by_sock_diag)


@pytest.mark.namespace(ports="40000-40099")
@pytest.mark.parametrize("protocol", BOTH)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_only_the_requested_protocols_are_listed(protocol, sampler):
    with sockets_of_every_kind():
        sample = take_sample(POOL, [protocol], ConnectRules(), sampler)
    assert {entry.protocol for entry in sample.entries} == {protocol}
    assert (len(sample.connections) > 0) == (protocol == "tcp")


@pytest.mark.namespace(ports="40000-40099")
def test_without_the_old_request_the_new_one_is_used(monkeypatch):
    with sockets_of_every_kind():
        before = connections(sample_by("sock_diag"))
        monkeypatch.setattr(inet_diag, "_TCPDIAG_GETSOCK", 23)
        assert connections(sample_by("sock_diag")) == before


@pytest.mark.namespace(ports="40000-40099")
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_connections_are_listed_by_destination(sampler):
    one = Destination("127.0.0.1", Endpoint("127.0.0.1", 5000))
    other = Destination("::1", Endpoint("::1", 5000))
    unused = Destination("::1", Endpoint("192.0.2.1", 443))

    def found(*destinations):
        listed = list_connections(POOL, destinations, sampler)
        return Counter(entry.destination for entry in listed)

    with sockets_of_every_kind():
        assert found(one) == {one: 9}
        assert found(one, unused, other) == found(None) == {one: 9, other: 4}
        assert found(unused) == found() == {}


@pytest.mark.namespace(ports=FARM_PORTS)
@pytest.mark.parametrize("time_wait_share", [0, 0.5])
def test_both_samplers_agree_at_10000_sockets(time_wait_share):
    first, _, last = FARM_PORTS.partition("-")
    pool = PortPool(PortRange(int(first), int(last)))
    with Farm(Plan(10_000, time_wait_share=time_wait_share)):
        by_psutil, by_sock_diag = sample_by("psutil", pool), sample_by("auto", pool)
    assert (by_psutil.sampler[:6], by_sock_diag.sampler) == ("psutil", "sock_diag")
    assert rows(by_psutil) == rows(by_sock_diag)
    assert connections(by_psutil) == connections(by_sock_diag)
    assert by_psutil.size == (7500 if time_wait_share else 5000)


@pytest.mark.namespace(ports=FARM_PORTS)
@pytest.mark.parametrize("sockets, sampler", [(200, "psutil"), (1000, "sock_diag")])
def test_auto_does_not_use_psutil_on_hosts_with_many_sockets(
    sockets, sampler, monkeypatch
):
    # only those of this namespace: other tests open and close many at the same time
    counted = sockstat.read_socket_counts
    monkeypatch.setattr(
        sockstat,
        "read_socket_counts",
        lambda *proc: counted(*proc)._replace(tcp_unhashed=0),
    )
    monkeypatch.setattr(sampling, "PSUTIL_LIMIT_TASKS", 10**9)
    with Farm(Plan(sockets)):
        assert sample_by("auto").sampler.startswith(sampler)


@pytest.mark.namespace(ports="40000-40099")
@pytest.mark.parametrize(
    "here, elsewhere, tasks, sampler",
    [
        (500, 0, 50, "psutil"),
        (501, 0, 50, "sock_diag"),
        (250, 251, 50, "sock_diag"),
        (500, 0, 51, "sock_diag"),
    ],
)
def test_auto_uses_psutil_up_to_500_sockets_and_50_tasks(
    here, elsewhere, tasks, sampler, monkeypatch
):
    counts = sockstat.SocketCounts(here, elsewhere, here)
    monkeypatch.setattr(sockstat, "read_socket_counts", lambda *_: counts)
    monkeypatch.setattr(sampling, "_count_tasks", lambda: tasks)
    assert sample_by("auto").sampler.startswith(sampler)


def test_tasks_are_counted_without_a_walk():
    before = sampling._count_tasks()
    children = [subprocess.Popen(["sleep", "60"]) for _ in range(200)]
    try:
        # other tests start and end some at the same time
        assert sampling._count_tasks() > before + 100
    finally:
        for child in children:
            child.kill()
            child.wait()


@pytest.mark.parametrize("text", ["", "0.00 0.00 0.00", "0.00 0.00 0.00 1/many 7"])
def test_an_odd_load_average_is_an_error(text, tmp_path):
    odd = tmp_path / "loadavg"
    odd.write_text(text)
    with pytest.raises(SystemReadError, match="is no load average"):
        sampling._count_tasks(str(odd))


@pytest.fixture
def release(monkeypatch):
    """Sets the version of this kernel. Before Linux 6.8, it lists no idle sockets."""

    def set_release(version):
        monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(release=version))

    return set_release


@pytest.fixture
def hides_idle_sockets(monkeypatch):
    """The kernel passes over the bit for idle sockets, as before Linux 6.8."""

    def request(socket_filter, states):
        return inet_diag.tcp_dump_request(socket_filter, states & ~IDLE_SOCKETS)

    monkeypatch.setattr(netlink, "tcp_dump_request", request)


# 5.14: Enterprise Linux 9; 6.1: Debian 12
OLDER = pytest.mark.parametrize("version", ["5.14.0-570.el9", "6.1.0-37-amd64"])


@pytest.mark.namespace(ports="40000-40099")
@pytest.mark.parametrize("sampler", ["auto", "sock_diag"])
@OLDER
def test_kernels_that_do_not_list_idle_sockets_count_them(
    version, sampler, release, hides_idle_sockets
):
    release(version)
    with held_tcp_ports(5):
        seen = sample_by(sampler)
    assert not seen.visibility.bound_sockets
    assert seen.unseen_tcp_sockets >= 5


@pytest.mark.namespace(ports="40000-40099")
@pytest.mark.parametrize("sampler", ["auto", "sock_diag"])
@OLDER
def test_an_older_kernel_that_lists_them_is_believed(version, sampler, release):
    release(version)
    with held_tcp_ports(5):
        seen = sample_by(sampler)
    assert seen.visibility.bound_sockets
    assert seen.unseen_tcp_sockets == 0


REFUSE_NETLINK = """
import _socket
class Refusing(_socket.socket):
    __slots__ = ()  # the subclass socket.socket has its own
    def __init__(self, family=-1, *args, **kwargs):
        if family == _socket.AF_NETLINK:
            raise PermissionError(1, "Operation not permitted")
        super().__init__(family, *args, **kwargs)
_socket.socket = Refusing
"""


@pytest.mark.namespace(ports="40000-40099")
def test_auto_uses_psutil_if_sock_diag_is_refused(tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(REFUSE_NETLINK)
    with held_tcp_ports(5):
        exact = check("-vv")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        run = check("-vv", "--probe", "never")
        refused = check("--sampler", "sock_diag")
    assert (run.exit_code, run.stderr) == (0, "")
    assert "note: less exact, without sock_diag: [Errno 1] Operation not" in run.stdout
    low, high = run.free_bounds("tcp_bind")
    assert exact.free_bounds("tcp_bind") == (95, 95)
    # root has found them by their descriptors
    assert low == 95 == high
    assert refused.exit_code == 3 and "sock_diag, [Errno 1]" in refused.stdout


@pytest.mark.parametrize("platform", ["darwin", "win32", "freebsd14"])
def test_sock_diag_is_an_error_on_other_systems(platform, monkeypatch):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.delattr(_socket, "AF_NETLINK")
    with pytest.raises(SystemReadError, match="Linux only"):
        sample_by("sock_diag")
