"""The thresholds of each metric, and the sentences of alarms."""

import pytest

from check_ephemeral_port.model.thresholds import parse_range
from check_ephemeral_port.plugin.thresholds import Thresholds, limit_text
from tests.support.builders import bound
from tests.support.check_builders import NEVER, checked, clients, udp_sockets, watch

ZERO = Thresholds(critical=parse_range("0"))
"""Alarms above 0."""


def alarms(check):
    return {result.metric.name for result in check.results if result.state.code}


def everything_in_use(**thresholds):
    question = {"watches": (watch("192.0.2.7:443", "192.0.2.7"),)}
    return checked(
        *clients(5), *udp_sockets(4), question=question, used=NEVER, **thresholds
    )


def test_without_thresholds_nothing_alarms():
    assert alarms(everything_in_use()) == set()


@pytest.mark.parametrize(
    "thresholds, metrics",
    [
        ("free", {"tcp_connect_free", "tcp_connect_192.0.2.7:443_free"}),
        ("bind_used", {"tcp_bind"}),
        ("fast_used", {"tcp_connect_fast"}),
    ],
)
def test_each_threshold_judges_its_own_metrics(thresholds, metrics):
    if thresholds == "free":
        metrics = metrics | {"udp_bind_free"}
    assert alarms(everything_in_use(**{thresholds: ZERO})) == metrics


def test_percent_used_judges_connect_and_udp_but_not_bind():
    question = {"watches": (watch("192.0.2.7:443", "192.0.2.7"),)}
    check = checked(*clients(5), *udp_sockets(4), question=question, used=ZERO)
    expected = {"tcp_connect", "tcp_connect_192.0.2.7:443", "udp_bind"}
    assert alarms(check) == expected


@pytest.mark.parametrize(
    "warning, used, alarm",
    [
        ("80", 32, False),
        ("80", 33, True),
        ("82.5", 33, False),
        ("0", 0, False),
        ("0", 1, True),
        ("@10:20", 3, False),
        ("@10:20", 4, True),
        ("~:", 40, False),
        ("5:", 1, True),
    ],
)
def test_both_ends_belong_to_the_range(warning, used, alarm):
    thresholds = Thresholds(warning=parse_range(warning))
    check = checked(*udp_sockets(used), question={"tcp": False}, used=thresholds)
    assert alarms(check) == ({"udp_bind"} if alarm else set())


def test_free_ports_alarm_below_their_limit():
    few = Thresholds(parse_range("10:"), parse_range("5:"))
    states = [
        str(checked(*udp_sockets(used), used=NEVER, free=few).state)
        for used in (30, 31, 35, 36)
    ]
    assert states == ["ok", "warning", "warning", "critical"]


@pytest.mark.parametrize(
    "limit, value, unit, text",
    [
        ("80", 80.5, "%", "above 80%"),
        ("2000:", 732, "", "below 2000"),
        ("10:20", 9, "", "below 10"),
        ("10:20", 21, "", "above 20"),
        ("~:-1", 0, "", "above -1"),
        ("@10:20", 10, "%", "within 10% to 20%"),
        ("@0:20", 0, "", "not above 20"),
        ("@~:20", -5, "", "not above 20"),
        ("@10:", 12, "", "not below 10"),
        ("1800:", 1500, "s", "below 30 min"),
        ("7200:", 1500, "s", "below 2 h"),
        ("90:", 1, "s", "below 90 s"),
        ("1000000:", 1, "", "below 1000000"),
        ("0.5", 1, "", "above 0.5"),
    ],
)
def test_limits_in_words(limit, value, unit, text):
    crossed = parse_range(limit)
    assert crossed.alarms(value)
    assert limit_text(crossed, value, unit) == text


def test_counts_are_perfdata_only():
    perfdata = checked(bound(40001), *clients(2), *udp_sockets(3)).perfdata
    counts = {p for p in perfdata if p.split("=")[0].endswith(("sockets", "wait"))}
    assert counts == {"tcp_sockets=3;;;0", "tcp_time_wait=0;;;0", "udp_sockets=3;;;0"}


@pytest.mark.parametrize("text", ["@0:", "0:", "~:", "0.000001", "@~:5", "10:20.5"])
def test_perfdata_has_ranges_that_can_be_read_again(text):
    ranges = Thresholds(parse_range(text), parse_range(text))
    perfdata = checked(*clients(5), used=ranges).perfdata
    assert f"tcp_connect=12.5%;{text};{text};0;100" in perfdata
