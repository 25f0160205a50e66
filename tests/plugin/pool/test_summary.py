"""The whole status line: what is nearly full, where to, and the largest holder."""

import pytest

from check_ephemeral_port.model.cgroups import Unit
from check_ephemeral_port.model.holders import (
    HiddenProcess,
    Holder,
    NoProcess,
    Process,
)
from check_ephemeral_port.model.settings import Sharing
from check_ephemeral_port.model.thresholds import parse_range
from check_ephemeral_port.plugin.names import holder_name
from check_ephemeral_port.plugin.thresholds import Thresholds
from tests.support.builders import waiting
from tests.support.check_builders import (
    check_of,
    checked,
    clients,
    observe,
    udp_sockets,
    watch,
)

SLOW = "connects are slow because the ports tried first are used up"
NGINX = Holder(30, Process(812, "nginx", "www-data"))


def status(check, *holders):
    return check.explained(*holders).summary_str


def test_an_idle_host():
    assert status(checked()) == (
        "0% of 40 ports for TCP connect() used, 40 remaining - "
        "0% of 40 ports for UDP used, 40 remaining"
    )


@pytest.mark.parametrize(
    "question, text",
    [
        ({"udp": False}, "25% of 40 ports to 192.0.2.7:443 used, 30 remaining"),
        ({"tcp": False}, "7.5% of 40 ports for UDP used, 37 remaining"),
    ],
)
def test_one_protocol(question, text):
    assert status(checked(*clients(10), *udp_sockets(3), question=question)) == text


def test_ok_names_the_fullest_destination():
    entries = [*clients(4), *clients(6, remote="2001:db8::7", local="2001:db8::5")]
    assert status(checked(*entries)) == (
        "15% of 40 ports to [2001:db8::7]:443 used, 34 remaining - "
        "0% of 40 ports for UDP used, 40 remaining"
    )


def test_a_destination_that_uses_no_port_is_not_named():
    check = check_of(observe(waiting(40000), udp=False, reuse=1))
    assert status(check) == "0% of 40 ports for TCP connect() used, 40 remaining"
    assert check.resource.observation.usage.tcp_connect.destination is not None


def test_several_watched_destinations_are_one_sentence():
    watches = (watch("a.example:443", "192.0.2.7"), watch("b.example:443", "192.0.2.8"))
    entries = [*clients(4), *clients(10, remote="192.0.2.8")]
    assert status(checked(*entries, question={"watches": watches})) == (
        "25% of 40 ports to b.example:443 used, 30 remaining - "
        "0% of 40 ports for UDP used, 40 remaining"
    )


def test_a_problem_names_the_destination_and_the_largest_holder():
    check = checked(*clients(38))
    nginx, other = Holder(30, Process(812, "nginx", "www-data")), Holder(8, Process(9))
    assert status(check, nginx, other) == (
        "95% of 40 ports to 192.0.2.7:443 used, above 90%, 2 remaining - "
        f"nginx[812] holds 30 - {SLOW}"
    )


def test_a_cause_comes_before_slow_connects_and_three_clauses_are_enough():
    check = checked(*clients(38))
    explained = check.explained(NGINX, causes=["TIME_WAIT is long", "the range is odd"])
    assert explained.summary_str == (
        "95% of 40 ports to 192.0.2.7:443 used, above 90%, 2 remaining - "
        "nginx[812] holds 30 - TIME_WAIT is long"
    )


def test_without_a_holder_there_is_room_for_both():
    assert checked(*clients(38)).explained(
        causes=["TIME_WAIT is long"]
    ).summary_str == (
        "95% of 40 ports to 192.0.2.7:443 used, above 90%, 2 remaining - "
        f"TIME_WAIT is long - {SLOW}"
    )


def test_ok_says_that_connects_are_slow_before_it_is_about_udp():
    assert status(checked(*clients(20))) == (
        "50% of 40 ports to 192.0.2.7:443 used, 20 remaining - "
        f"{SLOW} - 0% of 40 ports for UDP used, 40 remaining"
    )


def test_only_the_worst_is_reported():
    check = checked(*clients(33), *udp_sockets(39))
    assert status(check) == (
        f"97% of 40 ports for UDP used, above 90%, 1 remaining - {SLOW}"
    )


def test_equally_bad_usages_are_reported_together():
    assert status(checked(*clients(40), *udp_sockets(40))) == (
        "100% of 40 ports to 192.0.2.7:443 used, above 90%, none remaining"
        " (also for UDP)"
    )


