"""Events in the log of Windows: what they are about, and how they are summed up."""

from check_ephemeral_port.model.failed.counts import BIND, TCP_CONNECT, UDP
from check_ephemeral_port.model.failed.log import (
    LoggedEvent,
    LoggedEvents,
    group_logged,
    logged_counts,
)

EVENTS = [
    LoggedEvent(4266, 50.0),
    LoggedEvent(4231, 30.0),
    LoggedEvent(4227, 40.0),
    LoggedEvent(4231, 20.0),
]


def test_events_are_grouped_by_number_the_most_frequent_first():
    assert group_logged(EVENTS) == [
        LoggedEvents(4231, 2, 20.0, 30.0),
        LoggedEvents(4227, 1, 40.0, 40.0),
        LoggedEvents(4266, 1, 50.0, 50.0),
    ]
    assert group_logged([]) == []


def test_two_events_are_about_connect_and_one_about_udp():
    groups = group_logged(EVENTS)
    assert logged_counts(groups, [TCP_CONNECT, UDP]) == {TCP_CONNECT: 3, UDP: 1}
    assert logged_counts(groups, [UDP]) == {UDP: 1}


def test_a_kind_that_windows_logs_is_0_without_events_and_another_one_is_unknown():
    assert logged_counts([], [TCP_CONNECT, BIND, UDP]) == {TCP_CONNECT: 0, UDP: 0}
