"""Tables of the port check, within 80 columns unless an address is too long."""

from __future__ import annotations

from collections.abc import Sequence

from ...model.port.iana import IanaClass
from ...model.port.remote import RemoteObservation
from ...model.port.report import PortObservation, PortSocket
from ..layout import WIDTH, stage_lines
from ..output.details import Column, Section
from ..text import clean_line, clean_name
from .summaries import (
    elapsed,
    holder_text,
    process_is_missing,
    range_text,
    state_name,
)

IANA_TITLES = {
    IanaClass.SYSTEM: "system (well-known) ports, 0-1023",
    IanaClass.USER: "user (registered) ports, 1024-49151",
    IanaClass.DYNAMIC: "dynamic (private) ports, 49152-65535",
}
"""Both names of each class, and its ports; source: RFC 6335, section 6."""

COLUMNS = (
    Column("protocol"),
    Column("state", "state", missing="-"),
    Column("local", "local"),
    Column("remote", "remote", missing="-"),
    Column("role", "role"),
    Column("holder", "holder"),
)
LAYOUTS = (
    ((0, 1, 2, 3, 4, 5),),
    ((0, 1, 2, 3), (4, 5)),
    ((0, 1, 2), (3,), (4, 5)),
)
"""Columns that share a line."""


def local_sections(
    observation: PortObservation,
    sockets: Sequence[PortSocket],
    callers: Sequence[PortSocket],
    is_root: bool,
    stages: Sequence[tuple[str, float]],
) -> list[Section]:
    """Everything below the status line for a port of this host.

    ``sockets`` and ``callers``: the part of the report to show, with processes.
    """
    identity, report = observation.identity, observation.report
    notes = [
        f"listed by {observation.lister}",
        *(clean_line(f"note: {note}", WIDTH) for note in observation.notes),
        *stage_lines(stages),
    ]
    return [
        Section(
            notes=[*identity_lines(observation), f"range:   {range_text(identity)}"]
        ),
        socket_table("", sockets, len(report.sockets)),
        socket_table(f"connected to port {report.port}:", callers, len(report.callers)),
        Section(notes=_legend([*sockets, *callers], is_root)),
        Section(notes=notes),
    ]


def remote_sections(
    observation: RemoteObservation, stages: Sequence[tuple[str, float]]
) -> list[Section]:
    """Everything below the status line for a port of another host."""
    columns = (
        Column("address", "address"),
        Column("outcome", "outcome"),
        Column("after", "after"),
        Column("reason", "reason", missing="-"),
    )
    rows = [
        (
            attempt.address,
            attempt.outcome.value,
            elapsed(attempt.seconds),
            clean_line(attempt.reason) if attempt.reason else None,
        )
        for attempt in observation.report.attempts
    ]
    return [
        Section(notes=identity_lines(observation)),
        Section(columns=columns, rows=rows, notes=stage_lines(stages)),
    ]


def identity_lines(observation: PortObservation | RemoteObservation) -> list[str]:
    """IANA's class of the port, and its services."""
    identity = observation.identity
    services = ", ".join(
        f"{clean_name(name)}/{protocol}" for protocol, name in identity.services.items()
    )
    return [
        f"IANA:    {IANA_TITLES[identity.iana]}",
        f"service: {services or '-'}",
    ]


def socket_table(title: str, sockets: Sequence[PortSocket], count: int) -> Section:
    """A row for each of these sockets; ``count`` is the number of all."""
    if not sockets:
        return Section()
    omitted = count - len(sockets)
    notes = [f"and {omitted} more (--top shows more rows)"] if omitted else []
    return Section(title, COLUMNS, list(map(_row, sockets)), notes, LAYOUTS)


def _row(socket: PortSocket) -> tuple[object, ...]:
    entry = socket.entry
    number = f" #{socket.connection}" if socket.connection else ""
    return (
        entry.protocol,
        state_name(socket) if entry.state else None,
        entry.local,
        entry.remote,
        socket.role.value + number,
        holder_text(socket),
    )


def _legend(sockets: Sequence[PortSocket], is_root: bool) -> list[str]:
    lines = []
    if any(socket.connection for socket in sockets):
        lines.append("#: the two ends of a connection within this host share a number")
    if any(map(process_is_missing, sockets)):
        lines.append(
            "a process without a name: outside of this container, or not visible here"
            if is_root
            else "a process without a name: try as root to see those of other users"
        )
    return lines
