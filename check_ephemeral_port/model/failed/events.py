"""Failed requests in the text of a recorder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ..records import NamedTuple
from ..sockets import Endpoint, endpoint, plain_address
from .counts import TCP_CONNECT
from .requests import FailedGroup, Requester

# The name of a thread can contain anything, also a newline or what looks like the rest
# of a line. The rest has no such freedom, so the last match is the right one.
_LINE = re.compile(
    r" *(?P<command>.*)-(?P<thread>[0-9]{1,10}) +\[[0-9]{3,}\] \S+"
    r" +(?P<seconds>[0-9]{1,12}\.[0-9]{6}): (?P<event>[a-z_]+): (?P<fields>.*)"
)
_FIELD = re.compile(r"(?<!\S)([a-z0-9]+)=(\S+)")
Span = tuple[float, float]
"""After the first time, and until the second, in seconds since the system started."""
ALWAYS: Span = (0.0, float("inf"))

_FORGOTTEN = "<...>"
"""What the kernel shows if it no longer knows the name of a thread."""


class Event(NamedTuple):
    """One failed request, as the kernel recorded it."""

    command: str
    """The name of the thread, chosen by its program; empty if unknown."""
    thread: int
    at_seconds: float
    """Since the system started."""
    destination: Endpoint | None = None
    """``None`` for all but connect() of TCP."""
    source: str | None = None
    """The local address, the wildcard if the program left the choice to the kernel; or
    the port that the program chose."""
    namespace: int | None = None
    """The inode of the network namespace, where the kernel records it."""


def parse_events(text: str, kind: str, span: Span = ALWAYS) -> Iterator[Event]:
    """The events of one kind in the text of a recorder's ``trace``, within a span.

    Lines that are no event of a recorder are left out.
    Source: kernel, ``trace_print_context()``, ``include/trace/events/sock.h``.
    """
    parse = _tcp_connect if kind == TCP_CONNECT else _other
    for line in text.split("\n"):
        match = _LINE.fullmatch(line)
        if not match or not span[0] < float(match["seconds"]) <= span[1]:
            continue
        command = match["command"].strip()
        command = "" if command == _FORGOTTEN else command
        event = Event(command, int(match["thread"]), float(match["seconds"]))
        try:
            yield parse(event, dict(_FIELD.findall(match["fields"])))
        except (KeyError, ValueError):  # a line that the name of a thread has forged
            continue


def _tcp_connect(event: Event, fields: dict[str, str]) -> Event:
    # the kernel writes IPv4 addresses there as well, v4-mapped
    destination = endpoint(fields["daddrv6"], int(fields["dport"]))
    source = plain_address(fields["saddrv6"])
    return event._replace(destination=destination, source=source)


def _other(event: Event, fields: dict[str, str]) -> Event:
    namespace = int(fields["net"]) if "net" in fields else None
    source = f"port {int(fields['chosen'])}" if "chosen" in fields else None
    return event._replace(namespace=namespace, source=source)


def group_events(
    kind: str, events: Iterable[tuple[Event, Requester]]
) -> list[FailedGroup]:
    """The events by requester, destination and source, the largest group first."""
    times: dict[tuple[Requester, Endpoint | None, str | None], list[float]] = {}
    for event, requester in events:
        key = requester, event.destination, event.source
        times.setdefault(key, []).append(event.at_seconds)
    groups = [
        FailedGroup(len(at), kind, *key, min(at), max(at)) for key, at in times.items()
    ]
    return sorted(groups, key=lambda group: (-group.failures, group.first_seconds))
