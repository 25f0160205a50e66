"""The network namespaces of a host that could be observed, and those that failed."""

from __future__ import annotations

from ..model.namespaces import Inspected
from . import nagiosplugin
from .names import namespace_name
from .text import NAME
from .thresholds import ThresholdContext

COUNT = "count"
FAILED = "netns_failed"
MAX_NAMES = 3
"""The status line names at most this many namespaces that could not be observed."""
HIDDEN = "/proc hides the processes of other users (hidepid)"


class InspectedNamespaces(nagiosplugin.Resource):
    """The network namespaces of a host, as observed one by one."""

    name = NAME

    def __init__(self, inspected: Inspected, alarming: bool) -> None:
        self.inspected = inspected
        self.alarming = alarming
        """Whether what could be observed alarms."""

    def probe(self) -> list[nagiosplugin.Metric]:
        """The number of namespaces that were observed, and of those that failed."""
        observed, failed = self.inspected.observed, len(self.inspected.failures)
        return [
            nagiosplugin.Metric("netns", observed, min=0, context=COUNT),
            nagiosplugin.Metric("netns_failed", failed, min=0, context=FAILED),
        ]


class FailedContext(ThresholdContext):
    """Alarms if a namespace could not be observed and nothing else alarms.

    WARNING if one hangs, for that is a fault of the host. Otherwise UNKNOWN: a
    privilege is missing.
    """

    def __init__(self) -> None:
        super().__init__(FAILED)

    def evaluate(
        self, metric: nagiosplugin.Metric, resource: InspectedNamespaces
    ) -> nagiosplugin.Result:
        """WARNING, UNKNOWN or OK."""
        state, inspected = nagiosplugin.Ok, resource.inspected
        if not resource.alarming and (metric.value or inspected.hides_processes):
            hangs = any(failure.hangs for failure in inspected.failures)
            state = nagiosplugin.Warn if hangs else nagiosplugin.Unknown
        return self.result_cls(state, None, metric)

    def describe(self, metric: nagiosplugin.Metric) -> str:
        """The sentence for the status line."""
        return describe_failures(metric.resource.inspected)


def describe_failures(inspected: Inspected) -> str:
    """How many namespaces could not be observed, their names, and the first reason.

    Empty if all could be observed.
    """
    failures = inspected.failures
    if not failures:
        if inspected.hides_processes:
            return f"{HIDDEN} and so their network namespaces, run as root"
        return ""
    names = [namespace_name(failure.namespace) for failure in failures[:MAX_NAMES]]
    if len(failures) > MAX_NAMES:
        names.append(f"{len(failures) - MAX_NAMES} more")
    total = len(failures) + inspected.observed
    others = f", and {HIDDEN}" if inspected.hides_processes else ""
    return (
        f"cannot inspect {len(failures)} of {total} network namespaces"
        f" ({', '.join(names)}), {failures[0].reason}{others}"
    )
