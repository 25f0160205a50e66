"""Each rule gives advice if there is a problem, and none otherwise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_ephemeral_port.model.advice import advise
from check_ephemeral_port.model.advice.bind_before_connect import (
    advise_bind_before_connect,
    bound_before_connect,
    destinations_of,
    many_bound_first,
)
from check_ephemeral_port.model.advice.connection_state import (
    advise_connection_state,
)
from check_ephemeral_port.model.advice.facts import (
    AdviceSettings,
    Facts,
    Listener,
    TimeWaitTable,
)
from check_ephemeral_port.model.advice.listeners import advise_listeners
from check_ephemeral_port.model.advice.odd_range import advise_odd_size
from check_ephemeral_port.model.advice.reserved_ports import advise_reserved_ports
from check_ephemeral_port.model.advice.small_range import advise_small_range
from check_ephemeral_port.model.advice.time_wait import (
    advise_time_wait,
    time_wait_ports,
)
from check_ephemeral_port.model.advice.time_wait_table import advise_time_wait_table
from check_ephemeral_port.model.bounds import Bounds, Usage
from check_ephemeral_port.model.connect import ConnectUsage
from check_ephemeral_port.model.ports import format_port_list, parse_port_list
from check_ephemeral_port.model.settings import ConnectRules
from check_ephemeral_port.model.sockets import Destination, TcpState, endpoint
from check_ephemeral_port.model.usage import host_usage
from tests.support.builders import THEM, US, bound, connected, pool, sample, waiting

NONE: frozenset[int] = frozenset()
DEFAULT = pool(32768, 60999)
BACKEND = Destination(US, endpoint(THEM, 443))
LOOPBACK = Destination("127.0.0.1", endpoint("127.0.0.1", 443))


def connect_usage(used, capacity=1000, destination=BACKEND):
    ports = Usage(capacity=capacity, used=Bounds(used, used, used))
    return ConnectUsage(destination=destination, ports=ports, first_choice=ports)


def facts(*entries, settings=AdviceSettings(reserved=NONE), ports=DEFAULT, **more):
    usage = host_usage(
        sample(*entries), ports, more.pop("rules", ConnectRules(reuse=2))
    )
    return Facts(usage, settings, **more)


def test_no_advice_for_an_idle_host_with_default_settings():
    assert (
        advise(
            facts(
                settings=AdviceSettings(
                    reserved=NONE, time_wait=TimeWaitTable(sockets=0, limit=131072)
                )
            )
        )
        == []
    )


def test_no_advice_for_ordinary_use():
    entries = [connected(port) for port in range(32768, 34768, 2)]
    entries += [waiting(port) for port in range(40000, 41000, 2)]
    entries += [bound(5432, state=TcpState.LISTEN)]
    assert advise(facts(*entries)) == []


@pytest.mark.parametrize(
    "first, last, small",
    [
        (32768, 60999, False),
        (49152, 65535, False),
        (46884, 60999, True),
        (46882, 60999, False),
        (40000, 40000, True),
    ],
)
def test_a_small_range_is_half_the_usual_one_or_less(first, last, small):
    advice = advise_small_range(pool(first, last), NONE)
    assert bool(advice) is small
    if advice:
        assert advice.problem.startswith(f"the range {first}-{last} is small, 28232 ")
        assert advice.cause == "the range is small, 28232 ports are usual"
        assert advice.fix == "sysctl -w net.ipv4.ip_local_port_range='32768 60999'"


def ports(*bounds):
    return frozenset(range(bounds[0], bounds[1] + 1))


@pytest.mark.parametrize(
    "reserved, fix",
    [
        (ports(40000, 47999), "'32768 65535'"),
        (ports(32768, 47999), "'16384 65535'"),
        (ports(20000, 47999), "'1024 65535'"),
    ],
)
def test_a_wider_range_makes_up_for_many_reserved_ports(reserved, fix):
    advice = advise_reserved_ports(pool(32768, 60999, reserved), reserved)
    taken = len([port for port in reserved if port >= 32768])
    assert advice.problem == f"reserved ports take {taken} of the range's 28232"
    assert advice.cause == advice.problem
    assert advice.fix == f"sysctl -w net.ipv4.ip_local_port_range={fix}"


def test_a_quarter_of_a_small_range_is_many():
    reserved = ports(1, 40009)
    assert advise_reserved_ports(pool(40000, 40039, reserved), reserved)
    enough = pool(32768, 60999, ports(40000, 47057))
    assert enough.capacity == 0.75 * DEFAULT.capacity
    assert advise_reserved_ports(enough, enough.reserved) is None


def test_no_range_is_proposed_if_too_many_ports_are_reserved():
    reserved = ports(1024, 55000)
    advice = advise_reserved_ports(pool(32768, 60999, reserved), reserved)
    assert advice.is_command is False and "reserve fewer ports" in advice.fix
    assert advice.problem == advice.cause != ""
    assert_clauses([advice])


def test_three_quarters_of_the_usual_ports_are_enough():
    for last, fix in ((47057, "'32768 60999'"), (47058, "'32768 65535'")):
        advice = advise_small_range(pool(), ports(40000, last))
        assert advice.fix.endswith(fix)


@pytest.mark.parametrize(
    "settings",
    [
        pool(32768, 60999, ports(40000, 46999)),  # just less than a quarter is reserved
        pool(1024, 65535, ports(20000, 47999)),  # enough ports remain
        pool(32768, 60999, {40000}),
        pool(40000, 40039, range(40009)),
    ],
)
def test_no_advice_if_enough_ports_are_not_reserved(settings):
    assert advise_reserved_ports(settings, settings.reserved) is None


@pytest.mark.parametrize(
    "first, last, fix",
    [(32768, 60998, "32768 60999"), (1025, 65535, "1026 65535")],
)
def test_the_fix_for_an_odd_number_of_ports_changes_one_bound(first, last, fix):
    advice = advise_odd_size(pool(first, last))
    assert advice.problem.startswith(f"the range {first}-{last} has an odd number ")
    assert advice.fix == f"sysctl -w net.ipv4.ip_local_port_range='{fix}'"
    low, high = map(int, fix.split())
    assert advise_odd_size(pool(low, high)) is None


@given(st.integers(1, 65535), st.integers(1, 65535), st.sets(st.integers(1, 65535)))
def test_one_fix_of_the_range_is_enough(low, high, reserved):
    first, last = sorted((low, high))
    reserved = reserved - ports(first, last)
    found = advise(
        facts(
            settings=AdviceSettings(reserved=frozenset(reserved)),
            ports=pool(first, last, reserved),
        )
    )
    if found:
        (advice,) = found
        bounds = advice.fix.partition("'")[2].strip("'").split()
        low, high = map(int, bounds)
        after = pool(low, high, reserved)
        settings = AdviceSettings(reserved=frozenset(reserved))
        assert advise(facts(settings=settings, ports=after)) == []


@pytest.mark.parametrize(
    "rules, destination, reasons, fix",
    [
        (
            ConnectRules(reuse=0),
            BACKEND,
            "net.ipv4.tcp_tw_reuse is 0",
            "tcp_tw_reuse=1",
        ),
        (
            ConnectRules(reuse=0),
            LOOPBACK,
            "net.ipv4.tcp_tw_reuse is 0",
            "tcp_tw_reuse=1",
        ),
        (
            ConnectRules(reuse=2),
            BACKEND,
            "net.ipv4.tcp_tw_reuse is 2, which is for loopback only",
            "tcp_tw_reuse=1",
        ),
        (
            ConnectRules(reuse=1, timestamps=False),
            BACKEND,
            "net.ipv4.tcp_timestamps is 0",
            "tcp_tw_reuse=1 net.ipv4.tcp_timestamps=1",
        ),
        (
            ConnectRules(reuse=0, timestamps=False),
            BACKEND,
            "net.ipv4.tcp_tw_reuse is 0 and net.ipv4.tcp_timestamps is 0",
            "tcp_tw_reuse=1 net.ipv4.tcp_timestamps=1",
        ),
    ],
)
def test_time_wait_that_cannot_be_taken_over(rules, destination, reasons, fix):
    usage = connect_usage(600, destination=destination)
    advice = advise_time_wait(300, usage, rules)
    assert advice.problem.startswith(f"300 ports to {destination.remote} are in TIME_")
    assert advice.problem.endswith(f": {reasons}")
    assert advice.cause == reasons
    assert advice.fix == f"sysctl -w net.ipv4.{fix}"


@pytest.mark.parametrize(
    "waiting, destination, rules",
    [
        (249, BACKEND, ConnectRules(reuse=0)),
        (1000, BACKEND, ConnectRules(reuse=1)),
        (1000, LOOPBACK, ConnectRules(reuse=2)),
        (1000, BACKEND, ConnectRules(reuse=None)),
        (0, None, ConnectRules(reuse=0)),
    ],
)
def test_time_wait_that_does_not_matter(waiting, destination, rules):
    usage = connect_usage(waiting, destination=destination)
    assert advise_time_wait(waiting, usage, rules) is None


def test_a_quarter_of_the_pool_in_time_wait_matters():
    assert advise_time_wait(250, connect_usage(600), ConnectRules(reuse=0))


def test_time_wait_to_no_destination_is_no_problem():
    seen = sample(waiting(40000), waiting(40002), connected(40004))
    assert time_wait_ports(seen.connections, BACKEND) == 2
    assert time_wait_ports(seen.connections, None) == 0


def test_a_problem_with_less_than_half_of_the_used_ports_is_not_the_cause():
    assert advise_time_wait(300, connect_usage(601), ConnectRules(reuse=0)).cause == ""
    assert advise_bind_before_connect(300, connect_usage(601), ()).cause == ""
    assert advise_bind_before_connect(300, connect_usage(600), ()).cause


def test_only_an_alarm_about_connect_has_a_cause():
    entries = [waiting(port) for port in range(32768, 60999, 2)]
    quiet = facts(*entries)
    assert [advice.cause for advice in advise(quiet)] == [""]
    alarm = quiet._replace(alarming=quiet.usage.tcp_connect)
    (advice,) = advise(alarm)
    assert advice.cause.startswith("net.ipv4.tcp_tw_reuse is 2")


def test_many_reserved_ports_matter_more_than_an_odd_number():
    reserved = ports(40000, 50000)
    settings = AdviceSettings(reserved=reserved)
    host = facts(settings=settings, ports=pool(32768, 60998, reserved))
    (advice,) = advise(host)
    assert advice.problem == "reserved ports take 10001 of the range's 28231"


@pytest.mark.parametrize("device", [0, 3])
def test_each_problem_of_a_host_is_named_once_the_most_important_first(device):
    seen = sample(*(waiting(port, device=device) for port in range(40000, 40024, 2)))
    seen.connections.vrf_of = {3: 3}
    usage = host_usage(seen, pool(), ConnectRules(reuse=0))
    found = advise(
        Facts(
            usage,
            AdviceSettings(frozenset({8080}), TimeWaitTable(sockets=90, limit=100)),
            alarming=usage.in_vrfs[3] if device else usage.tcp_connect,
            bound_first=frozenset({40001, 40003}),
            bound_by=["proxy[7]"],
            states={TcpState.SYN_SENT: 13},
            listeners=[Listener(40010, "db[8]")],
        )
    )
    problems = [advice.problem for advice in found]
    assert [problem.partition(" ")[0] for problem in problems] == [
        *("the", "12", "2", "13", "unreserved", "the")
    ]
    assert problems[0].startswith("the range 40000-40039 is small")
    assert problems[1].startswith("12 ports to 192.0.2.7:443 are in TIME_WAIT")
    assert problems[2].startswith("2 ports were bound before they connected (proxy[7])")
    assert problems[3].startswith("13 connections are in SYN_SENT")
    assert "40010 (db[8])" in problems[4]
    assert found[4].fix.endswith("ip_local_reserved_ports=8080,40010")
    assert problems[5].startswith("the TIME_WAIT table is full")
    assert_clauses(found)


def assert_clauses(found):
    """The texts can be parts of a sentence, so they begin as one and have no end."""
    for advice in found:
        for text in (advice.problem, advice.fix, advice.cause or "none"):
            assert text[0].islower() or text[0].isdigit(), text
            assert not text.endswith((".", " "))


def test_programs_that_bind_before_they_connect_are_named():
    advice = advise_bind_before_connect(50, connect_usage(60), ["proxy[7]", "ftp[9]"])
    assert advice.problem == (
        "50 ports were bound before they connected (proxy[7], ftp[9]),"
        " so no other connect() can use them"
    )
    assert "IP_BIND_ADDRESS_NO_PORT" in advice.fix and advice.is_command is False
    assert advise_bind_before_connect(49, connect_usage(60), ["proxy[7]"]) is None
    unknown = advise_bind_before_connect(50, connect_usage(60), [])
    assert unknown.problem.startswith("50 ports were bound before they connected, so")


def test_a_twentieth_of_the_pool_is_many_but_no_port_never_is():
    assert many_bound_first(1, capacity=20)
    assert not many_bound_first(1, capacity=21)
    assert not many_bound_first(0, capacity=0)


def test_connections_that_a_listener_accepted_were_not_bound_first():
    entries = [
        bound(40002, state=TcpState.LISTEN),
        connected(40002),
        connected(40001),
        connected(40004),
    ]
    seen = sample(*entries)

    def found(settled=()):
        usage = host_usage(seen, pool(), ConnectRules(), settled={0: dict(settled)})
        return bound_before_connect(usage.use_of(None), seen.entries)

    assert found() == NONE
    assert found({40001: False}) == NONE
    assert found({40002: True, 40004: True}) == {40004}
    usage = host_usage(seen, pool(), ConnectRules())
    later = {40001: True, 40004: False}
    use = usage.use_of(None)
    assert bound_before_connect(use, seen.entries, later) == {40001}


def test_the_destination_with_most_of_the_ports_comes_first():
    entries = [connected(port, "192.0.2.8") for port in (40001, 40003)]
    entries += [connected(port) for port in (40000, 40002, 40004, 40005)]
    found = destinations_of(
        sample(*entries).connections, frozenset({40001, 40003, 40005}), 5
    )
    assert [held.remote.address for held in found] == ["192.0.2.8", THEM]


def test_the_port_of_a_listener_in_the_first_half_should_be_reserved():
    listeners = [Listener(40000), Listener(40000, "db[7]"), Listener(40001, "any[8]")]
    advice = advise_listeners(pool(), listeners, frozenset({8080, 40001}))
    assert advice.problem == (
        "unreserved ports of the range are listened on: 40000 (db[7]);"
        " a client can take such a port while its service restarts"
    )
    assert advice.fix == "sysctl -w net.ipv4.ip_local_reserved_ports=8080,40000-40001"


def test_the_advice_is_conditional_if_the_system_may_have_chosen_the_port():
    advice = advise_listeners(pool(), [Listener(40001)], NONE)
    assert advice.problem.endswith("unless bind() to port 0 chose it")


@pytest.mark.parametrize("port, sure", [(32766, True), (32767, True), (32768, False)])
def test_where_the_usual_range_begins_a_port_can_be_a_random_one(port, sure):
    advice = advise_listeners(pool(1025, 65535), [Listener(port)], NONE)
    assert ("unless" not in advice.problem) is sure


def test_the_port_of_a_listener_below_the_usual_range_should_be_reserved():
    listeners = [Listener(port) for port in (3306, 6379, 11211, 40001)]
    advice = advise_listeners(pool(1024, 65535), listeners, NONE)
    assert advice.fix.endswith("reserved_ports=3306,6379,11211")


@pytest.mark.parametrize(
    "state, words",
    [
        (TcpState.CLOSE_WAIT, "a program of this host has not"),
        (TcpState.SYN_SENT, "the other end does not answer"),
    ],
)
def test_many_connections_that_wait(state, words):
    usage = connect_usage(600)
    advice = advise_connection_state({state: 300, TcpState.ESTABLISHED: 300}, usage)
    assert advice.problem.startswith(f"300 connections are in {state.value}: ")
    assert words in advice.problem
    assert advice.fix and advice.is_command is False
    assert advice.cause == f"300 connections are in {state.value}"
    assert advise_connection_state({state: 299}, usage).cause == ""
    assert advise_connection_state({state: 250}, usage)
    assert advise_connection_state({state: 249}, usage) is None
    assert state.value in advise_connection_state({state: 1}, connect_usage(1, 4)).cause
    assert advise_connection_state({}, usage) is None


def test_three_listeners_are_named_but_all_are_reserved():
    listeners = [Listener(port) for port in range(40000, 40010, 2)]
    advice = advise_listeners(pool(), listeners, NONE)
    assert "listened on: 40000, 40002, 40004, 2 more;" in advice.problem
    assert advice.fix.endswith("=40000,40002,40004,40006,40008")
    advice = advise_listeners(pool(), listeners[:3], NONE)
    assert "listened on: 40000, 40002, 40004;" in advice.problem


def test_a_list_that_is_too_long_to_copy_is_not_printed():
    reserved = frozenset(range(1024, 2048, 2))
    advice = advise_listeners(pool(), [Listener(40000)], reserved)
    assert not advice.is_command and len(advice.fix) < 80


@pytest.mark.parametrize("other, short", [(9999, True), (10001, False)])
def test_a_list_of_ports_can_have_400_characters(other, short):
    reserved = frozenset([*range(20000, 20130, 2), other])
    listed = format_port_list(reserved | {40000})
    assert len(listed) == (400 if short else 401)
    advice = advise_listeners(pool(), [Listener(40000)], reserved)
    assert advice.is_command is advice.fix.endswith(f"={listed}") is short


def test_no_advice_without_listeners():
    assert advise_listeners(pool(), [], NONE) is None


@pytest.mark.parametrize(
    "table, full",
    [
        (TimeWaitTable(sockets=89, limit=100), False),
        (TimeWaitTable(sockets=89, limit=100, overflows=7), False),  # full earlier
        (TimeWaitTable(sockets=90, limit=100), True),
        (TimeWaitTable(sockets=0, limit=0), False),  # switched off
    ],
)
def test_the_time_wait_table_is_nearly_full(table, full):
    assert bool(advise_time_wait_table(table)) is full


def test_overflows_are_reported():
    advice = advise_time_wait_table(TimeWaitTable(sockets=100, limit=100, overflows=7))
    assert advice.problem.endswith(", 7 connections got none")
    assert advice.fix == "sysctl -w net.ipv4.tcp_max_tw_buckets=200"


@given(st.sets(st.integers(1, 65535)))
def test_a_formatted_port_list_can_be_parsed(numbers):
    assert parse_port_list(format_port_list(numbers)) == numbers


def test_a_formatted_port_list_is_as_short_as_possible():
    assert format_port_list([8080, 40001, 40000, 40002]) == "8080,40000-40002"
