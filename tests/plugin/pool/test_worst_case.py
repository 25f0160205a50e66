"""The line shows what is unclear; it is a warning if the worst case is critical."""

from __future__ import annotations

import pytest

from check_ephemeral_port.model.sockets import Destination, endpoint
from check_ephemeral_port.model.thresholds import parse_range
from check_ephemeral_port.plugin.thresholds import Thresholds
from tests.support.builders import connected
from tests.support.check_builders import NEVER, check_of, checked, clients, observe

THERE = Destination("198.51.100.5", endpoint("192.0.2.7", 443))
REFUSED = "none remaining, a connect tried just now was refused"
FOUND = "none remaining by count, but a connect tried just now found a port"


def spread(count, destinations=10):
    """Connections to several destinations, each on a port of its own."""
    return [connected(40000 + n, f"192.0.2.{n % destinations}") for n in range(count)]


def test_a_worst_case_without_free_ports_is_a_warning_and_both_figures_show():
    check = checked(*spread(40))
    assert str(check.state) == "warning"
    assert check.summary_str == (
        "60% of 40 ports to 192.0.2.8:443 used, 16 remaining by estimate, perhaps 0,"
        " which would be critical"
    )


@pytest.mark.parametrize(
    "count, state", [(34, "ok"), (36, "ok"), (37, "warning"), (40, "warning")]
)
def test_the_critical_threshold_decides_about_the_worst_case(count, state):
    assert str(checked(*spread(count)).state) == state


def test_free_ports_have_a_worst_case_as_well():
    few = Thresholds(critical=parse_range("5:"))
    assert str(checked(*spread(35), used=NEVER, free=few).state) == "ok"
    assert str(checked(*spread(36), used=NEVER, free=few).state) == "warning"


def test_without_a_threshold_the_worst_case_is_no_alarm():
    assert str(checked(*spread(40), used=NEVER).state) == "ok"


def test_an_alarm_by_estimate_stays_what_it_is():
    entries = [*clients(38), *spread(40)[38:]]
    assert str(checked(*entries).state) == "critical"


def test_what_is_clear_shows_one_figure():
    assert "perhaps" not in checked(*clients(30)).summary_str


@pytest.mark.parametrize(
    "found, words",
    [
        (False, REFUSED),
        (True, FOUND),
        (None, "none remaining"),
    ],
)
def test_a_connect_that_was_tried_is_part_of_the_sentence(found, words):
    tried: dict[Destination | None, bool] = {} if found is None else {THERE: found}
    observation = observe(*clients(40), udp=False)._replace(found_port=tried)
    check = check_of(observation)
    assert check.summary_str == (
        f"100% of 40 ports to 192.0.2.7:443 used, above 90%, {words}"
    )