def test_many_alarms_are_counted():
    names = [f"host{n}.example:443" for n in range(5)]
    watches = tuple(watch(name, "192.0.2.7") for name in names)
    check = checked(*clients(40), *udp_sockets(40), question={"watches": watches})
    assert status(check, NGINX) == (
        "100% of 40 ports to host0.example:443 used, above 90%, none remaining (also to"
        " host1.example:443, to host2.example:443 and 3 more) - nginx[812] holds 30"
    )


def test_two_limits_of_one_usage_are_one_sentence():
    few = Thresholds(critical=parse_range("10:"))
    check = checked(*udp_sockets(38), question={"tcp": False}, free=few)
    assert status(check) == (
        "95% of 40 ports for UDP used, above 90%, 2 remaining, below 10"
    )


def test_the_limit_that_was_crossed_is_named():
    few = Thresholds(parse_range("10:"), parse_range("5:"))
    check = checked(*udp_sockets(32), question={"tcp": False}, free=few)
    assert status(check) == "80% of 40 ports for UDP used, 8 remaining, below 10"


def test_a_rounded_figure_is_not_above_itself():
    limit = Thresholds(critical=parse_range("82"))
    check = checked(*udp_sockets(33), question={"tcp": False}, used=limit)
    assert status(check) == "82.50% of 40 ports for UDP used, above 82%, 7 remaining"


def test_one_watched_destination_is_one_sentence():
    watches = (watch("a.example:443", "192.0.2.7"),)
    check = checked(*clients(15), question={"watches": watches}, used=UNDER_10_PERCENT)
    assert status(check) == (
        "37% of 40 ports to a.example:443 used, above 10%, 25 remaining"
    )


UNDER_10_PERCENT = Thresholds(critical=parse_range("10"))


def test_an_alarm_of_the_first_half_alone_also_says_how_full_it_is():
    half = Thresholds(parse_range("50"))
    assert status(checked(*clients(15), fast_used=half), NGINX) == (
        "37% of 40 ports to 192.0.2.7:443 used, 25 remaining,"
        " 75% of those that connect() tries first, above 50% - nginx[812] holds 30"
    )
    assert status(checked(*clients(20), fast_used=half), NGINX) == (
        "50% of 40 ports to 192.0.2.7:443 used, 20 remaining,"
        " 100% of those that connect() tries first, above 50% - nginx[812] holds 30"
        " - connects are slow"
    )


def test_slow_is_reported_once_the_first_half_is_used_up():
    assert SLOW not in status(checked(*clients(19)))
    assert SLOW in status(checked(*clients(20)))
    assert SLOW in status(checked(*clients(39)))
    assert SLOW not in status(checked(*clients(40)))


MAC = Sharing.BY_DESTINATION


def test_where_time_wait_is_invisible_the_status_has_a_lower_bound():
    unseen = {"time_wait": False, "unseen": 9, "udp": False, "sharing": MAC}
    text = "perhaps only {} since TIME_WAIT is not visible here"
    assert status(checked(*clients(4), question=unseen)) == (
        f"10% of 40 ports to 192.0.2.7:443 used, 36 remaining, {text.format(27)}"
    )
    check = checked(*clients(40)[:39], question=unseen)
    assert status(check, NGINX) == (
        "97% of 40 ports to 192.0.2.7:443 used, above 90%, 1 remaining,"
        f" {text.format(0)} - nginx[812] holds 30 - {SLOW}"
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
        (Holder(5, HiddenProcess(33, "www-data")), "a process of www-data"),
        (Holder(5, HiddenProcess(None)), "a hidden process"),
        (Holder(5, NoProcess.KERNEL), "no process, held by the kernel"),
    ],
)
def test_names_of_holders(holder, name):
    assert holder_name(holder) == name


@pytest.mark.parametrize(
    "who, clause",
    [
        (Process(812, "nginx", "www-data"), "nginx[812] holds 96"),
        (
            Process(812, "nginx", unit=Unit("", "nginx.service")),
            "nginx[812] in nginx.service holds 96",
        ),
        (
            Process(99, "php", unit=Unit("docker", "4f5a12345678")),
            "php[99] in docker 4f5a12345678 holds 96",
        ),
        (
            Process(99, "php", unit=Unit("", "a b;|c: " + "x" * 99)),
            f"php[99] in a_b??c:_{'x' * 30}.. holds 96",
        ),
        (HiddenProcess(33, "www-data"), "a process of www-data holds 96"),
        (NoProcess.TIME_WAIT, "TIME_WAIT holds 96"),
        (NoProcess.KERNEL, "96 ports of no process, held by the kernel"),
        (
            NoProcess.CLOSED,
            "96 ports of connections that are closed but not finished",
        ),
    ],
)
def test_the_clause_about_the_holder(who, clause):
    assert status(checked(*clients(38)), Holder(96, who)).split(" - ")[1] == clause
