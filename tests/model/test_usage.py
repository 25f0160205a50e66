"""The kernel's rules, one by one, and properties of every sample."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_ephemeral_port.model.bind import overlaps
from check_ephemeral_port.model.bounds import Bounds, Usage
from check_ephemeral_port.model.connect import connect_usage, fullest_destinations
from check_ephemeral_port.model.connections import NO_VRF, pack_destination
from check_ephemeral_port.model.settings import ConnectRules, Sharing
from check_ephemeral_port.model.sockets import Destination, TcpState, endpoint
from check_ephemeral_port.model.usage import Question, Watch, host_usage
from tests.support.builders import (
    SEES_ALL,
    TCP,
    THEM,
    UDP,
    US,
    bound,
    connected,
    pool,
    sample,
    waiting,
)

TO_THEM = pack_destination(Destination(US, endpoint(THEM, 443)))
ALWAYS = ConnectRules(reuse=1)
ON_LOOPBACK = ConnectRules(reuse=2)


def usage(*entries, rules=ConnectRules(), settled=None, unseen=0, **question):
    seen = sample(*entries, unseen=unseen, rules=rules)
    by_vrf = {NO_VRF: settled or {}}
    return host_usage(seen, pool(), rules, Question(**question), by_vrf)


def free_to_them(*entries, **how):
    answer = usage(*entries, **how)
    return connect_usage(answer.use_of(None), pool(), TO_THEM).ports.free


def test_a_connection_uses_a_port_of_its_own_destination_only():
    other = connected(40000, remote="192.0.2.8")
    assert free_to_them(connected(40000), connected(40002), other).best == 38
    assert free_to_them(other) == Bounds(39, 40, 40)


@pytest.mark.parametrize(
    "state", [s for s in TcpState if s not in (TcpState.LISTEN, TcpState.BOUND)]
)
def test_every_state_counts_against_its_destination(state):
    assert free_to_them(connected(40000, state=state)).best == 39


@pytest.mark.parametrize("address", [US, "127.0.0.1", "0.0.0.0", "::", "2001:db8::1"])
@pytest.mark.parametrize("state", [TcpState.LISTEN, TcpState.BOUND])
def test_a_bound_port_is_lost_for_every_destination(address, state):
    assert free_to_them(bound(40000, address, state=state)) == Bounds(39, 39, 39)


def test_a_port_of_the_second_half_was_most_likely_bound():
    assert free_to_them(connected(40001, remote="192.0.2.8")) == Bounds(39, 39, 40)


def test_a_port_of_the_second_half_is_free_if_the_first_is_used_up():
    others = [connected(40000 + n, remote="192.0.2.8") for n in range(0, 40, 2)]
    others.append(connected(40001, remote="192.0.2.8"))
    assert free_to_them(*others).best == 40


def test_a_port_that_one_address_uses_twice_was_not_bound():
    others = [connected(40001, remote=f"192.0.2.{n}") for n in (8, 9)]
    assert free_to_them(*others).best == 40


def test_ports_that_were_probed_are_no_longer_unclear():
    others = [connected(port, remote="192.0.2.8") for port in (40000, 40001)]
    settled = {40000: True, 40001: False}
    assert free_to_them(*others, settled=settled) == Bounds(39, 39, 39)


def test_a_socket_on_a_device_does_not_block_the_same_4_tuple_elsewhere():
    assert free_to_them(connected(40000, device=1)).best == 40


@pytest.mark.parametrize(
    "rules, entry, free",
    [
        (ConnectRules(reuse=0), waiting(40000), 39),
        (ConnectRules(reuse=None), waiting(40000), 39),
        (ALWAYS, waiting(40000), 40),
        (ALWAYS, waiting(40000, age=0.5), 39),
        (ALWAYS, waiting(40000, age=None), 40),
        (ALWAYS._replace(timestamps=False), waiting(40000), 39),
        (ALWAYS._replace(reuse_delay_seconds=40.0), waiting(40000), 39),
        (ON_LOOPBACK, waiting(40000), 39),
    ],
)
def test_time_wait_is_reused_if_the_rules_allow_it(rules, entry, free):
    assert free_to_them(entry, rules=rules).best == free


@pytest.mark.parametrize(
    "local, remote",
    [("127.0.0.9", "127.0.0.9"), ("::1", "::1"), ("127.0.0.1", US), (US, "127.0.0.1")],
)
def test_tcp_tw_reuse_2_is_for_loopback(local, remote):
    entry = waiting(40000, local=local, remote=remote)
    answer = usage(entry, rules=ON_LOOPBACK)
    assert answer.tcp_connect.ports.used == Bounds(0, 0, 1)


def test_time_wait_always_counts_for_bind():
    assert usage(waiting(40000), rules=ALWAYS).tcp_bind.free.high == 39


def test_unseen_sockets_widen_the_bounds():
    assert free_to_them(connected(40000), unseen=3) == Bounds(36, 39, 39)


def test_an_odd_range_may_lose_a_port():
    odd = host_usage(sample(), pool(40000, 40010), ConnectRules())
    assert odd.tcp_connect.ports.free == Bounds(10, 11, 11)
    assert odd.tcp_bind.free == Bounds(10, 11, 11)
    assert odd.udp_bind.free == Bounds(11, 11, 11)


def test_tcp_and_udp_have_separate_ports():
    answer = usage(bound(40000), bound(40000, protocol=UDP), bound(40001, protocol=UDP))
    assert (answer.tcp_bind.used.best, answer.udp_bind.used.best) == (1, 2)


def test_only_destinations_of_the_given_source_count():
    entries = [connected(40000), connected(40002), connected(40000, local="192.0.2.1")]
    assert usage(*entries, source="192.0.2.1").tcp_connect.ports.used.best == 1
    watch = Watch("them:443", (endpoint(THEM, 443),))
    watched = usage(*entries, source="192.0.2.1", watches=(watch,))
    assert watched.tcp_connect.ports.used.best == 1
    for wildcard in ("0.0.0.0", "::", None):
        assert usage(*entries, source=wildcard).tcp_connect.ports.used.best == 2


@pytest.mark.parametrize("names", [("few", "many"), ("many", "few")])
def test_the_fullest_watch_counts(names):
    hosts = {"few": "192.0.2.8", "many": "192.0.2.9"}
    entries = [connected(40000, remote=hosts["few"])]
    entries += [connected(40002 + 2 * n, remote=hosts["many"]) for n in range(3)]
    watches = tuple(Watch(name, (endpoint(hosts[name], 443),)) for name in names)
    answer = usage(*entries, watches=watches)
    assert [(one.name, found.ports.used.best) for one, found in answer.watched] == [
        (name, {"few": 1, "many": 3}[name]) for name in names
    ]
    assert answer.tcp_connect.destination.remote.address == hosts["many"]


def test_the_usage_of_a_watch_is_that_of_its_fullest_address():
    remotes = (endpoint("192.0.2.8", 443), endpoint("2001:db8::8", 443))
    entries = [connected(40000 + 2 * n) for n in range(9)]
    entries += [connected(40000 + 2 * n, remote="192.0.2.8") for n in range(3)]
    answer = usage(*entries, watches=(Watch("them:443", remotes),))
    assert answer.watched[0][1].ports.used.best == 3
    assert answer.tcp_connect.ports.used.best == 3


V6: dict[str, Any] = {"remote": "2001:db8::2", "local": "2001:db8::1"}


@pytest.mark.parametrize("protocol", [TCP, UDP])
def test_an_ipv6_socket_is_in_the_way_of_ipv4_unless_it_is_known_not_to_be(protocol):
    # in a state without a name, so that they are counted one by one
    entries = [
        connected(port, protocol=protocol, v6only=v6only, state=None, **V6)
        for port, v6only in ((40000, False), (40002, None), (40004, True))
    ]
    entries.append(bound(40006, "2001:db8::1", protocol=protocol, v6only=False))
    answer = usage(*entries, source="0.0.0.0")
    found = answer.tcp_bind if protocol == TCP else answer.udp_bind
    assert found.used == Bounds(1, 2, 2)


def test_of_ipv6_connections_those_that_were_bound_are_likely_ipv6_only():
    entries = [connected(40000, **V6), connected(40001, **V6)]
    assert usage(*entries, source="0.0.0.0").tcp_bind.used == Bounds(0, 1, 2)
    everywhere = bound(40003, "::", v6only=None)
    assert usage(everywhere, source="0.0.0.0").tcp_bind.used == Bounds(0, 1, 1)


def test_ports_that_the_experiment_found_have_no_known_address():
    found = {"settled": {40001: True, 40002: False}, "unseen": 3}
    assert usage(**found).use_of(None).idle == {40001}
    assert usage(**found).tcp_bind.used == Bounds(1, 1, 3)
    assert usage(**found, source=US).tcp_bind.used == Bounds(0, 0, 3)


def test_an_idle_port_has_neither_a_listed_socket_nor_a_connection():
    settled = dict.fromkeys([40000, 40001, 40002, 40003], True) | {40004: False}
    found = usage(connected(40000), bound(40001), settled=settled).use_of(None)
    assert found.idle == {40002, 40003}


def test_a_port_that_is_settled_or_listened_on_is_not_likely_anything():
    listened = [bound(40001, state=TcpState.LISTEN), connected(40001)]
    assert usage(*listened).use_of(None).likely_bound == set()
    one = connected(40001)
    assert usage(one).use_of(None).likely_bound == {40001}
    for is_bound in (True, False):
        found = usage(one, settled={40001: is_bound}).use_of(None)
        assert found.likely_bound == set()


def test_ports_to_which_connect_went_on_are_shared():
    entries = [connected(40000 + n) for n in range(0, 40, 2)] + [connected(40001)]
    entries += [bound(40003), connected(40005, local="198.51.100.6")]
    found = host_usage(sample(*entries), pool(), ConnectRules(), find_shared=True)
    every = {*range(40000, 40040, 2), 40001}
    assert {*found.use_of(None).shared} == every
    assert not usage(*entries).use_of(None).shared
    # nothing shows whether a listener left anything of the first half
    entries = [bound(40000 + n) for n in range(0, 36, 2)] + [connected(40001)]
    found = host_usage(sample(*entries), pool(), ConnectRules(), find_shared=True)
    assert not found.use_of(None).shared
    # nine of ten ports of the first half are enough
    entries = [connected(40000 + n) for n in range(0, 36, 2)]
    found = host_usage(sample(*entries), pool(), ConnectRules(), find_shared=True)
    assert {*found.use_of(None).shared} == {*range(40000, 40036, 2)}


def test_connect_can_go_on_for_several_destinations():
    first_half = range(40000, 40040, 2)
    entries = [connected(port) for port in (*first_half, 40001)]
    entries += [connected(port, "192.0.2.8") for port in (*first_half, 40003)]
    assert usage(*entries).use_of(None).likely_bound == set()


def test_ports_are_likely_bound_on_each_address():
    entries = [connected(40001), connected(40003, local="198.51.100.6")]
    entries.append(connected(40005, local="198.51.100.7"))
    assert usage(*entries).use_of(None).likely_bound == {40001, 40003, 40005}


def test_elsewhere_invisible_sockets_are_most_likely_in_time_wait():
    rules = ConnectRules(sharing=Sharing.BY_DESTINATION)
    found = usage(connected(40000), unseen=3, rules=rules).tcp_connect
    assert found.ports.used == Bounds(1, 1, 4)
    assert found.used_if_bound == 1


@pytest.mark.parametrize("port, bound_first", [(40000, 0), (40001, 1)])
def test_in_the_worst_case_a_time_wait_of_the_first_half_is_taken_over(
    port, bound_first
):
    found = usage(waiting(port), rules=ALWAYS).tcp_connect
    assert found.used_if_shared == 0
    assert found.used_if_bound == bound_first


def test_the_experiment_can_find_more_ports_than_sockets_were_missing():
    found = usage(settled={40001: True, 40003: True}, unseen=1)
    assert found.use_of(None).unseen == 0
    assert found.tcp_connect.ports.used == Bounds(2, 2, 2)


def test_where_devices_are_hidden_a_connection_may_be_in_nobodys_way():
    seen = sample(connected(40000), connected(40002), bound(40001))
    blind = seen._replace(visibility=SEES_ALL._replace(device=False))
    found = host_usage(blind, pool(), ConnectRules()).tcp_connect
    assert found.ports.used == Bounds(1, 3, 3)
    assert (found.used_if_shared, found.used_if_bound) == (3, 3)
    for sharing in (Sharing.NEVER, Sharing.BY_DESTINATION):
        rules = ConnectRules(sharing=sharing)
        found = host_usage(blind, pool(), rules).tcp_connect
        assert found.ports.used == Bounds(3, 3, 3)


@pytest.mark.parametrize("first, second_half", [(40000, 40001), (40001, 40002)])
def test_the_second_half_has_the_other_parity(first, second_half):
    ports = pool(first, first + 39)
    both = (first, second_half)
    for used, likely in (((first,), set()), (both, {second_half})):
        seen = sample(*(connected(port, remote="192.0.2.8") for port in used))
        use = host_usage(seen, ports, ConnectRules()).use_of(None)
        assert use.likely_bound == likely


@pytest.mark.parametrize(
    "others, listeners, likely",
    [
        (17, 0, {40001}),
        (18, 0, set()),  # 90 % of the first half
        (15, 2, {40001}),
        (16, 2, set()),
    ],
)
def test_connect_goes_on_when_the_first_half_is_nearly_used(others, listeners, likely):
    first_half = iter(range(40000, 40040, 2))
    entries = [bound(next(first_half)) for _ in range(listeners)]
    entries += [connected(next(first_half)) for _ in range(others)]
    entries.append(connected(40001))
    assert usage(*entries).use_of(None).likely_bound == likely


def test_every_connect_goes_on_if_listeners_fill_the_first_half():
    entries = [bound(40000 + n) for n in range(0, 36, 2)]
    entries.append(connected(40001))
    assert usage(*entries).use_of(None).likely_bound == set()
    assert usage(*entries[1:]).use_of(None).likely_bound == {40001}


def test_going_on_for_one_source_address_says_nothing_about_another():
    other = "198.51.100.6"
    entries = [connected(40000 + n, local=other) for n in range(0, 40, 2)]
    entries += [connected(40001), connected(40003, local=other)]
    assert usage(*entries).use_of(None).likely_bound == {40001}


def test_the_first_choice_ports_have_bounds_of_their_own():
    entries = [connected(40000), connected(40002, remote="192.0.2.8"), bound(40004)]
    entries += [connected(40001), connected(40003, remote="192.0.2.8"), bound(40005)]
    use = usage(*entries).use_of(None)
    found = connect_usage(use, pool(), TO_THEM)
    assert found.ports == Usage(40, Bounds(4, 5, 6))
    assert found.first_choice == Usage(20, Bounds(2, 2, 3))
    few = usage(*entries, unseen=30).tcp_connect
    assert few.first_choice.used.high == 20
    assert few.ports.used == Bounds(4, 5, 36)
    assert few.used_if_bound == 36
    assert usage(*entries, unseen=99).tcp_connect.used_if_bound == 40


def test_a_port_that_was_not_bound_counts_for_its_own_destination_only():
    entries = [connected(40000), connected(40002, remote="192.0.2.8")]
    settled = {40000: False, 40002: False}
    assert free_to_them(*entries, settled=settled) == Bounds(39, 39, 39)


def test_a_time_wait_to_take_over_is_in_the_way_if_its_port_was_bound():
    free = free_to_them(waiting(40000), rules=ALWAYS)
    assert free == Bounds(39, 40, 40)
    for is_bound, free in ((True, Bounds(39, 39, 39)), (False, Bounds(39, 40, 40))):
        found = free_to_them(waiting(40000), rules=ALWAYS, settled={40000: is_bound})
        assert found == free


def test_connections_on_devices_are_counted_for_themselves():
    entries = [connected(40000), connected(40010, remote="192.0.2.8", device=9)]
    entries += [connected(40002 + 2 * n, device=7) for n in range(3)]
    entries.append(connected(40020, device=5))
    watch = Watch("them:443", (endpoint(THEM, 443),))
    answer = usage(*entries, watches=(watch,))
    assert answer.watched[0][1].ports.used.best == 1
    # a connection without a device is in the way of those on each device
    found = [(one, connect.ports.used.best) for one, connect in answer.on_devices]
    assert found == [
        (watch._replace(device=5), 1 + 1),
        (watch._replace(device=7), 3 + 1),
    ]
    answer = usage(*entries, watches=(watch._replace(device=7),))
    assert answer.watched[0][1].ports.used.best == 3 + 1
    assert [one.device for one, _ in answer.on_devices] == [5]


def test_only_what_is_asked_is_counted():
    entries = [connected(40000), waiting(40002), bound(40001), bound(1, protocol=UDP)]
    both, tcp, udp = usage(*entries), usage(*entries, udp=False), usage(tcp=False)
    assert (both.tcp_sockets, both.tcp_time_wait, both.udp_sockets) == (3, 1, 1)
    assert both.tcp_connect and both.tcp_bind and both.udp_bind
    assert tcp.tcp_connect and tcp.tcp_bind and tcp.udp_bind is None
    assert udp.tcp_connect is udp.tcp_bind is None and udp.udp_bind
    assert udp.in_vrfs == {} and udp.watched == udp.on_devices == []


def test_without_time_wait_in_view_its_number_is_unknown():
    blind = sample()._replace(visibility=SEES_ALL._replace(time_wait=False))
    assert host_usage(blind, pool(), ConnectRules()).tcp_time_wait is None
    assert host_usage(sample(), pool(), ConnectRules()).tcp_time_wait == 0


@pytest.mark.parametrize("seed", range(10))
def test_the_fullest_of_many_destinations_are_found(seed):
    chance = random.Random(seed)
    blocked = chance.sample(range(40000, 40040), 15)
    entries = [bound(port) for port in blocked]
    for n in range(60):
        remote = f"192.0.2.{n}"
        # those with most connections are not those with most ports of their own
        is_misleading = n < 25 and seed % 2
        ports = blocked if is_misleading else range(40000, 40040)
        count = chance.randrange(8, 15) if is_misleading else chance.randrange(7)
        entries += [connected(port, remote) for port in chance.sample(ports, count)]
    use = usage(*entries).use_of(None)
    every = [connect_usage(use, pool(), key) for _, key in use.connections.sizes()]
    used = sorted((one.ports.used.best for one in every), reverse=True)
    for count in (1, 3, 20, 70):
        found = fullest_destinations(use, pool(), count)
        assert [one.ports.used.best for one in found] == used[:count]
        assert len({one.destination for one in found}) == len(found)


NEW_AGAINST_HELD = {
    # new address: the held addresses with which it collides; None for all
    "0.0.0.0": {"0.0.0.0", US, THEM, ":: dual", "connected v6 dual"},
    US: {"0.0.0.0", US, ":: dual"},
    "::": None,
    None: None,
    "2001:db8::1": {":: dual", ":: v6only", "2001:db8::1", "connected v6 dual"},
    "2001:db8::2": {":: dual", ":: v6only"},
}
HELD = {
    "0.0.0.0": bound(40000, "0.0.0.0"),
    US: bound(40000, US),
    THEM: bound(40000, THEM),
    ":: dual": bound(40000, "::", v6only=False),
    ":: v6only": bound(40000, "::", v6only=True),
    "2001:db8::1": bound(40000, "2001:db8::1"),
    "connected v6 dual": connected(
        40000, local="2001:db8::1", remote="2001:db8::9", v6only=False
    ),
}


@pytest.mark.parametrize("new", NEW_AGAINST_HELD)
@pytest.mark.parametrize("held", HELD)
def test_addresses_overlap(new, held):
    entry = HELD[held]
    colliding = NEW_AGAINST_HELD[new]
    address, connected = entry.local.address, entry.remote is not None
    collides = overlaps(new, address, connected, entry.v6only)
    assert collides == (colliding is None or held in colliding)


def test_overlap_is_unknown_if_it_depends_on_an_unknown_v6only():
    assert overlaps("0.0.0.0", "::", connected=False, v6only=None) is None
    assert overlaps("0.0.0.0", "2001:db8::1", connected=True, v6only=None) is None
    assert overlaps(US, "2001:db8::1", connected=True, v6only=None) is False


ADDRESSES = st.sampled_from([US, THEM, "127.0.0.1", "::1", "2001:db8::1"])
ENTRIES = st.one_of(
    st.builds(
        connected,
        st.integers(39998, 40041),
        remote=ADDRESSES,
        local=ADDRESSES,
        protocol=st.sampled_from([TCP, UDP]),
        device=st.sampled_from([None, 0, 1]),
    ),
    st.builds(
        waiting,
        st.integers(40000, 40039),
        age=st.sampled_from([None, 0.5, 30.0]),
        remote=ADDRESSES,
    ),
    st.builds(
        bound,
        st.integers(40000, 40039),
        address=st.sampled_from([US, "0.0.0.0", "::", "::1"]),
        protocol=st.sampled_from([TCP, UDP]),
        v6only=st.sampled_from([None, False, True]),
    ),
)
SAMPLES = st.lists(ENTRIES, max_size=60)
SOURCES = st.sampled_from([None, "0.0.0.0", "::", US, "::1"])


def all_usages(answer):
    yield answer.tcp_connect.ports
    yield answer.tcp_connect.first_choice
    yield answer.tcp_bind
    yield answer.udp_bind


@given(SAMPLES, SOURCES, st.integers(0, 3), st.sampled_from([0, 1, 2, None]))
def test_figures_are_always_possible(entries, source, unseen, reuse):
    rules = ConnectRules(reuse=reuse)
    answer = usage(*entries, rules=rules, source=source, unseen=unseen)
    for one in all_usages(answer):
        assert 0 <= one.used.low <= one.used.best <= one.used.high <= one.capacity
        assert one.free.best + one.used.best == one.capacity
        assert one.free.low <= one.free.best <= one.free.high
        assert (one.used_percent == 100) == (one.free.best == 0)


@given(SAMPLES, ENTRIES, SOURCES)
def test_another_socket_never_frees_a_port(entries, another, source):
    before = usage(*entries, source=source)
    after = usage(*entries, another, source=source)
    assert after.tcp_bind.free.low <= before.tcp_bind.free.low
    assert after.udp_bind.free.best <= before.udp_bind.free.best
    assert free_to_them(*entries, another).high <= free_to_them(*entries).high


@given(SAMPLES)
def test_no_destination_is_fuller_than_the_fullest(entries):
    answer = usage(*entries)
    for _, key in answer.use_of(None).connections.sizes():
        other = connect_usage(answer.use_of(None), pool(), key)
        assert other.ports.used.best <= answer.tcp_connect.ports.used.best


@given(SAMPLES, st.randoms())
def test_no_port_is_unclear_after_all_unclear_ports_were_probed(entries, random):
    unclear = usage(*entries).use_of(None).unclear
    settled = {port: random.random() < 0.5 for port in unclear}
    assert not usage(*entries, settled=settled).use_of(None).unclear
