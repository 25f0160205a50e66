"""The whole status line: what is nearly full, where to, and the largest holder."""

import pytest

from check_ephemeral_port.model.holders import Holder, NoProcess, Process
from check_ephemeral_port.model.settings import Sharing
from check_ephemeral_port.model.thresholds import parse_range
from check_ephemeral_port.plugin.names import holder_name
from check_ephemeral_port.plugin.pool.summary import SLOW
from check_ephemeral_port.plugin.thresholds import Thresholds
from tests.support.check_builders import (
    checked,
    clients,
    udp_sockets,
    watch,
)


def status(check, *holders):
    return check.explained(*holders).summary_str


def test_an_idle_host():
    assert status(checked()) == (
        "0% of 40 ports for TCP connect() used, 40 remaining; "
        "0% of 40 ports for UDP used, 40 remaining"
    )


@pytest.mark.parametrize(
    "question, text",
    [
        ({"udp": False}, "25% of 40 ports to 192.0.2.7:443 used, 30 remaining"),
        ({"tcp": False}, "7% of 40 ports for UDP used, 37 remaining"),
    ],
)
def test_one_protocol(question, text):
    text = text.replace("7% of 40 ports for", "7.5% of 40 ports for")
    assert status(checked(*clients(10), *udp_sockets(3), question=question)) == text


def test_ok_names_the_fullest_destination():
    entries = [*clients(4), *clients(6, remote="2001:db8::7", local="2001:db8::5")]
    assert status(checked(*entries)) == (
        "15% of 40 ports to [2001:db8::7]:443 used, 34 remaining; "
        "0% of 40 ports for UDP used, 40 remaining"
    )


def test_several_watched_destinations_are_one_sentence():
    watches = (watch("a.example:443", "192.0.2.7"), watch("b.example:443", "192.0.2.8"))
    entries = [*clients(4), *clients(10, remote="192.0.2.8")]
    assert status(checked(*entries, question={"watches": watches})) == (
        "25% of 40 ports to b.example:443 used, 30 remaining; "
        "0% of 40 ports for UDP used, 40 remaining"
    )


def test_a_problem_names_the_destination_and_the_largest_holder():
    check = checked(*clients(38))
    nginx, other = Holder(30, Process(812, "nginx", "www-data")), Holder(8, Process(9))
    assert status(check, nginx, other) == (
        "95% of 40 ports to 192.0.2.7:443 used, 2 remaining;"
        f" {SLOW}; nginx[812] holds 30"
    )


def test_only_the_worst_is_reported():
    check = checked(*clients(33), *udp_sockets(39))
    assert status(check) == f"97% of 40 ports for UDP used, 1 remaining; {SLOW}"


def test_equally_bad_usages_are_reported_together():
    assert status(checked(*clients(40), *udp_sockets(40))) == (
        "100% of 40 ports to 192.0.2.7:443 used, none remaining; "
        "100% of 40 ports for UDP used, none remaining"
    )


def test_two_thresholds_of_one_usage_are_one_sentence():
    few = Thresholds(critical=parse_range("10:"))
    check = checked(*udp_sockets(38), question={"tcp": False}, free=few)
    assert status(check) == "95% of 40 ports for UDP used, 2 remaining"


def test_one_watched_destination_is_one_sentence():
    watches = (watch("a.example:443", "192.0.2.7"),)
    check = checked(*clients(15), question={"watches": watches}, used=UNDER_10_PERCENT)
    assert status(check) == "37% of 40 ports to a.example:443 used, 25 remaining"


UNDER_10_PERCENT = Thresholds(critical=parse_range("10"))


def test_slow_is_reported_once_the_first_half_is_used_up():
    assert SLOW not in status(checked(*clients(19)))
    assert SLOW in status(checked(*clients(20)))
    assert SLOW in status(checked(*clients(39)))
    assert SLOW not in status(checked(*clients(40)))


MAC = Sharing.BY_DESTINATION


def test_where_time_wait_is_invisible_the_status_has_a_lower_bound():
    unseen = {"time_wait": False, "unseen": 9, "udp": False, "sharing": MAC}
    text = "TIME_WAIT is not visible here, perhaps only {} remain"
    assert status(checked(*clients(4), question=unseen)) == (
        f"10% of 40 ports to 192.0.2.7:443 used, 36 remaining; {text.format(27)}"
    )
    check = checked(*clients(40)[:39], question=unseen)
    assert status(check, Holder(30, Process(812, "nginx"))) == (
        "97% of 40 ports to 192.0.2.7:443 used, 1 remaining;"
        f" {SLOW}; nginx[812] holds 30; {text.format(0)}"
    )


@pytest.mark.parametrize(
    "question",
    [
        {"time_wait": False, "unseen": 0},
        {"time_wait": True, "unseen": 9},
        {"time_wait": False, "unseen": 9, "tcp": False},
    ],
)
def test_time_wait_is_not_mentioned_where_it_does_not_matter(question):
    assert "TIME_WAIT" not in status(checked(*udp_sockets(1), question=question))


@pytest.mark.parametrize(
    "holder, name",
    [
        (Holder(5, Process(812, "nginx")), "nginx[812]"),
        (Holder(5, Process(812)), "?[812]"),
        (Holder(5, Process(812, "a|b\nc")), "a?b?c[812]"),
        (Holder(5, NoProcess.TIME_WAIT), "TIME_WAIT"),
        (Holder(5, NoProcess.HIDDEN), "unknown process (try as root)"),
    ],
)
def test_names_of_holders(holder, name):
    assert holder_name(holder) == name
