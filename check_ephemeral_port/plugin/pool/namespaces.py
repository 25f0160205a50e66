"""A survey of many network namespaces: the worst one, and the results of all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import nagiosplugin

from ...model.bounds import Usage
from ...model.namespaces import NamespaceFailure, NamespaceResult, Survey
from ...model.observation import Observation
from ..names import namespace_name, namespace_phrase
from ..text import NAME
from ..thresholds import ThresholdContext
from .resource import COUNT, EphemeralPorts
from .summary import WAS_FULL, Explanation, PoolSummary

FAILED = "netns_failed"
MAX_NAMES = 3
"""The status line names at most this many namespaces that could not be observed."""


def find_worst(
    outcomes: Iterable[Observation | NamespaceFailure],
    contexts: Sequence[nagiosplugin.Context],
) -> tuple[Observation | None, Survey]:
    """The observation in the worst state and the results of all namespaces.

    Of equally bad observations, the first counts. It is ``None`` if no namespace could
    be observed. To save memory, only one observation is kept at a time.
    """
    worst: Observation | None = None
    severity: tuple[int, float] = (-1, 0)
    results: list[NamespaceResult] = []
    failures: list[NamespaceFailure] = []
    for outcome in outcomes:
        if isinstance(outcome, NamespaceFailure):
            failures.append(outcome)
            continue
        result = namespace_result(outcome, contexts)
        results.append(result)
        if result.severity > severity:
            worst, severity = outcome, result.severity
    return worst, Survey(results, failures)


def namespace_result(
    observation: Observation, contexts: Iterable[nagiosplugin.Context]
) -> NamespaceResult:
    """A short form of the observation, with its state."""
    by_name = {context.name: context for context in contexts}
    resource = EphemeralPorts(observation)
    states = [
        by_name[metric.context].evaluate(metric, resource).state
        for metric in resource.probe()
    ]
    usage = observation.usage
    connect = usage.tcp_connect and usage.tcp_connect.ports
    assert observation.namespace
    return NamespaceResult(
        observation.namespace,
        max(state.code for state in states),
        observation.pool.range,
        _percent(connect),
        _percent(usage.udp_bind),
        usage.tcp_sockets + usage.udp_sockets,
    )


def _percent(usage: Usage | None) -> float | None:
    return usage.used_percent if usage else None


class SurveyedNamespaces(nagiosplugin.Resource):  # type: ignore[misc] # untyped library
    """The network namespaces of a host, as observed in a survey."""

    name = NAME

    def __init__(self, survey: Survey) -> None:
        self.survey = survey

    def probe(self) -> list[nagiosplugin.Metric]:
        """The number of namespaces that were observed, and of those that failed."""
        observed, failed = len(self.survey.results), len(self.survey.failures)
        return [
            nagiosplugin.Metric("netns", observed, min=0, context=COUNT),
            nagiosplugin.Metric("netns_failed", failed, min=0, context=FAILED),
        ]

    @property
    def alarming(self) -> bool:
        """Whether any namespace alarms."""
        return any(result.state for result in self.survey.results)


class FailedContext(ThresholdContext):
    """Alarms if a namespace could not be observed and no other one alarms.

    WARNING if one hangs, for that is a fault of the host. Otherwise UNKNOWN: a
    privilege is missing.
    """

    def __init__(self) -> None:
        super().__init__(FAILED)

    def evaluate(
        self, metric: nagiosplugin.Metric, resource: SurveyedNamespaces
    ) -> nagiosplugin.Result:
        """WARNING, UNKNOWN or OK."""
        state = nagiosplugin.Ok
        if metric.value and not resource.alarming:
            hangs = any(failure.hangs for failure in resource.survey.failures)
            state = nagiosplugin.Warn if hangs else nagiosplugin.Unknown
        return self.result_cls(state, None, metric)

    def describe(self, metric: nagiosplugin.Metric) -> str:
        """The sentence for the status line."""
        return describe_failures(metric.resource.survey)


class NamespaceSummary(PoolSummary):
    """Sentences that also name the worst namespace and those that failed."""

    def __init__(
        self, resource: EphemeralPorts, explanation: Explanation = Explanation()
    ) -> None:
        super().__init__(resource, explanation)
        self._survey = resource.observation.survey or Survey((), ())

    def _ok(self, results: nagiosplugin.Results) -> list[str]:
        return self._named(super()._ok(results))

    def _problem(self, results: nagiosplugin.Results) -> list[str]:
        failures = describe_failures(self._survey)
        if any(result.metric.context == FAILED for result in results.most_significant):
            return [failures, *self._ok(results)]
        first, *others = self._named(super()._problem(results))
        if failures:  # they come before the cause
            others.insert(1, failures)
        return [first, *others]

    def _named(self, sentences: Sequence[str]) -> list[str]:
        namespace = self._resource.observation.namespace
        assert namespace
        name, observed = namespace_phrase(namespace), len(self._survey.results)
        worst_of = f", worst of {observed}," if observed > 1 else ""
        # requests that failed can be those of any namespace
        evidence = self._failed() and [*self._failed(), *WAS_FULL]
        named = list(sentences)
        for index, sentence in enumerate(sentences):
            if sentence not in evidence:
                named[index] = f"in {name}{worst_of} {sentence}"
                break
        return named


def describe_failures(survey: Survey) -> str:
    """How many namespaces could not be observed, their names, and the first reason.

    Empty if all could be observed.
    """
    failures = survey.failures
    if not failures:
        return ""
    names = [namespace_name(failure.namespace) for failure in failures[:MAX_NAMES]]
    if len(failures) > MAX_NAMES:
        names.append(f"{len(failures) - MAX_NAMES} more")
    total = len(failures) + len(survey.results)
    return (
        f"cannot inspect {len(failures)} of {total} network namespaces"
        f" ({', '.join(names)}), {failures[0].reason}"
    )
