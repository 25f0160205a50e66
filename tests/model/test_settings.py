"""When connect() can take over a TIME_WAIT."""

import pytest

from check_ephemeral_port.model.connections import is_old_enough
from check_ephemeral_port.model.settings import CLOCK_TICK_SECONDS, ConnectRules

BY_SECONDS = ConnectRules(reuse_delay_seconds=None)


@pytest.mark.parametrize("moment", [0.0, 17.3, 1e6 + 0.999])
def test_since_linux_6_14_only_the_age_counts(moment):
    rules = ConnectRules(reuse_delay_seconds=0.5)
    assert rules.least_age_seconds(moment) == rules.longest_delay_seconds == 0.5


@pytest.mark.parametrize(
    "began, now, expected",
    [
        (16.99, 17.30, True),
        (16.01, 17.30, True),
        (17.02, 17.30, False),
        (17.05, 17.95, False),
        (17.95, 18.02, True),
    ],
)
def test_before_linux_6_14_the_next_full_second_counts(began, now, expected):
    assert is_old_enough(now - began, BY_SECONDS.least_age_seconds(now)) is expected
    assert BY_SECONDS.longest_delay_seconds == 1


def test_close_to_a_full_second_the_clock_is_not_trusted():
    assert BY_SECONDS.least_age_seconds(17 + CLOCK_TICK_SECONDS / 2) == 0
    assert BY_SECONDS.least_age_seconds(17.5) == pytest.approx(0.49)
