"""The port check for several ports, or for one in all network namespaces."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..model.namespaces import Inspected, Namespace, NamespaceFailure
from ..model.port.several import FoundPort, NamespacePorts, PortsObservation
from ..model.ports import PortRange
from ..options import Options
from ..plugin.output.result import Result
from ..plugin.port.contexts import local_contexts
from ..plugin.port.resources import LocalPorts
from ..plugin.port.several import several_sections, several_sentences
from ..plugin.thresholds import Judgment, Thresholds, judge
from ..system.deadline import Stopwatch
from ..system.errors import SystemReadError
from .sockets_of_ports import observe_ports, with_processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..plugin.output.result import Detail

ROWS, MORE_ROWS = 20, 200
"""Maximum number of ports in the table with ``-v``, and with ``-vv`` or more."""


def run_several(
    spans: Sequence[PortRange],
    thresholds: Thresholds,
    options: Options,
    stopwatch: Stopwatch,
    keep: Callable[[Callable[[], Result]], None],
) -> Result:
    """Run the check for these ports. Raises :class:`SystemReadError`.

    For ``keep`` see :func:`.pool.run`.
    """
    observation = observe(spans, options, stopwatch)
    judgment = judge_ports(observation, thresholds, options)
    keep(lambda: render(observation, judgment))
    first, details = explain(observation, options, stopwatch)
    return render(observation, judgment, first, details)


def observe(
    spans: Sequence[PortRange], options: Options, stopwatch: Stopwatch
) -> PortsObservation:
    """Observe the ports in one network namespace, or in all.

    Raises :class:`SystemReadError`.
    """
    if not options.all_netns:
        return PortsObservation(spans, [observe_ports(spans, options, stopwatch)])
    from ..plugin.namespaces import describe_failures
    from ..system.processes import hides_processes
    from .survey import observe_each

    def observe_in(namespace: Namespace, limit: Stopwatch) -> NamespacePorts:
        return observe_ports(spans, options, limit, namespace)

    seen: list[NamespacePorts] = []
    failures: list[NamespaceFailure] = []
    with stopwatch.stage("inspecting all network namespaces"):
        for outcome in observe_each(observe_in, stopwatch):
            if isinstance(outcome, NamespaceFailure):
                failures.append(outcome)
            else:
                seen.append(outcome)
    inspected = Inspected(len(seen), failures, hides_processes())
    if not seen:
        none = "no network namespace could be inspected"
        raise SystemReadError(describe_failures(inspected) or none)
    return PortsObservation(spans, seen, inspected)


def judge_ports(
    observation: PortsObservation, thresholds: Thresholds, options: Options
) -> Judgment:
    """Compare the ports with the expectation, and their sockets with the thresholds."""
    resources = [LocalPorts(observation)]
    contexts = local_contexts(thresholds, options.expect)
    judgment = judge(resources, contexts)
    if not observation.inspected:
        return judgment
    from ..plugin.namespaces import FailedContext, InspectedNamespaces

    namespaces = InspectedNamespaces(observation.inspected, not judgment.is_ok)
    return judge([*resources, namespaces], [*contexts, FailedContext()])


def explain(
    observation: PortsObservation, options: Options, stopwatch: Stopwatch
) -> tuple[FoundPort | None, Sequence[Detail]]:
    """The first port in use with its process. With ``-v``, also the table."""
    rows = options.top or (ROWS if options.verbose == 1 else MORE_ROWS)
    found = observation.found[: rows if options.verbose else 1]
    namespace = observation.namespaces[0].namespace
    with stopwatch.stage("looking up the holders of the sockets"):
        first_sockets = [each.first for each in found if each.first]
        named = iter(with_processes(first_sockets, namespace))
    shown = [each._replace(first=next(named)) if each.first else each for each in found]
    first = next((each for each in shown if each.first), None)
    if not options.verbose:
        return first, ()
    stages = stopwatch.finished if options.verbose >= 3 else ()
    return first, several_sections(observation, shown, stages)


def render(
    observation: PortsObservation,
    judgment: Judgment,
    first: FoundPort | None = None,
    details: Sequence[Detail] = (),
) -> Result:
    """The result for several ports."""
    sentences = several_sentences(observation, judgment.results, first)
    return judgment.result(sentences, details)
