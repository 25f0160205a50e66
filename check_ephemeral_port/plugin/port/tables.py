"""One port in tables for people, in 80 columns wherever addresses leave room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...model.port.iana import IanaClass
from ...model.port.report import PortSocket
from ..text import clean_line, clean_name
from .resources import PortObservation, RemoteObservation
from .summaries import duration, owner_is_missing, owner_text, range_text, state_name

WIDTH = 80
ALSO_KNOWN_AS = {
    IanaClass.SYSTEM: "system (well-known) ports, 0-1023",
    IanaClass.USER: "user (registered) ports, 1024-49151",
    IanaClass.DYNAMIC: "dynamic (private) ports, 49152-65535",
}

TITLES = ("", "state", "local", "remote", "role", "owner")
LAYOUTS = (
    ((0, 1, 2, 3, 4, 5),),
    ((0, 1, 2, 3), (4, 5)),
    ((0, 1, 2), (3,), (4, 5)),
)
"""Which columns share a line. The first layout that fits the width is taken."""
CONTINUED = 2
"""The column below which further lines of a row begin."""


def local_lines(
    observation: PortObservation,
    sockets: Sequence[PortSocket],
    callers: Sequence[PortSocket],
    is_root: bool,
    stages: Sequence[tuple[str, float]],
) -> list[str]:
    """All that is printed below the status line of a port of this host.

    ``sockets`` and ``callers`` are as many of the report's as are to be shown, with
    their owners.
    """
    identity, report = observation.identity, observation.report
    parts = [
        [*identity_lines(observation), f"range:   {range_text(identity)}"],
        _section("", sockets, len(report.sockets)),
        _section(f"connected to port {report.port}:", callers, len(report.callers)),
        _legend([*sockets, *callers], is_root),
        [
            f"listed by {observation.lister}",
            *(clean_line(f"note: {note}", WIDTH) for note in observation.notes),
            *(f"{seconds * 1000:8.1f} ms  {name}" for name, seconds in stages),
        ],
    ]
    lines: list[str] = []
    for part in parts:
        lines += ["", *part] if lines and part else part
    return lines


def remote_lines(
    observation: RemoteObservation, stages: Sequence[tuple[str, float]]
) -> list[str]:
    """All that is printed below the status line of a port of another host."""
    rows = [
        (a.address, a.outcome.value, duration(a.seconds), clean_line(a.reason or "-"))
        for a in observation.report.attempts
    ]
    return [
        *identity_lines(observation),
        "",
        *_aligned([("address", "outcome", "after", "reason"), *rows]),
        *(f"{seconds * 1000:8.1f} ms  {name}" for name, seconds in stages),
    ]


def identity_lines(observation: PortObservation | RemoteObservation) -> list[str]:
    """What the port is."""
    identity = observation.identity
    services = ", ".join(
        f"{clean_name(name)}/{protocol}" for protocol, name in identity.services.items()
    )
    return [
        f"IANA:    {ALSO_KNOWN_AS[identity.iana]}",
        f"service: {services or '-'}",
    ]


def _section(title: str, sockets: Sequence[PortSocket], count: int) -> list[str]:
    if not sockets:
        return []
    lines = [title] if title else []
    lines += socket_table(sockets)
    if count > len(sockets):
        lines.append(f"and {count - len(sockets)} more (--top shows more rows)")
    return lines


def socket_table(sockets: Sequence[PortSocket]) -> list[str]:
    """A row for each socket; rows take several lines if one is not enough."""
    cells = [TITLES, *map(_cells, sockets)]
    for layout in LAYOUTS:
        lines = list(_laid_out(cells, layout))
        if max(map(len, lines)) <= WIDTH:
            break
    return lines


def _cells(socket: PortSocket) -> tuple[str, ...]:
    entry = socket.entry
    number = f" #{socket.connection}" if socket.connection else ""
    return (
        entry.protocol,
        state_name(socket) if entry.state else "-",
        str(entry.local),
        str(entry.remote or "-"),
        socket.role.value + number,
        owner_text(socket),
    )


def _laid_out(
    cells: Sequence[Sequence[str]], layout: Sequence[Sequence[int]]
) -> Iterator[str]:
    blocks = [
        _aligned([[row[i] for i in columns] for row in cells]) for columns in layout
    ]
    widths = [max(len(row[i]) for row in cells) for i in range(CONTINUED)]
    indent = " " * (sum(widths) + 2 * CONTINUED)
    for first, *others in zip(*blocks):
        yield first
        yield from (indent + line for line in others)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
        for row in rows
    ]


def _legend(sockets: Sequence[PortSocket], is_root: bool) -> list[str]:
    lines = []
    if any(socket.connection for socket in sockets):
        lines.append("#: the two ends of a connection within this host share a number")
    if any(map(owner_is_missing, sockets)):
        lines.append(
            "unknown process: the kernel itself, or a process out of sight from here"
            if is_root
            else "unknown process: try as root to see processes of other users"
        )
    return lines
