"""What is remembered of a look, and which end comes first."""

from __future__ import annotations

import pytest

from check_ephemeral_port.model.forecast.forecast import (
    KEPT_DESTINATIONS,
    MAX_SERIES,
    forecast_usage,
)
from check_ephemeral_port.model.forecast.trend import (
    FEWEST_POINTS,
    MOST_POINTS,
    SHORTEST_GAP_SECONDS,
    Break,
    Moment,
    Point,
    Series,
)
from check_ephemeral_port.model.settings import ConnectRules
from check_ephemeral_port.model.sockets import endpoint
from check_ephemeral_port.model.usage import Question, Watch, host_usage
from check_ephemeral_port.system.state_file import MOST_BYTES, encode_history
from tests.support.builders import UDP, bound, connected, pool, sample

LOOKS = FEWEST_POINTS
MINUTE = 60.0


def to(remote, count, **more):
    ports = [*range(40000, 40040, 2), *range(40001, 40040, 2)]
    return [connected(port, remote, **more) for port in ports[:count]]


def look(history, n, entries, question=Question(), ports=pool(), place="here"):
    usage = host_usage(sample(*entries), ports, ConnectRules(), question)
    moment = Moment(
        uptime_seconds=n * MINUTE, wall_seconds=1e9 + n * MINUTE, boot_id="boot"
    )
    return forecast_usage(history, usage, question, moment, place)


def names(history):
    """Of the series, without what tells questions apart."""
    return {" ".join([name.split()[0], *name.split()[2:]]) for name in history}


def watching(*hosts):
    return tuple(Watch(f"{host}:443", (endpoint(host, 443),)) for host in hosts)


def looks(entries_of, question=Question(), count=LOOKS, **more):
    history: dict[str, Series] = {}
    outlook = None
    for n in range(count):
        history, outlook = look(history, n, entries_of(n), question, **more)
    return history, outlook


def test_one_look_says_nothing_yet():
    history, outlook = look({}, 0, to("192.0.2.7", 3))
    for forecast in (outlook.tcp_connect, outlook.tcp_bind, outlook.udp_bind):
        assert forecast.samples == 1
        assert forecast.growth is forecast.remaining is None
    assert names(history) == {
        "here tcp_connect",
        "here tcp_connect 198.51.100.5 to 192.0.2.7:443",
        "here tcp_bind",
        "here udp_bind",
    }


def test_each_usage_has_its_own_growth():
    def entries(n):
        udp = [bound(40000 + m, protocol=UDP) for m in range(2 * n)]
        return [*to("192.0.2.7", n), *udp]

    _, outlook = looks(entries)
    assert outlook.tcp_connect.growth.typical == pytest.approx(1 / MINUTE)
    assert outlook.tcp_connect.remaining.likely == pytest.approx((40 - 9) * MINUTE)
    assert outlook.tcp_bind.remaining == outlook.tcp_connect.remaining
    assert outlook.udp_bind.remaining.likely == pytest.approx((40 - 18) / 2 * MINUTE)


def test_the_end_is_told_of_the_destination_that_it_comes_to_first():
    def entries(n):
        return [*to("192.0.2.7", 25), *to("192.0.2.8", 2 * n)]

    # of the first look nothing is remembered: nobody was connected there
    _, outlook = looks(entries, count=LOOKS + 1)
    assert outlook.tcp_connect.destination.remote == endpoint("192.0.2.8", 443)
    assert outlook.tcp_connect.remaining.likely == pytest.approx((40 - 20) / 2 * MINUTE)


def test_the_fullest_destination_needs_no_name_of_its_own():
    _, outlook = looks(lambda n: to("192.0.2.7", n))
    assert outlook.tcp_connect.destination is None


def test_bound_ports_run_out_for_everybody_even_if_nobody_connects():
    _, outlook = looks(lambda n: [bound(40000 + m) for m in range(n)])
    assert outlook.tcp_connect.remaining.likely == pytest.approx((40 - 9) * MINUTE)


def test_watched_destinations_are_foreseen_one_by_one_and_no_others():
    watches = watching("192.0.2.7", "192.0.2.8")

    def entries(n):
        return [*to("192.0.2.7", n), *to("192.0.2.8", 9), *to("192.0.2.9", 3 * n)]

    history, outlook = looks(entries, Question(watches=watches, udp=False))
    growing, flat = outlook.watched
    assert growing.remaining.likely == pytest.approx((40 - 9) * MINUTE)
    assert flat.remaining is None
    assert outlook.tcp_connect == growing
    assert (growing.name, flat.name) == ("192.0.2.7:443", "192.0.2.8:443")
    assert growing.destination.remote == endpoint("192.0.2.7", 443)
    assert outlook.udp_bind is None
    assert not any("192.0.2.9" in name for name in history)


def test_only_the_asked_protocol_is_remembered():
    history, outlook = look({}, 0, to("192.0.2.7", 3), Question(tcp=False))
    assert names(history) == {"here udp_bind"}
    assert outlook.tcp_connect is outlook.tcp_bind is None


