"""The experiment is made where it is cheap or decides the state."""

import random
import struct

import nagiosplugin
import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_ephemeral_port.model.bounds import Bounds
from check_ephemeral_port.model.connections import (
    NO_VRF,
    Connections,
    pack_destination,
)
from check_ephemeral_port.model.ports import PortPool, PortRange
from check_ephemeral_port.model.settings import ConnectRules
from check_ephemeral_port.model.settling import (
    CHEAP_PORTS,
    Limits,
    is_decided,
    ports_to_settle,
)
from check_ephemeral_port.model.sockets import (
    ALWAYS,
    AUTO,
    NEVER,
    Destination,
    TcpState,
    endpoint,
)
from check_ephemeral_port.model.thresholds import ThresholdRange, parse_range
from check_ephemeral_port.model.usage import Question, Watch, host_usage
from tests.support.builders import US, bound, connected, sample

POOL = PortPool(PortRange(32768, 33767))
DEFAULTS = Limits((ThresholdRange(end=80), ThresholdRange(end=90)))


def usage(*entries, find_shared=False, **question):
    return host_usage(
        sample(*entries), POOL, ConnectRules(), Question(**question), {}, find_shared
    )


def connections(count, destinations=10):
    """Each port is used once, as bind() hands them out."""
    return [connected(32768 + n, f"192.0.2.{n % destinations}") for n in range(count)]


def test_few_unclear_ports_are_always_worth_it():
    few, many = (usage(*connections(n)) for n in (CHEAP_PORTS, CHEAP_PORTS + 1))
    assert ports_to_settle(few, AUTO, DEFAULTS)
    assert not ports_to_settle(many, AUTO, DEFAULTS)
    assert ports_to_settle(many, ALWAYS, DEFAULTS)
    assert not ports_to_settle(few, NEVER, DEFAULTS)


def with_unseen(unseen, settled=()):
    """One connection, and invisible sockets."""
    some = sample(connected(32768), unseen=unseen)
    return host_usage(some, POOL, ConnectRules(), settled={NO_VRF: dict(settled)})


def to_settle(usage, probe, limits):
    """The ports outside of VRFs."""
    return [*ports_to_settle(usage, probe, limits)[NO_VRF]]


def test_if_sockets_are_invisible_any_port_may_be_bound():
    assert not is_decided(with_unseen(900), DEFAULTS)
    assert len(to_settle(with_unseen(900), AUTO, DEFAULTS)) == 1000
    # only the port of the connection is unclear
    assert to_settle(with_unseen(90), AUTO, DEFAULTS) == [32768]
    assert len(to_settle(with_unseen(90), ALWAYS, DEFAULTS)) == 1000
    bind = Limits(bind_used_percent=(parse_range("5"),))
    assert len(to_settle(with_unseen(90), AUTO, bind)) == 1000


@pytest.mark.parametrize("capacity, settled", [(CHEAP_PORTS, CHEAP_PORTS), (402, 1)])
def test_in_a_small_pool_all_ports_are_always_worth_it(capacity, settled):
    ports = PortPool(PortRange(40000, 40000 + capacity - 1))
    some = host_usage(sample(connected(40000), unseen=1), ports, ConnectRules())
    assert is_decided(some, DEFAULTS)
    assert len(to_settle(some, AUTO, DEFAULTS)) == settled


def test_the_experiment_finds_the_ports_of_invisible_sockets():
    found = with_unseen(900, {port: port >= 33000 for port in range(32768, 33768)})
    assert found.use_of(None).unseen == 0
    assert found.tcp_connect.ports.used == Bounds(769, 769, 769)
    assert found.tcp_bind.used == Bounds(769, 769, 769)


def test_ports_that_are_settled_leave_room_for_fewer_invisible_sockets():
    found = with_unseen(900, {32769: True, **dict.fromkeys(range(32800, 33000), False)})
    assert found.use_of(None).unseen == 1000 - 2 - 200
    found = with_unseen(9, {32769: True, 32770: False})
    assert found.use_of(None).unseen == 8


def test_an_experiment_shows_more_if_a_socket_is_invisible_or_a_port_unclear():
    assert not usage(bound(32768)).use_of(None).is_unclear
    assert usage(connected(32768)).use_of(None).is_unclear
    unseen = host_usage(sample(bound(32768), unseen=1), POOL, ConnectRules())
    assert unseen.use_of(None).is_unclear


def test_the_worst_case_is_that_every_unclear_port_was_bound():
    found = usage(bound(32768), connected(32770), connected(32772, "192.0.2.8"))
    assert found.tcp_connect.used_if_shared == 2
    assert found.tcp_connect.used_if_bound == 3
    assert found.tcp_connect.free_if_bound == 1000 - 3


