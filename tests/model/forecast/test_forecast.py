"""Which samples are remembered, and which usage runs out first."""

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

RUNS = FEWEST_POINTS
MINUTE = 60.0


def to(remote, count, **more):
    ports = [*range(40000, 40040, 2), *range(40001, 40040, 2)]
    return [connected(port, remote, **more) for port in ports[:count]]


def observe(history, n, entries, question=Question(), ports=pool(), namespace="here"):
    usage = host_usage(sample(*entries), ports, ConnectRules(), question)
    moment = Moment(
        uptime_seconds=n * MINUTE, wall_seconds=1e9 + n * MINUTE, boot_id="boot"
    )
    return forecast_usage(history, usage, question, moment, namespace)


def names(history):
    """Keys of the series without the checksum of the question."""
    return {" ".join([name.split()[0], *name.split()[2:]]) for name in history}


def watching(*hosts):
    return tuple(Watch(f"{host}:443", (endpoint(host, 443),)) for host in hosts)


def observe_runs(entries_of, question=Question(), count=RUNS, **more):
    history: dict[str, Series] = {}
    found = None
    for n in range(count):
        history, found = observe(history, n, entries_of(n), question, **more)
    return history, found


def test_one_sample_gives_no_forecast():
    history, found = observe({}, 0, to("192.0.2.7", 3))
    for forecast in (found.tcp_connect, found.tcp_bind, found.udp_bind):
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

    _, found = observe_runs(entries)
    assert found.tcp_connect.growth.typical == pytest.approx(1 / MINUTE)
    assert found.tcp_connect.remaining.likely == pytest.approx((40 - 9) * MINUTE)
    assert found.tcp_bind.remaining == found.tcp_connect.remaining
    assert found.udp_bind.remaining.likely == pytest.approx((40 - 18) / 2 * MINUTE)


def test_the_forecast_is_that_of_the_destination_that_runs_out_first():
    def entries(n):
        return [*to("192.0.2.7", 25), *to("192.0.2.8", 2 * n)]

    # the first sample has no series for 192.0.2.8: nothing is connected to it yet
    _, found = observe_runs(entries, count=RUNS + 1)
    assert found.tcp_connect.destination.remote == endpoint("192.0.2.8", 443)
    assert found.tcp_connect.remaining.likely == pytest.approx((40 - 20) / 2 * MINUTE)


def test_the_fullest_destination_is_not_named():
    _, found = observe_runs(lambda n: to("192.0.2.7", n))
    assert found.tcp_connect.destination is None


def test_bound_ports_run_out_for_connect_even_without_connections():
    _, found = observe_runs(lambda n: [bound(40000 + m) for m in range(n)])
    assert found.tcp_connect.remaining.likely == pytest.approx((40 - 9) * MINUTE)


def test_each_watched_destination_has_a_forecast_and_no_other_has():
    watches = watching("192.0.2.7", "192.0.2.8")

    def entries(n):
        return [*to("192.0.2.7", n), *to("192.0.2.8", 9), *to("192.0.2.9", 3 * n)]

    history, found = observe_runs(entries, Question(watches=watches, udp=False))
    growing, flat = found.watched
    assert growing.remaining.likely == pytest.approx((40 - 9) * MINUTE)
    assert flat.remaining is None
    assert found.tcp_connect == growing
    assert (growing.name, flat.name) == ("192.0.2.7:443", "192.0.2.8:443")
    assert growing.destination.remote == endpoint("192.0.2.7", 443)
    assert found.udp_bind is None
    assert not any("192.0.2.9" in name for name in history)


def test_only_the_requested_protocol_is_remembered():
    history, found = observe({}, 0, to("192.0.2.7", 3), Question(tcp=False))
    assert names(history) == {"here udp_bind"}
    assert found.tcp_connect is found.tcp_bind is None


def test_only_destinations_of_the_requested_source_are_remembered():
    question = Question(source="198.51.100.6")
    entries = [*to("192.0.2.7", 3), *to("192.0.2.7", 2, local="198.51.100.6")]
    history, _ = observe({}, 0, entries, question)
    assert names(history) == {
        "here tcp_connect",
        "here tcp_connect 198.51.100.6 to 192.0.2.7:443",
        "here tcp_bind",
        "here udp_bind",
    }


def test_a_destination_on_a_device_is_another_one():
    entries = [*to("192.0.2.7", 3), *to("192.0.2.7", 2, device=7)]
    history, _ = observe({}, 0, entries)
    on_devices = {name.rpartition("192.0.2.7:443")[2] for name in history}
    assert on_devices >= {"", " on 7"}


OTHER_QUESTIONS = [
    Question(source="198.51.100.6"),
    Question(udp=False),
    Question(watches=watching("192.0.2.7")),
    Question(watches=watching("192.0.2.7", "192.0.2.8")),
]


