"""Puts the rings together for one port: ``--port``, here or on another host."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import nagiosplugin

from ..model.port.iana import iana_class
from ..model.port.report import PortIdentity, PortSocket, port_report
from ..model.ports import PortPool
from ..model.sockets import TCP, UDP
from ..options import Options
from ..plugin.output.nagios import Outcome, render
from ..plugin.pool.contexts import Thresholds
from ..plugin.port.contexts import local_contexts, remote_contexts
from ..plugin.port.resources import (
    LocalPort,
    PortObservation,
    RemoteObservation,
    RemotePort,
)
from ..plugin.port.summaries import LocalSummary, RemoteSummary
from ..system.deadline import Stopwatch
from ..system.errors import SystemReadError
from ..system.services import service_names

ROWS, MORE_ROWS = 20, 200
"""Sockets in each table, with ``-v`` and from ``-vv`` on."""

PROBE_SHARE = 0.8
"""Of the time-out, for the answer of another host: 'filtered' is an answer, and no
reason to be timed out."""


def run(
    options: Options, stopwatch: Stopwatch, keep: Callable[[Outcome], None]
) -> Outcome:
    """Make the check; ``keep`` as in :func:`.check.run`."""
    if options.hostname is None:
        return _check_here(options, stopwatch, keep)
    return _check_there(options, stopwatch)


def _check_here(
    options: Options, stopwatch: Stopwatch, keep: Callable[[Outcome], None]
) -> Outcome:
    from ..system.processes import is_root

    resource = LocalPort(lambda: observe_here(options, stopwatch))
    summary = LocalSummary(resource, is_root())
    thresholds = Thresholds(options.warning, options.critical)
    contexts = local_contexts(thresholds, options.expect)
    check = nagiosplugin.Check(resource, *contexts, summary)
    check()
    lines: list[str] = []
    if resource.observation:
        keep(render(check))
        report = resource.observation.report
        rows = options.top or (ROWS if options.verbose == 1 else MORE_ROWS)
        sockets = report.sockets[: rows if options.verbose else 1]
        callers = report.callers[: rows if options.verbose else 0]
        with stopwatch.stage("looking up who holds the sockets"):
            shown = _with_owners([*sockets, *callers])
        sockets, callers = shown[: len(sockets)], shown[len(sockets) :]
        summary.first = sockets[0] if sockets else None
        if options.verbose:
            from ..plugin.port.tables import local_lines

            stages = stopwatch.finished if options.verbose >= 3 else ()
            lines = local_lines(
                resource.observation, sockets, callers, is_root(), stages
            )
    return render(check, lines)


def _check_there(options: Options, stopwatch: Stopwatch) -> Outcome:
    resource = RemotePort(lambda: observe_there(options, stopwatch))
    thresholds = Thresholds(options.warning, options.critical)
    contexts = remote_contexts(thresholds, options.expect)
    check = nagiosplugin.Check(resource, *contexts, RemoteSummary(resource))
    check()
    lines: list[str] = []
    if resource.observation and options.verbose:
        from ..plugin.port.tables import remote_lines

        stages = stopwatch.finished if options.verbose >= 3 else ()
        lines = remote_lines(resource.observation, stages)
    return render(check, lines)


def observe_here(options: Options, stopwatch: Stopwatch) -> PortObservation:
    """Look at a port of this host.

    All that can go wrong in reading the system comes out of here as nagiosplugin's
    ``CheckError``, which makes the check UNKNOWN; but what the port is may be unknown
    in part, since who uses it doesn't depend on that.
    """
    from ..system.ranges import read_port_settings
    from ..system.sockets.of_one_port import list_sockets_of_port

    assert options.port is not None
    protocols = _protocols(options)
    notes: list[str] = []
    pool: PortPool | None = None
    reserved_by = ""
    try:
        with stopwatch.stage("reading the ephemeral range"):
            settings = read_port_settings(protocols=protocols)
        pool, reserved_by = settings.pool, settings.reserved_by
    except SystemReadError as error:
        notes.append(str(error))
    try:
        with stopwatch.stage("listing the sockets"):
            found = list_sockets_of_port(options.port, protocols, options.sampler)
    except SystemReadError as error:
        raise nagiosplugin.CheckError(str(error)) from error
    with stopwatch.stage("looking up the service"):
        identity = _identity(options.port, protocols, pool, reserved_by)
    report = port_report(options.port, found.entries)
    notes += found.notes
    return PortObservation(identity, report, found.lister, notes, found.time_wait)


def observe_there(options: Options, stopwatch: Stopwatch) -> RemoteObservation:
    """Connect to a port of another host; ``CheckError`` as above."""
    from ..system.remote_probe import probe_remote_port

    assert options.port is not None and options.hostname is not None
    limit_seconds = PROBE_SHARE * options.timeout
    try:
        with stopwatch.stage(f"reaching {options.hostname}"):
            report = probe_remote_port(
                options.hostname, options.port, options.ip_version, limit_seconds
            )
    except SystemReadError as error:
        raise nagiosplugin.CheckError(str(error)) from error
    with stopwatch.stage("looking up the service"):
        identity = _identity(options.port, [TCP])
    return RemoteObservation(identity, report, options.timeout)


def _protocols(options: Options) -> Sequence[str]:
    return [TCP, UDP] if options.protocol == "all" else [options.protocol]


def _identity(
    port: int,
    protocols: Sequence[str],
    pool: PortPool | None = None,
    reserved_by: str = "",
) -> PortIdentity:
    names = service_names(port, protocols)
    return PortIdentity(port, iana_class(port), names, pool, reserved_by)


def _with_owners(sockets: Sequence[PortSocket]) -> list[PortSocket]:
    """The sockets with their owners, or at least their users, as far as they show."""
    from ..system.processes import describe_owner, describe_user, find_pids

    entries = find_pids(socket.entry for socket in sockets).entries
    owners = {e.pid: describe_owner(e.pid) for e in entries if e.pid}
    named = []
    for socket, entry in zip(sockets, entries):
        owner = owners.get(entry.pid or 0)
        user = None
        if owner is None and socket.has_process and entry.uid is not None:
            user = describe_user(entry.uid)
        named.append(socket._replace(entry=entry, owner=owner, user=user))
    return named
