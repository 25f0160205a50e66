"""Windows: events of its System log, from a published one."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_ephemeral_port.model.failed.log import KIND_OF_EVENT, LoggedEvent
from check_ephemeral_port.system.errors import SystemReadError
from check_ephemeral_port.system.event_log import (
    decode_events,
    read_logged_events,
    run_wevtutil,
)
from tests.support.recorded import logged_event, recorded

AT = 1547604070.0
"""2019-01-16 02:01:10 UTC."""


def test_a_published_event():
    text = recorded("windows/event-4227.xml").replace("\n", "\r\n")
    assert decode_events(text.encode()) == [LoggedEvent(4227, AT)]


@pytest.mark.parametrize("number", KIND_OF_EVENT)
def test_each_event_as_wevtutil_prints_it(number):
    output = logged_event(number) + logged_event(4227, "2019-01-16T02:00:10Z")
    assert decode_events(output) == [
        LoggedEvent(number, AT),
        LoggedEvent(4227, AT - 60),
    ]


def test_without_an_event_there_is_no_output():
    assert decode_events(b"") == decode_events(b"\r\n") == []


@pytest.mark.parametrize(
    "output, reason",
    [
        (b"Access is denied.\r\n", "no whole events"),
        (logged_event(4227)[:-3], "no whole events"),
        (logged_event(4227).replace(b"EventID", b"Other"), "without a number or a"),
        (logged_event(4227).replace(b"T02:", b" 02:"), "without a number or a time"),
        (logged_event(7036), "event 7036, which was not asked for"),
    ],
)
def test_anything_else_is_an_error_that_names_the_command(output, reason):
    with pytest.raises(SystemReadError, match=f"wevtutil qe System: .*{reason}"):
        read_logged_events(lambda words: output)


def test_it_asks_for_the_events_of_the_last_hour():
    asked: list[str] = []

    def answer(words: Sequence[str]) -> bytes:
        asked.extend(words)
        return b""

    read_logged_events(answer)
    assert asked[:5] == ["qe", "System", "/rd:true", "/c:1000", "/f:xml"]
    assert asked[5:] == [
        "/q:*[System[Provider[@Name='Tcpip']"
        " and (EventID=4227 or EventID=4231 or EventID=4266)"
        " and TimeCreated[timediff(@SystemTime) <= 3600000]]]"
    ]


def test_a_program_that_hangs_is_left_alone(tmp_path, monkeypatch):
    # this system takes its path for a plain name, and finds it in PATH
    program = tmp_path / r"C:\Windows\System32\wevtutil.exe"
    program.write_text("#!/bin/sh\nexec /bin/sleep 1000\n")
    program.chmod(0o755)
    monkeypatch.setenv("SystemRoot", r"C:\Windows")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemReadError, match="^wevtutil qe System: no answer$"):
        read_logged_events(lambda words: run_wevtutil(words, 0.1))


@given(st.binary())
def test_foreign_bytes_are_refused_or_have_no_event(data):
    try:
        assert decode_events(data) == []
    except ValueError:
        pass