def test_a_source_is_a_question_of_its_own():
    question = Question(source="198.51.100.6")
    entries = [*to("192.0.2.7", 3), *to("192.0.2.7", 2, local="198.51.100.6")]
    history, _ = look({}, 0, entries, question)
    assert names(history) == {
        "here tcp_connect",
        "here tcp_connect 198.51.100.6 to 192.0.2.7:443",
        "here tcp_bind",
        "here udp_bind",
    }


OTHER_QUESTIONS = [
    Question(source="198.51.100.6"),
    Question(udp=False),
    Question(watches=watching("192.0.2.7")),
    Question(watches=watching("192.0.2.7", "192.0.2.8")),
]


def test_checks_that_share_a_history_look_each_at_times_of_its_own():
    # the growth was chosen for one look a minute, not for one of each check
    history: dict[str, Series] = {}
    for n in range(4):
        for late, question in enumerate([Question(), *OTHER_QUESTIONS]):
            entries = to("192.0.2.7", n)
            history, outlook = look(history, n + late / 5, entries, question)
            assert {forecast.samples for forecast in outlook.in_order()} == {n + 1}


def test_another_answer_of_the_resolver_is_the_same_question():
    history: dict[str, Series] = {}
    for n, address in enumerate(("192.0.2.7", "192.0.2.8")):
        watch = Watch("a.example:443", (endpoint(address, 443),))
        history, outlook = look(history, n, (), Question(watches=(watch,)))
    assert outlook.tcp_connect.samples == outlook.udp_bind.samples == 2


def test_many_places_can_share_a_history():
    def entries(_):
        crowd = [f"192.0.2.{size}" for size in range(1, 10)]
        return [entry for size, one in enumerate(crowd, 1) for entry in to(one, size)]

    history: dict[str, Series] = {}
    for n in range(3):
        for place in map(str, range(20)):
            history, outlook = look(history, n, entries(n), place=place)
            assert {forecast.samples for forecast in outlook.in_order()} == {n + 1}


def test_as_many_destinations_can_be_watched_as_anybody_names():
    watches = watching(*(f"192.0.2.{n}" for n in range(100)))
    _, outlook = looks(lambda n: (), Question(watches=watches), count=3)
    assert {forecast.samples for forecast in outlook.in_order()} == {3}


@pytest.mark.parametrize(
    "other", [pool(last=40041), pool(reserved=[40001]), pool(40002, 40041)]
)
def test_another_pool_is_another_matter(other):
    history, _ = looks(lambda n: to("192.0.2.7", n))
    _, outlook = look(history, LOOKS, to("192.0.2.7", 12), ports=other)
    assert outlook.tcp_connect.broken is Break.POOL
    assert outlook.tcp_connect.samples == 1


def test_as_many_other_reserved_ports_are_another_pool():
    history, _ = look({}, 0, (), ports=pool(reserved=[40001]))
    _, outlook = look(history, 1, (), ports=pool(reserved=[40003]))
    assert outlook.udp_bind.broken is Break.POOL


def test_a_full_pool_has_no_time_left_from_the_first_look_on():
    _, outlook = look({}, 0, to("192.0.2.7", 40))
    assert outlook.tcp_connect.remaining.likely == 0
    assert outlook.udp_bind.remaining is None


def test_only_the_fullest_destinations_are_remembered():
    def entries(n):
        crowd = [f"192.0.2.{n * 10 + m}" for m in range(10)]
        return [entry for size, one in enumerate(crowd, 1) for entry in to(one, size)]

    # each destination is there for two looks
    history, _ = looks(lambda n: entries(n // 2), count=40)
    latest = [name for name in history if "192.0.2.19" in name]
    assert len(latest) == KEPT_DESTINATIONS
    usual = 3
    minutes = SHORTEST_GAP_SECONDS / MINUTE
    assert len(history) <= usual + KEPT_DESTINATIONS * (minutes / 2 + 1)
    (udp,) = (series for name, series in history.items() if "udp_bind" in name)
    assert len(udp.points) == 40


def test_hourly_runs_have_a_history_beside_those_of_each_minute():
    history: dict[str, Series] = {}
    for n in range(4 * 60):
        history, _ = look(history, n, (), place="often")
        if n % 60 == 30:
            history, outlook = look(history, n, (), place="seldom")
    assert outlook.udp_bind.samples == 4


def test_a_history_never_outgrows_its_file():
    longest = ".".join(["x" * 49] * 5)
    watches = tuple(Watch(f"{n}{longest}:65535", ()) for n in range(MAX_SERIES + 1))
    history, _ = look({}, 0, (), Question(watches=watches), place="net:[4026531833]")
    assert len(history) == MAX_SERIES
    points = (
        Point(uptime_seconds=123456789.123, wall_seconds=1234567890.123, used=65535),
    ) * MOST_POINTS
    full = {name: s._replace(points=points) for name, s in history.items()}
    assert len(encode_history(full)) < MOST_BYTES


def test_series_from_a_clock_that_was_wrong_once_make_room():
    history: dict[str, Series] = {}
    for n in range(MAX_SERIES + 1):
        history, _ = look(history, 10**6, (), Question(tcp=False), place=str(n))
    history, _ = look(history, 1, ())
    history, outlook = look(history, 2, ())
    assert outlook.udp_bind.samples == 2
