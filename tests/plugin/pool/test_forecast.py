"""The remaining time: in perfdata, in the status line, in the tables."""

import pytest

from check_ephemeral_port.model.forecast.connection_rate import ConnectionRate
from check_ephemeral_port.model.forecast.forecast import Forecast, HostForecast
from check_ephemeral_port.model.forecast.trend import Break, Growth, TimeRemaining
from check_ephemeral_port.model.sockets import Destination, endpoint
from check_ephemeral_port.model.thresholds import parse_seconds_range
from check_ephemeral_port.plugin.layout import section_lines
from check_ephemeral_port.plugin.pool.forecast import (
    connection_rate_lines,
    rate,
)
from check_ephemeral_port.plugin.pool.resource import EphemeralPorts
from check_ephemeral_port.plugin.pool.tables import forecast_table
from check_ephemeral_port.plugin.text import duration
from check_ephemeral_port.plugin.thresholds import Thresholds
from tests.support.check_builders import check_of, clients, observe, udp_sockets, watch

THERE = Destination("198.51.100.5", endpoint("192.0.2.8", 443))
FLAT = Forecast(15)
NEVER = Thresholds()
HALF_AN_HOUR = Thresholds(parse_seconds_range("30m:"), parse_seconds_range("10m:"))


def ending(minutes, **more):
    """A forecast that ports run out in ``minutes``, at two ports a second."""
    seconds = minutes * 60.0
    remaining = TimeRemaining(seconds * 0.8, seconds, seconds * 1.5)
    return Forecast(15, Growth(1.5, 2.0, 2.5, 840), remaining, **more)


def checked(forecast, entries=tuple(clients(10)), question=(), **thresholds):
    observation = observe(*entries, **dict(question))._replace(forecast=forecast)
    return check_of(observation, **thresholds)


def eta(check):
    return [field for field in check.perfdata if "_eta" in field]


def test_each_usage_has_its_remaining_time_in_perfdata():
    check = checked(
        HostForecast(ending(25), (), ending(90), ending(600)), eta=HALF_AN_HOUR
    )
    assert eta(check) == [
        "tcp_bind_eta=5400s;;;0",
        "tcp_connect_eta=1500s;1800:;600:;0",
        "udp_bind_eta=36000s;1800:;600:;0",
    ]


def test_usage_that_does_not_grow_has_no_remaining_time():
    assert eta(checked(HostForecast(FLAT, (), FLAT, FLAT))) == []
    assert eta(checked(None)) == []


@pytest.mark.parametrize(
    "minutes, state", [(31, "ok"), (30, "ok"), (29, "warning"), (9, "critical")]
)
def test_too_little_remaining_time_alarms(minutes, state):
    check = checked(HostForecast(ending(minutes), (), FLAT, FLAT), eta=HALF_AN_HOUR)
    assert str(check.state) == state
    sentence = f"ports to 192.0.2.7:443 run out in about {minutes} min at 2 ports/s"
    assert check.summary_str.count(sentence) == 1


def test_the_whole_of_an_alarm():
    check = checked(HostForecast(ending(25), (), FLAT, FLAT), eta=HALF_AN_HOUR)
    assert check.summary_str == (
        "ports to 192.0.2.7:443 run out in about 25 min at 2 ports/s, below 30 min"
        " - 25% of 40 ports to 192.0.2.7:443 used, 30 remaining"
    )


def test_bind_never_alarms_by_time_and_is_not_mentioned():
    check = checked(HostForecast(FLAT, (), ending(5), FLAT), eta=HALF_AN_HOUR)
    assert str(check.state) == "ok"
    assert "run out" not in check.summary_str


def test_an_end_within_the_hour_is_reported_without_an_alarm():
    check = checked(HostForecast(ending(59), (), FLAT, ending(61)))
    assert check.summary_str == (
        "25% of 40 ports to 192.0.2.7:443 used, 30 remaining"
        " - ports to 192.0.2.7:443 run out in about 59 min at 2 ports/s"
        " - 0% of 40 ports for UDP used, 40 remaining"
    )


def test_a_worse_alarm_comes_before_the_remaining_time():
    entries = [*clients(10), *udp_sockets(38)]
    check = checked(
        HostForecast(ending(25), (), FLAT, FLAT), entries=entries, eta=HALF_AN_HOUR
    )
    assert str(check.state) == "critical"
    assert check.summary_str == (
        "95% of 40 ports for UDP used, above 90%, 2 remaining"
        " - ports to 192.0.2.7:443 run out in about 25 min at 2 ports/s, below 30 min"
    )


def test_a_destination_that_runs_out_sooner_than_the_fullest_is_named():
    check = checked(
        HostForecast(ending(5, destination=THERE), (), FLAT, FLAT), eta=HALF_AN_HOUR
    )
    assert check.summary_str == (
        "ports to 192.0.2.8:443 run out in about 5 min at 2 ports/s, below 10 min"
        " - 25% of 40 ports to 192.0.2.7:443 used, 30 remaining"
    )
    assert check.alarming.destination == THERE


