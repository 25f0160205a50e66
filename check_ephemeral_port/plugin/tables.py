"""Tables for people, in 80 columns: what ``-v`` adds below the status line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from ..model.ownership import Holding
from ..model.sockets import TCP, TcpState
from ..model.usage import fullest_destinations
from .resources import Observation, Reading
from .summaries import holder_name
from .text import clean_line, clean_name

WIDTH = 80
USAGE_WIDTH = 42
"""What is left for the usage beside the largest figures."""


def detail_lines(
    observation: Observation,
    readings: Sequence[Reading],
    holdings: Sequence[Holding],
    stages: Sequence[tuple[str, float]],
    verbose: int,
    rows: int,
) -> list[str]:
    """All that is printed below the status line; a blank line between the parts."""
    parts = [
        usage_table(readings, with_bounds=verbose >= 2),
        unclear_lines(observation) if verbose >= 2 else [],
        destination_table(observation, rows),
        holding_table(holdings[:rows]),
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
        name = f"  {reading.whom}" if reading.suffix else reading.kind
        if len(name) > USAGE_WIDTH:
            name = name[: USAGE_WIDTH - 2] + ".."
        rows.append((name, used.best, share, free.best, bounds))
    return _table(("usage", "used", "", "free", "free, bounds"), rows)


def pool_lines(observation: Observation) -> list[str]:
    """The pool and where it comes from."""
    pool = observation.pool
    return [
        f"pool: {pool.range} less {len(pool.reserved)} reserved: {pool.capacity} ports",
        f"from: {observation.pool_origin}",
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
        lines.append(f"up to {use.unseen} bound but idle TCP sockets can't be seen")
    for visible, what in (
        (visibility.time_wait_age, "the age of TIME_WAIT"),
        (visibility.v6only, "IPV6_V6ONLY"),
        (visibility.device, "the device that a socket is bound to"),
    ):
        if not visible:
            lines.append(f"{what} can't be seen")
    if observation.pool.may_lose_one:
        lines.append("the range has an odd size: the system can miss one port")
    return lines


def destination_table(observation: Observation, count: int) -> list[str]:
    """The fullest destinations."""
    use, pool = observation.usage.tcp_use, observation.pool
    rows, sources = [], []
    for connect in fullest_destinations(use, pool, use.destinations, count):
        assert connect.destination  # of those that were asked for
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
    rows = [
        (holder_name(h), clean_name(h.owner and h.owner.user or "-"), h.ports)
        for h in holdings
    ]
    return _table(("holder", "user", "ports"), rows)


def state_table(observation: Observation) -> list[str]:
    """TCP sockets by state."""
    states = Counter(
        entry.state
        for entry in observation.sample.entries
        if entry.protocol == TCP and entry.state
    )
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
        f"sampled by {sample.sampler}: {len(sample.entries)} sockets in the range",
        *(clean_line(f"note: {note}", WIDTH) for note in sample.notes),
        *(f"{seconds * 1000:8.1f} ms  {name}" for name, seconds in stages),
    ]


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
