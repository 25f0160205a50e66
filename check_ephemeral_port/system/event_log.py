r"""Windows: events in its System log which say that no port was free.

Windows logs that by itself, but late, and not once for each failure. They are read with
``wevtutil.exe``, without a shell. Its XML has the same names and numbers in all
languages. The user needs to read the System log, as the group Event Log Readers can.

Sources, Microsoft Learn: ``wevtutil``, "Consuming Events" (``timediff``), "Event
Schema", "Active Directory security groups".
"""

from __future__ import annotations

import re
from calendar import timegm
from collections.abc import Callable, Sequence

from ..model.failed.log import KIND_OF_EVENT, LoggedEvent
from .errors import SystemReadError
from .windows_program import run_windows_program

RunWevtutil = Callable[[Sequence[str]], bytes]

WINDOW_SECONDS = 3600
"""Older events are not read, so that an alarm ends."""
MOST_EVENTS = 1000
"""More events are not read, and the newest come first."""

_EVENT_END = b"</Event>"
_NUMBER = re.compile(rb"<EventID(?: [^>]*)?>([0-9]{1,5})</EventID>")
_TIME = re.compile(
    rb"""<TimeCreated [^>]*SystemTime=['"]"""
    rb"""([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})[.Z]"""
)


def read_logged_events(run_wevtutil: RunWevtutil) -> list[LoggedEvent]:
    """The events of the last hour, the newest first.

    Raises :class:`SystemReadError`.
    """
    numbers = " or ".join(f"EventID={number}" for number in KIND_OF_EVENT)
    newer = f"TimeCreated[timediff(@SystemTime) <= {WINDOW_SECONDS * 1000}]"
    query = f"*[System[Provider[@Name='Tcpip'] and ({numbers}) and {newer}]]"
    output = run_wevtutil(
        ["qe", "System", "/rd:true", f"/c:{MOST_EVENTS}", "/f:xml", f"/q:{query}"]
    )
    try:
        return decode_events(output)
    except ValueError as error:
        raise SystemReadError(f"wevtutil qe System: {error}") from None


def decode_events(output: bytes) -> list[LoggedEvent]:
    """The events in the output of ``wevtutil qe ... /f:xml``.

    It is one ``<Event>`` after the other, without an element around them. Raises
    ``ValueError`` if it is anything else.
    """
    *events, rest = output.split(_EVENT_END)
    if rest.strip():
        raise ValueError("no whole events")
    return list(map(_decode_event, events))


def _decode_event(text: bytes) -> LoggedEvent:
    number, time = _NUMBER.search(text), _TIME.search(text)
    if not number or not time:
        raise ValueError("an event without a number or a time")
    if int(number[1]) not in KIND_OF_EVENT:
        raise ValueError(f"event {int(number[1])}, which was not asked for")
    year, *fields = map(int, time.groups())
    return LoggedEvent(int(number[1]), float(timegm((year, *fields))))


def run_wevtutil(arguments: Sequence[str], limit_seconds: float) -> bytes:
    """The output of ``wevtutil.exe``. Raises :class:`SystemReadError` if it fails."""
    return run_windows_program("wevtutil", arguments, limit_seconds)