def test_without_unclear_ports_there_is_nothing_to_settle():
    assert not ports_to_settle(usage(bound(32768)), ALWAYS, DEFAULTS)


@pytest.mark.parametrize(
    "count, decided", [(790, True), (800, True), (801, False), (1000, False)]
)
def test_bounds_on_both_sides_of_a_threshold_are_not_decided(count, decided):
    # one destination holds a tenth; all ports are used if all of them are bound
    found = usage(*connections(count))
    assert is_decided(found, DEFAULTS) is decided
    assert bool(ports_to_settle(found, AUTO, DEFAULTS)) is not decided


def test_no_port_at_all_in_the_worst_case_is_not_decided():
    assert is_decided(usage(*connections(999)), Limits())
    assert not is_decided(usage(*connections(1000)), Limits())
    bound_ports = [bound(port) for port in range(32768, 33768)]
    assert is_decided(usage(*bound_ports), Limits())


@pytest.mark.parametrize("used, decided", [(700, True), (701, False)])
def test_a_bound_on_a_threshold_is_on_its_good_side(used, decided):
    limits = Limits(free_ports=(None, parse_range("300:")))
    assert is_decided(usage(*connections(used)), limits) is decided


def test_an_experiment_does_not_show_which_sockets_use_ipv4():
    dual_or_not = connected(32769, "2001:db8::2", local="2001:db8::1", v6only=None)
    found = usage(dual_or_not, source="0.0.0.0")
    assert found.tcp_bind.used == Bounds(0, 0, 1)
    assert is_decided(found, Limits(bind_used_percent=(parse_range("0"),)))


@pytest.mark.parametrize(
    "limits",
    [
        Limits(free_ports=(parse_range("300:"),)),
        Limits(fast_used_percent=(parse_range("50"),)),
        Limits(used_percent=(parse_range("@20:30"),)),
    ],
)
def test_every_threshold_of_connect_counts(limits):
    assert not is_decided(usage(*connections(750)), limits)
    assert is_decided(usage(*connections(750, destinations=1)), limits)


def test_a_watched_destination_counts():
    watch = Watch("a:443", (endpoint("192.0.2.7", 443),))
    found = usage(*connections(900), watches=(watch,))
    assert not is_decided(found, DEFAULTS)


def test_ports_that_connections_of_one_address_share_were_not_bound():
    entries = [*connections(900), *connections(900, destinations=7)]
    assert not is_decided(usage(*entries), DEFAULTS)
    shared = usage(*entries, find_shared=True)
    assert shared.tcp_connect.used_if_bound < 400
    assert is_decided(shared, DEFAULTS)


def test_with_autobind_reuse_a_shared_port_shows_nothing():
    entries = [*connections(900), *connections(900, destinations=7)]
    rules = ConnectRules(autobind_reuse=True)
    found = host_usage(sample(*entries), POOL, rules, find_shared=True)
    assert found.tcp_connect.used_if_bound == 900


LIMITS = st.one_of(st.none(), st.integers(-5, 105))


@given(LIMITS, LIMITS, st.booleans(), st.integers(-10, 110))
def test_a_range_alarms_as_nagiosplugin_has_it(start, end, inverted, value):
    if start is not None and end is not None and start > end:
        start, end = end, start
    one = ThresholdRange(start, end, inverted)
    assert one.alarms(value) is not nagiosplugin.Range(str(one)).match(value)


def connections_by_connect(chance, pool, destinations, share):
    """The connections with the ports that connect() takes: per destination, the first
    half before the other, from a random start (kernel: ``__inet_hash_connect()``)."""
    found = Connections()
    first, size = pool.range.first, pool.range.size
    for destination in range(destinations):
        offset = 2 * chance.randrange(size // 2)
        order = [first + (offset + 2 * n) % size for n in range(size // 2)]
        order += [port + 1 for port in order]
        taken = order[: int(size * share)]
        # packed at once: some hosts have 100,000 connections
        remote = endpoint(f"192.0.2.{destination}", 443)
        key = pack_destination(Destination(US, remote))
        found.held[key] += struct.pack(f">{len(taken)}H", *taken)
        found.states[TcpState.ESTABLISHED] += len(taken)
    return found


@pytest.mark.parametrize("seed", range(200))
def test_an_ordinary_host_does_not_alarm_by_its_worst_case(seed):
    chance = random.Random(seed)
    destinations = chance.choice([1, 2, 3, 5, 10, 50, 200])
    share = chance.uniform(0.05, 0.75)
    connections = connections_by_connect(chance, POOL, destinations, share)
    host = sample()._replace(connections=connections)
    found = host_usage(host, POOL, ConnectRules(), find_shared=True).tcp_connect
    assert POOL.capacity * share // 1 <= found.ports.used.best <= 750
    assert not ThresholdRange(end=90).alarms(found.ports.percent(found.used_if_bound))
