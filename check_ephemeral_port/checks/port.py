"""The port check: what is this port, of this host or of another one?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..model.port.iana import iana_class
from ..model.port.remote import RemoteObservation
from ..model.port.report import (
    PortIdentity,
    PortObservation,
)
from ..model.ports import PortPool, PortRange
from ..model.sockets import TCP
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
from ..system.names import service_names
from .sockets_of_ports import (
    asked_ports,
    observe_ports,
    protocols_of,
    with_processes,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..plugin.output.result import Detail

ROWS, MORE_ROWS = 20, 200
"""Maximum number of sockets in each table with ``-v``, and with ``-vv`` or more."""

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
    if options.hostname is not None:
        there = observe_there(options, stopwatch)
        contexts = remote_contexts(thresholds, options.expect)
        judgment = judge([RemotePort(there)], contexts)
        explanation = explain_there(there, options, stopwatch)
        return render_there(there, judgment, explanation)
    spans = asked_ports(options, stopwatch)
    if options.all_netns or len(spans) > 1 or spans[0].size > 1:
        from .several_ports import run_several  # late: most runs are about one port

        return run_several(spans, thresholds, options, stopwatch, keep)
    here = observe_here(spans[0].first, options, stopwatch)
    contexts = local_contexts(thresholds, options.expect)
    judgment = judge([LocalPort(here)], contexts)
    keep(lambda: render_here(here, judgment, PortExplanation()))
    explanation = explain_here(here, options, stopwatch)
    return render_here(here, judgment, explanation)


# a port of this host


def observe_here(port: int, options: Options, stopwatch: Stopwatch) -> PortObservation:
    """List the sockets of a port of this host or of ``--netns``, and identify the port.

    Raises :class:`SystemReadError` if the sockets cannot be listed.
    """
    seen = observe_ports([PortRange(port, port)], options, stopwatch)
    with stopwatch.stage("looking up the service"):
        identity = _identity(port, protocols_of(options), seen.pool, seen.reserved_by)
    return PortObservation(
        identity,
        seen.reports[port],
        seen.lister,
        seen.notes,
        seen.sees_time_wait,
        seen.namespace,
    )


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
        shown = with_processes([*sockets, *callers], observation.namespace)
    sockets, callers = shown[: len(sockets)], shown[len(sockets) :]
    details: Sequence[Detail] = ()
    if options.verbose:
        from ..plugin.port.tables import local_sections

        stages = stopwatch.finished if options.verbose >= 3 else ()
        details = local_sections(observation, sockets, callers, is_root(), stages)
    return PortExplanation(sockets[0] if sockets else None, details)


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

    assert options.hostname is not None
    port = asked_ports(options, stopwatch)[0].first
    limit_seconds = PROBE_SHARE * stopwatch.remaining_seconds
    with stopwatch.stage(f"reaching {options.hostname}"):
        report = probe_remote_port(
            options.hostname, port, options.ip_version, limit_seconds
        )
    with stopwatch.stage("looking up the service"):
        identity = _identity(port, [TCP])
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
