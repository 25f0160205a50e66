"""Systems that share local ports in other ways than Linux."""

import pytest

from check_ephemeral_port.model.bounds import Bounds
from check_ephemeral_port.model.connect import fullest_destinations
from check_ephemeral_port.model.ports import PortPool, PortRange
from check_ephemeral_port.model.settings import ConnectRules, Sharing
from check_ephemeral_port.model.sockets import Endpoint
from check_ephemeral_port.model.usage import Question, Watch, host_usage
from tests.support.builders import THEM, UDP, bound, connected, pool, sample, waiting

WITHOUT_FIRST_CHOICE = PortPool(PortRange(40000, 40039, step=1))


def usage(sharing, *entries, ports=WITHOUT_FIRST_CHOICE, **question):
    rules = ConnectRules(sharing=sharing)
    return host_usage(sample(*entries), ports, rules, Question(**question))


ENTRIES = [
    connected(40000),
    connected(40001),
    connected(40002, remote="192.0.2.8"),
    waiting(40003, remote="192.0.2.8"),
    bound(40004),
    connected(40005, protocol=UDP),
]


def test_shared_by_destination_the_4_tuple_and_unconnected_sockets_count():
    found = usage(Sharing.BY_DESTINATION, *ENTRIES)
    assert found.tcp_connect.ports.used == Bounds(3, 3, 3)
    assert found.tcp_connect.destination.remote.address in ("192.0.2.8", THEM)
    assert {*found.use_of(None).unclear} == set()


def test_never_shared_every_used_tcp_port_counts_for_every_destination():
    found = usage(Sharing.NEVER, *ENTRIES)
    assert found.tcp_connect.ports.used == found.tcp_bind.used == Bounds(5, 5, 5)
    assert found.tcp_connect.destination is None
    assert fullest_destinations(found.use_of(None), WITHOUT_FIRST_CHOICE, 5) == []
    assert (found.tcp_sockets, found.tcp_time_wait) == (5, 1)
    assert found.udp_bind.used == Bounds(1, 1, 1)


def test_never_shared_a_watched_destination_has_the_same_usage_as_all():
    watch = Watch("192.0.2.9:443", (Endpoint("192.0.2.9", 443),))
    found = usage(Sharing.NEVER, *ENTRIES, watches=(watch,))
    assert found.tcp_connect.ports.used == Bounds(5, 5, 5)


def test_linux_has_unclear_and_likely_bound_ports():
    found = usage(Sharing.UNLESS_BOUND, *ENTRIES, ports=pool())
    assert found.use_of(None).unclear and found.use_of(None).likely_bound


@pytest.mark.parametrize("sharing", [Sharing.BY_DESTINATION, Sharing.NEVER])
def test_without_first_choice_ports_there_is_no_separate_usage_of_them(sharing):
    found = usage(sharing, *(connected(port) for port in range(40000, 40030)))
    assert found.tcp_connect.first_choice == found.tcp_connect.ports
    assert found.use_of(None).likely_bound == set()


def test_a_socket_in_an_unknown_state_blocks_its_port_for_every_destination():
    unknown = connected(40001, remote="192.0.2.8", state=None)
    found = usage(Sharing.BY_DESTINATION, connected(40000), unknown)
    assert found.tcp_connect.ports.used == Bounds(2, 2, 2)
    assert found.tcp_sockets == 2