def test_checks_that_share_a_history_have_separate_series():
    # the method was chosen for one sample a minute, not for one from each check
    history: dict[str, Series] = {}
    for n in range(4):
        for late, question in enumerate([Question(), *OTHER_QUESTIONS]):
            entries = to("192.0.2.7", n)
            history, found = observe(history, n + late / 5, entries, question)
            assert {forecast.samples for forecast in found.in_order()} == {n + 1}


def test_a_watched_name_keeps_its_series_if_its_address_changes():
    history: dict[str, Series] = {}
    for n, address in enumerate(("192.0.2.7", "192.0.2.8")):
        watch = Watch("a.example:443", (endpoint(address, 443),))
        history, found = observe(history, n, (), Question(watches=(watch,)))
    assert found.tcp_connect.samples == found.udp_bind.samples == 2


def test_many_namespaces_can_share_a_history():
    def entries(_):
        crowd = [f"192.0.2.{size}" for size in range(1, 10)]
        return [entry for size, one in enumerate(crowd, 1) for entry in to(one, size)]

    history: dict[str, Series] = {}
    for n in range(3):
        for namespace in map(str, range(20)):
            history, found = observe(history, n, entries(n), namespace=namespace)
            assert {forecast.samples for forecast in found.in_order()} == {n + 1}


def test_a_hundred_destinations_can_be_watched():
    watches = watching(*(f"192.0.2.{n}" for n in range(100)))
    _, found = observe_runs(lambda n: (), Question(watches=watches), count=3)
    assert {forecast.samples for forecast in found.in_order()} == {3}


@pytest.mark.parametrize(
    "other", [pool(last=40041), pool(reserved=[40001]), pool(40002, 40041)]
)
def test_a_changed_pool_starts_a_new_series(other):
    history, _ = observe_runs(lambda n: to("192.0.2.7", n))
    _, found = observe(history, RUNS, to("192.0.2.7", 12), ports=other)
    assert found.tcp_connect.broken is Break.POOL
    assert found.tcp_connect.samples == 1


def test_a_swapped_reserved_port_changes_the_pool():
    history, _ = observe({}, 0, (), ports=pool(reserved=[40001]))
    _, found = observe(history, 1, (), ports=pool(reserved=[40003]))
    assert found.udp_bind.broken is Break.POOL


def test_a_full_pool_has_no_time_remaining_from_the_first_sample():
    _, found = observe({}, 0, to("192.0.2.7", 40))
    assert found.tcp_connect.remaining.likely == 0
    assert found.udp_bind.remaining is None


def test_only_the_fullest_destinations_are_remembered():
    def entries(n):
        crowd = [f"192.0.2.{n * 10 + m}" for m in range(10)]
        return [entry for size, one in enumerate(crowd, 1) for entry in to(one, size)]

    # each destination exists for two samples
    history, _ = observe_runs(lambda n: entries(n // 2), count=40)
    latest = [name for name in history if "192.0.2.19" in name]
    assert len(latest) == KEPT_DESTINATIONS
    usual = 3
    minutes = SHORTEST_GAP_SECONDS / MINUTE
    assert len(history) <= usual + KEPT_DESTINATIONS * (minutes / 2 + 1)
    (udp,) = (series for name, series in history.items() if "udp_bind" in name)
    assert len(udp.points) == 40


def test_hourly_runs_and_runs_each_minute_can_share_a_history():
    history: dict[str, Series] = {}
    for n in range(4 * 60):
        history, _ = observe(history, n, (), namespace="often")
        if n % 60 == 30:
            history, found = observe(history, n, (), namespace="seldom")
    assert found.udp_bind.samples == 4


def test_the_largest_history_fits_into_its_file():
    longest = ".".join(["x" * 49] * 5)
    watches = tuple(Watch(f"{n}{longest}:65535", ()) for n in range(MAX_SERIES + 1))
    history, _ = observe(
        {}, 0, (), Question(watches=watches), namespace="net:[4026531833]"
    )
    assert len(history) == MAX_SERIES
    points = (
        Point(uptime_seconds=123456789.123, wall_seconds=1234567890.123, used=65535),
    ) * MOST_POINTS
    full = {name: s._replace(points=points) for name, s in history.items()}
    assert len(encode_history(full)) < MOST_BYTES


def test_the_oldest_series_are_dropped_first():
    history: dict[str, Series] = {}
    for n in range(MAX_SERIES + 2):
        history, _ = observe(history, n, (), Question(tcp=False), namespace=str(n))
    assert {name.split()[0] for name in history} == {
        str(n) for n in range(2, MAX_SERIES + 2)
    }


def test_series_with_times_from_a_wrong_clock_are_dropped():
    history: dict[str, Series] = {}
    for n in range(MAX_SERIES + 1):
        history, _ = observe(history, 10**6, (), Question(tcp=False), namespace=str(n))
    history, _ = observe(history, 1, ())
    history, found = observe(history, 2, ())
    assert found.udp_bind.samples == 2
