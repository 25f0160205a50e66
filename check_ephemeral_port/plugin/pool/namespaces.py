"""A survey of many network namespaces: the worst one, and the results of all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...model.bounds import Usage
from ...model.namespaces import NamespaceFailure, NamespaceResult, Survey
from ...model.observation import Observation
from .. import nagiosplugin
from ..names import namespace_phrase
from ..namespaces import FAILED, describe_failures
from .resource import EphemeralPorts
from .summary import WAS_FULL, Explanation, PoolSummary


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
        failures = describe_failures(self._survey.inspected)
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
