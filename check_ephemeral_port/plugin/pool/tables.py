"""Tables and notes of the pool check, which ``-v`` adds below the status line."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...model.connect import ConnectUsage
from ...model.failed.counts import TAKEN
from ...model.failed.requests import FailedGroup, FailedRequests
from ...model.forecast.connection_rate import connection_rate
from ...model.holders import Holder, Process
from ...model.namespaces import Survey
from ...model.observation import Observation
from ...model.sockets import TCP, TcpState
from ..layout import WIDTH, stage_lines
from ..names import holder_name, namespace_name, remote_name, unit_name
from ..output.details import Column, Section
from ..text import clean_line, clean_name, count
from .failed import CHOSEN, NOUNS, begin_of, period_of
from .figures import UsageFigure
from .forecast import connection_rate_lines, forecast_cells, missing_history

USAGE_WIDTH = 42
"""Room for the name of a usage next to the largest figures."""
FORECAST_WIDTH = 25
"""Room for this name next to the longest reason why there is no history."""

_PORTS = Column("used_ports", "used", numeric=True)
_SHARE = Column("used_percent", "", "{:.2f}%", numeric=True)
_FREE = Column("free_ports", "free", numeric=True)
_SURVEY_COLUMNS = (
    Column("namespace", "namespace"),
    Column("range", "range", numeric=True),
    Column("tcp_connect_percent", "connect", "{:.2f}%", numeric=True, missing="-"),
    Column("udp_bind_percent", "UDP", "{:.2f}%", numeric=True, missing="-"),
    Column("sockets", "sockets", numeric=True),
)
_FAILED_COLUMNS = (
    Column("failed", "failed", numeric=True),
    Column("process", "process", missing="?"),
    Column("destination", "to"),
    Column("source", "from", missing="-"),
    Column("user", "user", missing="-"),
    Column("namespace", "netns", missing="-"),
    Column("first", "first"),
    Column("last", "last"),
)
_LOGGED_COLUMNS = (
    Column("events", "events", numeric=True),
    Column("number", "Tcpip", numeric=True),
    Column("first", "first"),
    Column("last", "last"),
    Column("meaning", "meaning"),
)
_MEANINGS = {
    4227: "port used just now",
    4231: "no TCP port free",
    4266: "no UDP port free",
}
_FAILED_LAYOUTS = (
    ((0, 1, 2, 3), (4, 5, 6, 7)),
    ((0, 1, 2), (3,), (4, 5, 6, 7)),
)


def pool_sections(
    observation: Observation,
    figures: Sequence[UsageFigure],
    destinations: Sequence[ConnectUsage],
    holders: Sequence[tuple[UsageFigure, Sequence[Holder]]],
    stages: Sequence[tuple[str, float]],
    verbose: int,
) -> list[Section]:
    """All tables and notes, in the order of the output."""
    return [
        usage_table(figures, with_bounds=verbose >= 2),
        *([unclear_notes(observation)] if verbose >= 2 else []),
        forecast_table(figures),
        destination_table(destinations, observation),
        *(holder_table(figure.scope, largest) for figure, largest in holders),
        state_table(observation),
        pool_notes(observation, with_rules=verbose >= 2),
        sample_notes(observation, stages if verbose >= 3 else ()),
    ]


def usage_table(figures: Sequence[UsageFigure], with_bounds: bool) -> Section:
    """A row for each usage. Bounds are shown if they differ, or ``with_bounds``."""
    rows = []
    for figure in figures:
        usage, free = figure.usage, figure.usage.free
        bounds = f"{free.low}-{free.high}" if with_bounds or not free.exact else None
        name = _usage_name(figure)
        rows.append((name, usage.used.best, usage.used_percent, free.best, bounds))
    bounds_column = Column("free_ports_bounds", "free, bounds", numeric=True)
    columns = (Column("usage", "usage"), _PORTS, _SHARE, _FREE, bounds_column)
    return Section(columns=columns, rows=rows)


def _usage_name(figure: UsageFigure, width: int = USAGE_WIDTH) -> str:
    name = f"  {figure.scope}" if figure.suffix else figure.kind
    return name if len(name) <= width else name[: width - 2] + ".."


def forecast_table(figures: Sequence[UsageFigure]) -> Section:
    """The growth of each usage and its remaining time; empty without a history."""
    rows, notes = [], []
    for figure in figures:
        if figure.forecast:
            name = _usage_name(figure, FORECAST_WIDTH)
            reason = missing_history(figure.forecast)
            if reason:
                notes.append(f"{name}: {reason}")
            else:
                rows.append((name, *forecast_cells(figure.forecast)))
    columns = (
        Column("usage", "usage"),
        Column("growth", "growth"),
        Column("runs_out_in", "runs out in"),
        Column("runs_out_in_bounds", "at least, at most"),
    )
    return Section(columns=columns, rows=rows, notes=notes)


def destination_table(
    destinations: Sequence[ConnectUsage], observation: Observation
) -> Section:
    """The fullest destinations, and the connection rate to the fullest of them."""
    rows = []
    for connect in destinations:
        assert connect.destination  # only the sample has destinations to rank
        if not connect.ports.used.best:
            break  # the others use no port either
        ports, source = connect.ports, connect.destination.source
        remote = remote_name(connect.destination, observation.device_names)
        rows.append(
            (ports.used.best, ports.used_percent, ports.free.best, remote, source)
        )
    columns = (
        _PORTS,
        _SHARE,
        _FREE,
        Column("destination", "fullest destinations"),
        # two IPv6 addresses can be too long for one line
        Column("source", "", " from {}", continues=True),
    )
    sees_age = observation.sample.visibility.time_wait_age
    connections = connection_rate(observation.usage, sees_age)
    notes = connection_rate_lines(connections) if connections else []
    return Section(columns=columns, rows=rows, notes=notes)


def holder_table(scope: str, holders: Sequence[Holder]) -> Section:
    """The holders of the used ports and how many of them each one holds.

    ``scope``: what the ports are used for; see :class:`.figures.UsageFigure`.
    """
    title = clean_line(f"holders of the used ports {scope}", WIDTH) if holders else ""
    columns = (
        Column("holder", "holder"),
        Column("user", "user", missing="-"),
        Column("ports", "ports", numeric=True),
        Column("unit", "", " in {}", continues=True),
    )
    rows = [
        (holder_name(holder), _user(holder), holder.ports, _unit(holder))
        for holder in holders
    ]
    return Section(title, columns, rows)


def _user(holder: Holder) -> str | None:
    user = getattr(holder.who, "user", None)
    return clean_name(user) if user else None


def _unit(holder: Holder) -> str | None:
    return (isinstance(holder.who, Process) and unit_name(holder.who)) or None


def state_table(observation: Observation) -> Section:
    """The number of TCP sockets in each state, the largest first."""
    states = dict(observation.sample.connections.states)
    for entry in observation.sample.entries:
        if entry.protocol == TCP and entry.state:
            states[entry.state] = states.get(entry.state, 0) + 1
    order = list(TcpState)
    rows = [
        (state.value, number)
        for state, number in sorted(
            states.items(), key=lambda item: (-item[1], order.index(item[0]))
        )
    ]
    columns = (Column("state", "TCP state"), Column("sockets", "sockets", numeric=True))
    return Section(columns=columns, rows=rows)


def pool_notes(observation: Observation, with_rules: bool = False) -> Section:
    """The pool, the source of its settings, and the rules that they make."""
    pool, reserved = observation.pool, len(observation.pool.reserved)
    lines = [
        f"pool: {pool.range} minus {reserved} reserved: {count(pool.capacity, 'port')}",
        f"read from: {observation.pool_origin}",
        *(clean_line(f"note: {note}", WIDTH) for note in observation.pool_notes),
    ]
    if with_rules and observation.usage.tcp_connect:
        from .rules import rule_lines

        rules = observation.usage.use_of(None).rules
        found = rule_lines(rules, observation.sample.visibility)
        lines += [f"rule: {line}" for line in found]
    return Section(notes=lines)


def unclear_notes(observation: Observation) -> Section:
    """The reasons why bounds differ."""
    uses = observation.usage.tcp_uses.values()
    visibility = observation.sample.visibility
    lines = []
    unclear = sum(len(use.unclear) for use in uses)
    if unclear:
        likely = sum(len(use.likely_bound) for use in uses)
        lines.append(
            f"{count(unclear, 'connected TCP port')} may have been bound before,"
            f" {likely} most likely"
        )
    unseen = max(use.unseen for use in uses)
    if unseen:
        lines.append(f"not visible: up to {count(unseen, 'more TCP socket')}")
    for visible, what in (
        (visibility.time_wait, "TIME_WAIT"),
        (visibility.time_wait_age or not visibility.time_wait, "the age of TIME_WAIT"),
        (visibility.v6only, "IPV6_V6ONLY"),
        (visibility.device, "the device that a socket is bound to"),
    ):
        if not visible:
            lines.append(f"{what} is not visible")
    if observation.pool.may_lose_one:
        lines.append("the range has an odd size: the system can miss one port")
    return Section(notes=lines)


def sample_notes(
    observation: Observation, stages: Sequence[tuple[str, float]]
) -> Section:
    """How the sample was taken, and the time of each stage of the run."""
    sample = observation.sample
    lines = [
        f"sampled by {sample.sampler}: {count(sample.size, 'socket')} in the pool",
        *(clean_line(f"note: {note}", WIDTH) for note in sample.notes),
        *stage_lines(stages),
    ]
    return Section(notes=lines)


def survey_sections(survey: Survey, limit: int | None = None) -> list[Section]:
    """The namespaces that could not be observed, then a row for each of the others.

    The worst ones come first. ``limit`` is the maximum number of both; ``None`` shows
    all.
    """
    results = sorted(survey.results, key=lambda r: r.severity, reverse=True)
    rows = [
        (namespace_name(result.namespace), *result[2:]) for result in results[:limit]
    ]
    notes = []
    if len(rows) < len(results):
        notes.append(f"and {len(results) - len(rows)} more, none of them worse")
    sections = [Section(columns=_SURVEY_COLUMNS, rows=rows, notes=notes)]
    failed = [
        clean_line(f"{namespace_name(namespace)}: {reason}", WIDTH)
        for namespace, reason, _ in survey.failures[:limit]
    ]
    if len(failed) < len(survey.failures):
        omitted = len(survey.failures) - len(failed)
        failed.append(f"and {omitted} more that cannot be inspected")
    return [Section(notes=failed), *sections] if failed else sections


def failed_section(
    failed: FailedRequests, rows: int, local_time: Callable[[float], str]
) -> Section:
    """The failures by destination, source and requester, the most frequent first.

    ``local_time`` turns seconds since the start of the system into text.
    """
    total = sum(failed.counts.values())
    if not total:
        recorded = f"(recorded: {_recorded(failed)})"
        return Section(notes=[f"none failed since {begin_of(failed)} {recorded}"])
    groups = [group for group in failed.groups if group.kind != TAKEN]
    title = f"failed because no port was free, since {begin_of(failed)}: {total}"
    return _groups_section(title, total, groups, rows, local_time)


def logged_section(
    failed: FailedRequests, local_time: Callable[[float], str]
) -> Section:
    """The events in the log of Windows. ``local_time`` is that of the wall clock."""
    if not failed.logged:
        none = f"no event in the System log {period_of(failed)} says that no port was"
        return Section(notes=[f"{none} free"])
    rows = [
        (
            group.events,
            group.number,
            local_time(group.first_seconds),
            local_time(group.last_seconds),
            _MEANINGS[group.number],
        )
        for group in failed.logged
    ]
    title = f"events in the System log {period_of(failed)}: no port was free"
    return Section(title, _LOGGED_COLUMNS, rows)


def taken_sections(
    failed: FailedRequests, rows: int, local_time: Callable[[float], str]
) -> list[Section]:
    """The requests for a port that is taken; empty if there are none."""
    if not failed.taken:
        return []
    groups = [group for group in failed.groups if group.kind == TAKEN]
    begin = begin_of(failed)
    title = f"failed because a chosen port is taken, since {begin}: {failed.taken}"
    return [_groups_section(title, failed.taken, groups, rows, local_time)]


def _groups_section(
    title: str,
    total: int,
    groups: Sequence[FailedGroup],
    rows: int,
    local_time: Callable[[float], str],
) -> Section:
    shown = sum(group.failures for group in groups[:rows])
    return Section(
        title,
        _FAILED_COLUMNS,
        [_failed_row(group, local_time) for group in groups[:rows]],
        [f"{total - shown} more"] if shown < total else [],
        _FAILED_LAYOUTS,
    )


def _failed_row(
    group: FailedGroup, local_time: Callable[[float], str]
) -> Sequence[object]:
    who = group.requester
    names = (who.command, who.user, who.namespace)
    process, user, namespace = (name and clean_name(name) for name in names)
    first, last = map(local_time, (group.first_seconds, group.last_seconds))
    what = CHOSEN if group.kind == TAKEN else NOUNS[group.kind][0]
    ends = str(group.destination or what), group.source
    return (group.failures, process or None, *ends, user, namespace, first, last)


def _recorded(failed: FailedRequests) -> str:
    return ", ".join(NOUNS[kind][1] for kind in failed.counts)
