"""The line that is printed for a sample: its words, and that no text breaks it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_ephemeral_port.model.holders import (
    HiddenProcess,
    Holder,
    NoProcess,
    Process,
)
from check_ephemeral_port.model.thresholds import ThresholdRange
from check_ephemeral_port.plugin.text import unknown
from check_ephemeral_port.plugin.thresholds import Thresholds
from tests.support.builders import connected
from tests.support.check_builders import (
    NEVER,
    checked,
    clients,
    udp_sockets,
    watch,
)

UNLIMITED = ThresholdRange(None)


def printed(*entries, holders=(), **how):
    """The output of the check for these sockets."""
    return checked(*entries, **how).explained(*holders).text


def failing(message):
    """The output if the host cannot be observed."""
    return unknown(message)


@given(st.text(), st.text())
def test_no_process_name_breaks_the_line(name, user):
    text = printed(*clients(35), holders=[Holder(35, Process(812, name, user))])
    assert text.startswith("EPHEMERAL_PORT WARNING - ")
    assert text.count("\n") == 1 and text.count("|") == 1
    assert text.isascii() and text[:-1].isprintable()
    assert "[812] holds 35 - connects are slow" in text
    status = text.partition(" | ")[0]
    assert ";" not in status and ": " not in status


@given(st.text())
def test_no_error_breaks_the_line(message):
    text = failing(message)
    assert text.startswith("EPHEMERAL_PORT UNKNOWN - ")
    assert text.count("\n") == 1 and not set(text) & set("|;")
    assert ": " not in text
    assert text.isascii() and text[:-1].isprintable() and len(text) <= 530


def test_an_error_is_printed_as_it_is():
    assert failing("cannot read it") == "EPHEMERAL_PORT UNKNOWN - cannot read it\n"


@pytest.mark.parametrize("limit", [0, 0.0])
def test_a_limit_of_0_is_a_limit(limit):
    zero = Thresholds(critical=ThresholdRange(end=limit))
    assert printed(used=zero).startswith("EPHEMERAL_PORT OK")
    assert printed(*clients(1), used=zero).startswith("EPHEMERAL_PORT CRITICAL")


def test_a_range_without_limits_never_alarms():
    text = printed(*clients(40), used=Thresholds(UNLIMITED, UNLIMITED))
    assert text.startswith("EPHEMERAL_PORT OK - 100% of 40 ports")


def test_only_the_worst_is_reported():
    text = printed(*clients(33), *udp_sockets(38))
    assert text.startswith(
        "EPHEMERAL_PORT CRITICAL - 95% of 40 ports for UDP used, above 90%, 2 remaining"
    )
    assert "192.0.2.7" not in text.partition(" | ")[0]


def test_percent_and_free_ports_of_one_usage_are_one_sentence():
    free = Thresholds(warning=ThresholdRange(30))
    status = printed(*clients(35), free=free).partition(" | ")[0]
    assert status.count("35") == 0 and status.count("to 192.0.2.7:443 used") == 1


def test_the_fullest_watched_destination_is_named():
    watches = (watch("example:443", "192.0.2.7"), watch("other:443", "192.0.2.8"))
    text = printed(*clients(4), question={"watches": watches})
    assert "10% of 40 ports to example:443 used, 36 remaining" in text
    assert "'tcp_connect_example:443'=10%;80;90;0;100" in text
    assert "'tcp_connect_other:443'=0%;80;90;0;100" in text


@pytest.mark.parametrize(
    "holder, name",
    [
        (Holder(7, Process(812, "nginx")), "nginx[812]"),
        (Holder(7, Process(812)), "?[812]"),
        (Holder(7, NoProcess.TIME_WAIT), "TIME_WAIT"),
        (Holder(7, HiddenProcess(33, "a b")), "a process of a_b"),
    ],
)
def test_the_holder_is_the_second_clause(holder, name):
    status = printed(*clients(38), holders=[holder]).partition(" | ")[0]
    assert status.split(" - ")[2] == f"{name} holds 7"


@given(st.lists(st.integers(40000, 40039), unique=True))
def test_percent_and_free_ports_agree(ports):
    text = printed(*(connected(port) for port in ports), used=NEVER)
    used = len(ports)
    assert f" tcp_connect_free={40 - used};;;0;40 " in text
    assert f" tcp_connect={used * 2.5:g}%;;;0;100 " in text
    assert f" tcp_sockets={used};;;0 " in text
