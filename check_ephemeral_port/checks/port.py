"""The port check: what is this port, of this host or of another one?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..model.port.iana import iana_class
from ..model.port.remote import RemoteObservation
from ..model.port.report import (
    PortIdentity,
    PortObservation,
    PortSocket,
    port_report,
)
from ..model.ports import PortPool
from ..model.sockets import TCP, UDP
from ..options import Options
from ..plugin.output.result import Result
from ..plugin.port.contexts import local_contexts, remote_contexts
from ..plugin.port.resources import LocalPort, RemotePort
from ..plugin.port.summaries import (
    PortExplanation,
    local_sentences,
    remote_sentences,
)
from ..plugin.thresholds import Judgment, Thresholds, judge
from ..system.deadline import Stopwatch
from ..system.errors import SystemReadError
from ..system.names import service_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..plugin.output.result import Detail

ROWS, MORE_ROWS = 20, 200
"""Maximum number of sockets in each table with ``-v``, and with ``-vv`` or more."""

UNLISTED_SHARE = 0.2
"""The search for sockets that no list shows takes at most this share of the time-out,
and the question to connect() as much again."""

PROBE_SHARE = 0.8
"""Another host can answer within this share of the remaining time. No answer is a
result as well, 'filtered'. It must come before the time-out."""


def run(
    options: Options, stopwatch: Stopwatch, keep: Callable[[Callable[[], Result]], None]
) -> Result:
    """Run the check. Raises :class:`SystemReadError`.

    For ``keep`` see :func:`.pool.run`.
    """
    thresholds = Thresholds(options.warning, options.critical)
    if options.hostname is None:
        here = observe_here(options, stopwatch)
        contexts = local_contexts(thresholds, options.expect)
        judgment = judge([LocalPort(here)], contexts)
        keep(lambda: render_here(here, judgment, PortExplanation()))
        explanation = explain_here(here, options, stopwatch)
        return render_here(here, judgment, explanation)
    there = observe_there(options, stopwatch)
    contexts = remote_contexts(thresholds, options.expect)
    judgment = judge([RemotePort(there)], contexts)
    explanation = explain_there(there, options, stopwatch)
    return render_there(there, judgment, explanation)


# a port of this host


def observe_here(options: Options, stopwatch: Stopwatch) -> PortObservation:
    """List the sockets of a port of this host, and identify the port.

    Raises :class:`SystemReadError` if the sockets cannot be listed. An unknown
    ephemeral range is only a note, since the sockets do not depend on it.
    """
    from ..system.ranges import read_port_settings
    from ..system.sockets.of_one_port import list_sockets_of_port

    assert options.port is not None
    protocols = [TCP, UDP] if options.protocol == "all" else [options.protocol]
    notes: list[str] = []
    pool: PortPool | None = None
    reserved_by = ""
    try:
        with stopwatch.stage("reading the ephemeral range"):
            settings = read_port_settings(protocols=protocols)
        pool, reserved_by = settings.pool, settings.reserved_by
    except SystemReadError as error:
        notes.append(str(error))
    with stopwatch.stage("listing the sockets"):
        listing = list_sockets_of_port(options.port, protocols, options.sampler)
    entries = [*listing.entries]
    is_held: bool | None = False
    in_use = any(e.protocol == TCP and e.local.port == options.port for e in entries)
    if TCP in protocols and not listing.idle and not in_use:
        from ..system.sockets.unlisted import find_unlisted_sockets

        with stopwatch.stage("looking for sockets that no list shows"):
            unlisted = find_unlisted_sockets(
                options.port, pool, UNLISTED_SHARE * stopwatch.remaining_seconds
            )
        entries += unlisted.entries
        is_held = unlisted.is_held
    with stopwatch.stage("looking up the service"):
        identity = _identity(options.port, protocols, pool, reserved_by)
    report = port_report(options.port, entries, is_held)
    notes += listing.notes
    return PortObservation(identity, report, listing.sampler, notes, listing.time_wait)


def explain_here(
    observation: PortObservation, options: Options, stopwatch: Stopwatch
) -> PortExplanation:
    """Find the processes of the sockets that the output shows.

    With ``-v``, also make all tables.
    """
    from ..system.processes import is_root

    report = observation.report
    rows = options.top or (ROWS if options.verbose == 1 else MORE_ROWS)
    sockets = report.sockets[: rows if options.verbose else 1]
    callers = report.callers[: rows if options.verbose else 0]
    with stopwatch.stage("looking up the holders of the sockets"):
        shown = _with_processes([*sockets, *callers])
    sockets, callers = shown[: len(sockets)], shown[len(sockets) :]
    details: Sequence[Detail] = ()
    if options.verbose:
        from ..plugin.port.tables import local_sections

        stages = stopwatch.finished if options.verbose >= 3 else ()
        details = local_sections(observation, sockets, callers, is_root(), stages)
    return PortExplanation(sockets[0] if sockets else None, details)


def _with_processes(sockets: Sequence[PortSocket]) -> list[PortSocket]:
    """The sockets with their processes, or with their users if only these are known."""
    from ..system.processes import describe_process, describe_user, find_pids

    entries, hidden = find_pids(socket.entry for socket in sockets)
    processes = {e.pid: describe_process(e.pid) for e in entries if e.pid}
    found = []
    for socket, entry in zip(sockets, entries):
        process, user = processes.get(entry.pid or 0), None
        is_missing = process is None and socket.has_process
        of_kernel = is_missing and not hidden and bool(entry.inode)
        if is_missing and not of_kernel and entry.uid is not None:
            user = describe_user(entry.uid)
        found.append(
            socket._replace(
                entry=entry, process=process, user=user, of_kernel=of_kernel
            )
        )
    return found


def render_here(
    observation: PortObservation, judgment: Judgment, explanation: PortExplanation
) -> Result:
    """The result for a port of this host."""
    sentences = local_sentences(observation, judgment.results, explanation)
    return judgment.result(sentences, explanation.details)


# a port of another host


def observe_there(options: Options, stopwatch: Stopwatch) -> RemoteObservation:
    """Connect to a port of another host. Raises :class:`SystemReadError`."""
    from ..system.remote_probe import probe_remote_port

    assert options.port is not None and options.hostname is not None
    limit_seconds = PROBE_SHARE * stopwatch.remaining_seconds
    with stopwatch.stage(f"reaching {options.hostname}"):
        report = probe_remote_port(
            options.hostname, options.port, options.ip_version, limit_seconds
        )
    with stopwatch.stage("looking up the service"):
        identity = _identity(options.port, [TCP])
    return RemoteObservation(identity, report, options.timeout)


def explain_there(
    observation: RemoteObservation, options: Options, stopwatch: Stopwatch
) -> PortExplanation:
    """Make all tables with ``-v``. There is nothing else to explain."""
    if not options.verbose:
        return PortExplanation()
    from ..plugin.port.tables import remote_sections

    stages = stopwatch.finished if options.verbose >= 3 else ()
    return PortExplanation(details=remote_sections(observation, stages))


def render_there(
    observation: RemoteObservation, judgment: Judgment, explanation: PortExplanation
) -> Result:
    """The result for a port of another host."""
    sentences = remote_sentences(observation, judgment.results)
    return judgment.result(sentences, explanation.details)


def _identity(
    port: int,
    protocols: Sequence[str],
    pool: PortPool | None = None,
    reserved_by: str = "",
) -> PortIdentity:
    names = service_names(port, protocols)
    return PortIdentity(port, iana_class(port), names, pool, reserved_by)