def test_watched_destinations_have_their_own_remaining_time():
    watches = (watch("a.example:443", "192.0.2.7"), watch("b.example:443", "192.0.2.8"))
    end = ending(5, destination=THERE, name="b.example:443")
    forecast = HostForecast(end, (FLAT, end), FLAT, FLAT)
    entries = [*clients(10), *clients(4, remote="192.0.2.8")]
    check = checked(forecast, entries, {"watches": watches}, eta=HALF_AN_HOUR)
    assert eta(check) == [
        "'tcp_connect_b.example:443_eta'=300s;1800:;600:;0",
        "tcp_connect_eta=300s;1800:;600:;0",
    ]
    assert check.summary_str == (
        "ports to b.example:443 run out in about 5 min at 2 ports/s, below 10 min"
        " - 25% of 40 ports to a.example:443 used, 30 remaining"
    )
    assert check.alarming.destination == THERE


def test_one_protocol_keeps_its_forecast():
    forecast = HostForecast(udp_bind=ending(5))
    check = checked(forecast, udp_sockets(3), {"tcp": False})
    assert eta(check) == ["udp_bind_eta=300s;;;0"]


def test_a_full_pool_has_no_remaining_time_and_percent_says_so():
    full = HostForecast(Forecast(1, remaining=TimeRemaining(0, 0, 0)), (), FLAT, FLAT)
    check = checked(full, clients(40))
    assert eta(check) == ["tcp_connect_eta=0s;;;0"]
    assert "run out" not in check.summary_str
    check = checked(full, clients(40), eta=HALF_AN_HOUR, used=NEVER)
    assert str(check.state) == "critical"
    assert check.summary_str == (
        "100% of 40 ports to 192.0.2.7:443 used, none remaining"
    )


def table(*forecasts, entries=tuple(clients(10))):
    resource = EphemeralPorts(
        observe(*entries)._replace(
            forecast=HostForecast(forecasts[0], (), *forecasts[1:])
        )
    )
    return section_lines(forecast_table(resource.figures))


def test_the_table_of_forecasts():
    slow = Forecast(15, Growth(0.001, 0.001, 0.001, 840))
    assert table(ending(25), slow, FLAT) == [
        "usage        growth       runs out in   at least, at most",
        "tcp_connect  2 ports/s    25 min        20 min to 37 min",
        "tcp_bind     3.6 ports/h  not in sight",
        "udp_bind     not certain",
    ]


def test_a_history_that_is_too_short_says_why():
    full = Forecast(1, remaining=TimeRemaining(0, 0, 0))
    assert table(full, Forecast(3), Forecast(1, broken=Break.REBOOT)) == [
        "usage        growth       runs out in     at least, at most",
        "tcp_connect  not certain  none remaining",
        "tcp_bind: no history yet, run 3 of 10",
        "udp_bind: no history yet, run 1 of 10 (the host has restarted)",
    ]


@pytest.mark.parametrize("why", Break)
@pytest.mark.parametrize("name", ["a.example:443", f"{'x' * 200}.example:65535"])
def test_forecasts_are_no_wider_than_80_columns(why, name):
    watches = (watch(name, "192.0.2.7"),)
    for one in (Forecast(9, broken=why), ending(10**6), ending(0.5)):
        forecast = HostForecast(one, (one,), one, one)
        observation = observe(*clients(10), watches=watches)._replace(forecast=forecast)
        resource = EphemeralPorts(observation)
        table = section_lines(forecast_table(resource.figures))
        assert 4 <= len(table) <= 5
        assert max(map(len, table)) <= 80


def test_without_a_history_there_is_no_table():
    resource = EphemeralPorts(observe(*clients(3)))
    assert section_lines(forecast_table(resource.figures)) == []


@pytest.mark.parametrize(
    "seconds, text",
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (119, "119 s"),
        (120, "2 min"),
        (1500, "25 min"),
        (7199, "119 min"),
        (7200, "2 h"),
        (431999, "119 h"),
        (432000, "5 days"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    "per_second, text",
    [
        (1234.5, "1234 ports/s"),
        (12, "12 ports/s"),
        (1.5, "1.5 ports/s"),
        (0.5, "30 ports/min"),
        (0.0167, "1.0 ports/min"),
        (0.001, "3.6 ports/h"),
        (0.00001, "0.0 ports/h"),
        (0, "0 ports/s"),
    ],
)
def test_rates(per_second, text):
    assert rate(per_second) == text


@pytest.mark.parametrize(
    "connections, rates",
    [
        (
            ConnectionRate(THERE, 470.5, 25.0, False),
            ("25/s", "470/s"),
        ),
        (
            ConnectionRate(THERE, 28232.0, 28232.0, True),
            ("at least 28232/s", "28232/s"),
        ),
        (
            ConnectionRate(THERE, None, None, True),
            ("unknown", "any"),
        ),
    ],
)
def test_connection_rates(connections, rates):
    current, sustainable = rates
    assert connection_rate_lines(connections) == [
        f"new connections to the fullest destination: {current}",
        f"the range and TIME_WAIT allow: {sustainable}",
    ]
