"""connect() is asked which ports it can have, and nothing else in the system moves."""

import _socket
import errno
import resource
import subprocess
from contextlib import closing

import pytest

from check_ephemeral_port.model.sockets import Destination, endpoint
from check_ephemeral_port.system.silent_connect import (
    NotSilent,
    finds_port,
    hold_ports,
    settle_by_holding,
    settle_one_by_one,
    settle_ports,
)
from tests.support.counters import network_counters
from tests.support.namespace import set_sysctl
from tests.support.sockets import (
    SERVER,
    bind,
    connect,
    held_sockets,
    listen,
    open_sockets,
)

ALONE = pytest.mark.namespace(ports="40000-40039")
HERE = Destination("127.0.0.1", endpoint(*SERVER))


def ports_of(sockets):
    return {s.getsockname()[1] for s in sockets}


def bound_first():
    return connect(SERVER, "127.0.0.1", no_port=False)


@ALONE
def test_both_ways_find_the_ports_that_connect_can_share():
    with listen():
        connected = open_sockets(7, lambda: connect(SERVER))
        bound = [*open_sockets(5, bind), *open_sockets(3, bound_first)]
        with held_sockets(*connected, *bound):
            expected = {p: p in ports_of(bound) for p in range(40000, 40040)}
            for settle in (settle_ports, settle_one_by_one, settle_by_holding):
                assert settle(expected, limit_seconds=5) == expected
            assert {*hold_ports()} == {p for p in expected if not expected[p]}


@ALONE
def test_the_experiment_leaves_no_trace():
    with listen(), held_sockets(*open_sockets(9, lambda: connect(SERVER))):
        before = network_counters()
        settle_ports(range(40000, 40040), limit_seconds=5)
        assert len({*hold_ports()}) == 40
        assert finds_port(HERE)
        assert network_counters() == before


@ALONE
def test_other_programs_get_ports_while_few_are_held():
    with closing(hold_ports()) as held:
        first = {next(held) for _ in range(30)}
        assert bind().getsockname()[1] not in first
    assert len(open_sockets(40, bind)) == 40


@ALONE
def test_it_stops_when_its_time_is_up():
    assert settle_ports(range(40000, 40040), limit_seconds=-1) == {}


@ALONE
@pytest.mark.parametrize("enough, settled", [(True, 0), (False, 39)])
def test_nothing_is_held_if_enough_is_known(enough, settled):
    known = []

    def is_enough(bound):
        known.append(len(bound))
        return enough

    assert len(settle_by_holding(range(40000, 40039), 5, is_enough)) == settled
    assert known == [0]


@ALONE
def test_a_connect_to_a_full_destination_is_refused_and_to_another_is_not():
    with listen(), listen("127.0.0.2"):
        clients = open_sockets(40, lambda: connect(SERVER, "127.0.0.1"))
        with held_sockets(*clients):
            assert finds_port(HERE) is False
            assert finds_port(HERE._replace(source="127.0.0.9"))
            assert finds_port(HERE._replace(remote=endpoint("127.0.0.2", 5000)))


@ALONE
def test_a_connect_that_cannot_be_tried_says_nothing():
    assert finds_port(Destination("192.0.2.1", endpoint("192.0.2.7", 443))) is None
    assert finds_port(Destination("::1", endpoint("::1", 443))) is True


@ALONE
def test_without_fast_open_it_says_why():
    set_sysctl("tcp_fastopen", 0)
    for experiment in (lambda: settle_ports([40000], 1), lambda: next(hold_ports())):
        with pytest.raises(NotSilent, match=r"net\.ipv4\.tcp_fastopen has the client"):
            experiment()
    assert finds_port(HERE) is None


@ALONE
def test_a_packet_that_goes_out_ends_the_experiment(monkeypatch):
    # as with Fast Open's own detection of black holes, which nothing here can cause
    class NotDelayed(_socket.socket):
        def connect_ex(self, remote):
            return errno.EINPROGRESS

    monkeypatch.setattr(_socket, "socket", NotDelayed)
    with pytest.raises(NotSilent, match="off for a while"):
        settle_ports([40000], 1)
    with pytest.raises(NotSilent, match="off for a while"):
        next(hold_ports())


@ALONE
def test_without_loopback_it_says_why():
    subprocess.run(["ip", "address", "flush", "dev", "lo"], check=True)
    with pytest.raises(NotSilent, match="ENETUNREACH"):
        settle_ports([40000], 1)


@ALONE
def test_without_descriptors_it_says_so_and_what_came_before_counts():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (30, hard))
    seen: list[int] = []
    try:
        with pytest.raises(NotSilent, match="Too many open files"):
            seen.extend(hold_ports())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert open_sockets(40, bind)
