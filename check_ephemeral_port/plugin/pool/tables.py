"""Tables for people, in 80 columns: what ``-v`` adds below the status line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...model.forecast.connection_rate import connection_pace
from ...model.holders import Holding, Nobody
from ...model.sockets import TCP, TcpState
from ...model.usage import ConnectUsage
from ..text import clean_line, clean_name
from .forecast import forecast_cells, missing_history, pace_line
from .namespaces import Survey, label
from .resource import Observation, Reading

WIDTH = 80
USAGE_WIDTH = 42
"""What is left for the usage beside the largest figures."""
FORECAST_WIDTH = 25
"""Beside the longest reason for having no history."""


def detail_lines(
    observation: Observation,
    readings: Sequence[Reading],
    destinations: Sequence[ConnectUsage],
    holdings: Sequence[Holding],
    stages: Sequence[tuple[str, float]],
    verbose: int,
) -> list[str]:
    """All that is printed below the status line; a blank line between the parts."""
    parts = [
        usage_table(readings, with_bounds=verbose >= 2),
        unclear_lines(observation) if verbose >= 2 else [],
        forecast_table(readings),
        [*destination_table(destinations), *pace_lines(observation)],
        holding_table(holdings),
        state_table(observation),
        pool_lines(observation),
        sample_lines(observation, stages if verbose >= 3 else ()),
    ]
    lines: list[str] = []
    for part in parts:
        lines += ["", *part] if lines and part else part
    return lines


def usage_table(readings: Sequence[Reading], with_bounds: bool) -> list[str]:
    """A row for each usage; bounds where something is unclear, or if asked for."""
    rows = []
    for reading in readings:
        used, free = reading.usage.used, reading.usage.free
        bounds = f"{free.low}-{free.high}" if with_bounds or not free.exact else ""
        share = f"{reading.usage.used_percent:.2f}%"
        rows.append((_usage_name(reading), used.best, share, free.best, bounds))
    return _table(("usage", "used", "", "free", "free, bounds"), rows)


def _usage_name(reading: Reading, width: int = USAGE_WIDTH) -> str:
    name = f"  {reading.whom}" if reading.suffix else reading.kind
    return name if len(name) <= width else name[: width - 2] + ".."


def forecast_table(readings: Sequence[Reading]) -> list[str]:
    """How fast each usage grows, and when it comes to its end; if a history is kept."""
    rows, others = [], []
    for reading in readings:
        if reading.forecast:
            name = _usage_name(reading, FORECAST_WIDTH)
            why_not = missing_history(reading.forecast)
            if why_not:
                others.append(f"{name}: {why_not}")
            else:
                rows.append((name, *forecast_cells(reading.forecast)))
    titles = ("usage", "growth", "runs out in", "at least, at most")
    return [*_table(titles, rows), *others]


def pace_lines(observation: Observation) -> list[str]:
    """How many connections a second the fullest destination sees, and could see."""
    sees_age = observation.sample.visibility.time_wait_age
    pace = connection_pace(observation.usage, sees_age)
    return [pace_line(pace)] if pace else []


def pool_lines(observation: Observation) -> list[str]:
    """The pool and where it comes from."""
    pool = observation.pool
    return [
        f"pool: {pool.range} less {len(pool.reserved)} reserved: {pool.capacity} ports",
        f"from: {observation.pool_origin}",
        *(clean_line(f"note: {note}", WIDTH) for note in observation.pool_notes),
    ]


def unclear_lines(observation: Observation) -> list[str]:
    """Why the bounds are apart."""
    use, visibility = observation.usage.tcp_use, observation.sample.visibility
    lines = []
    if use.unclear:
        lines.append(
            f"{len(use.unclear)} connected TCP ports may have been bound before,"
            f" {len(use.likely_bound)} most likely were"
        )
    if use.unseen:
        lines.append(f"up to {use.unseen} more TCP sockets can't be seen")
    for visible, what in (
        (visibility.time_wait, "TIME_WAIT"),
        (visibility.time_wait_age or not visibility.time_wait, "the age of TIME_WAIT"),
        (visibility.v6only, "IPV6_V6ONLY"),
        (visibility.device, "the device that a socket is bound to"),
    ):
        if not visible:
            lines.append(f"{what} can't be seen")
    if observation.pool.may_lose_one:
        lines.append("the range has an odd size: the system can miss one port")
    return lines


def destination_table(destinations: Sequence[ConnectUsage]) -> list[str]:
    """The fullest destinations."""
    rows, sources = [], []
    for connect in destinations:
        assert connect.destination  # each is one that was found
        ports, (source, remote) = connect.ports, connect.destination
        share = f"{ports.used_percent:.2f}%"
        rows.append((ports.used.best, share, ports.free.best, str(remote)))
        sources.append(f" from {source}")
    table = _table(("used", "", "free", "fullest destinations"), rows)
    lines = table[:1]
    for line, source in zip(table[1:], sources):
        # two IPv6 addresses may be too much for one line
        indent = len(table[0]) - len("fullest destinations") - 1
        fits = len(line + source) <= WIDTH
        lines += [line + source] if fits else [line, " " * indent + source]
    return lines


def holding_table(holdings: Sequence[Holding]) -> list[str]:
    """Who holds how many ports."""
    rows = [(holder_name(h), _user(h), h.ports) for h in holdings]
    return _table(("holder", "user", "ports"), rows)


def _user(holding: Holding) -> str:
    if isinstance(holding.holder, Nobody):
        return "-"
    return clean_name(holding.holder.user or "-")


def holder_name(holding: Holding) -> str:
    """``nginx[812]``, ``TIME_WAIT``, or why there is no name."""
    holder = holding.holder
    if isinstance(holder, Nobody):
        return holder.value
    return f"{clean_name(holder.name or '?')}[{holder.pid}]"


def state_table(observation: Observation) -> list[str]:
    """TCP sockets by state."""
    states = dict(observation.sample.connections.states)
    for entry in observation.sample.entries:
        if entry.protocol == TCP and entry.state:
            states[entry.state] = states.get(entry.state, 0) + 1
    order = list(TcpState)
    rows = [
        (state.value, count)
        for state, count in sorted(
            states.items(), key=lambda item: (-item[1], order.index(item[0]))
        )
    ]
    return _table(("TCP state", "sockets"), rows)


def sample_lines(
    observation: Observation, stages: Sequence[tuple[str, float]]
) -> list[str]:
    """Who looked at the sockets, what is to be said of it, and how long it took."""
    sample = observation.sample
    return [
        f"sampled by {sample.sampler}: {sample.size} sockets in the pool",
        *(clean_line(f"note: {note}", WIDTH) for note in sample.notes),
        *(f"{seconds * 1000:8.1f} ms  {name}" for name, seconds in stages),
    ]


def survey_lines(survey: Survey, count: int | None = None) -> list[str]:
    """A blank line, then the network namespaces that can't be looked into, and a row
    for each of the others, the worst in front.

    ``count``: so many of each at most; ``None`` for all.
    """
    looks = sorted(survey.looks, key=lambda look: look.severity, reverse=True)
    rows = [
        (
            label(look.namespace),
            look.range,
            _share(look.tcp_connect_percent),
            _share(look.udp_bind_percent),
            look.sockets,
        )
        for look in looks[:count]
    ]
    table = _table(("namespace", "range", "connect", "UDP", "sockets"), rows)
    if len(rows) < len(looks):
        table.append(f"and {len(looks) - len(rows)} more, none of them worse")
    failed = [
        clean_line(f"{label(namespace)}: {reason}", WIDTH)
        for namespace, reason in survey.failures[:count]
    ]
    if len(failed) < len(survey.failures):
        more = len(survey.failures) - len(failed)
        failed.append(f"and {more} more that can't be looked into")
    return ["", *failed, "", *table] if failed else ["", *table]


def _share(used_percent: float | None) -> str:
    return "-" if used_percent is None else f"{used_percent:.2f}%"


def _table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Left-aligned text, right-aligned numbers; nothing at all without rows."""
    cells = [[str(cell) for cell in row] for row in rows]
    if not cells:
        return []
    numeric = [all(_is_number(row[i]) for row in cells) for i in range(len(titles))]
    widths = [max(len(row[i]) for row in [titles, *cells]) for i in range(len(titles))]
    lines = []
    for row in [titles, *cells]:
        padded = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric)
        )
        lines.append("  ".join(padded).rstrip())
    return lines


def _is_number(cell: str) -> bool:
    return not cell.strip("0123456789.-%")
