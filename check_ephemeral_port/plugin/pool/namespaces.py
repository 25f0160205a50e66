"""Network namespaces: which one the result is about, and what became of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import nagiosplugin

from ...model.namespaces import Namespace
from ...model.ports import PortRange
from ...model.records import NamedTuple
from ...model.usage import Usage
from ..text import NAME, clean_name
from .contexts import PortContext
from .resource import COUNT, EphemeralPorts, Observation
from .summary import PortSummary

FAILED = "netns_failed"
LABEL_LENGTH = 40
"""Room for ``cni-`` and a UUID, as the namespaces of Kubernetes are named."""
COMMAND_LENGTH = 16
"""The kernel's own limit for the name of a process; beside it, a container's id still
has its place."""
NAMES = 3
"""So many namespaces that can't be looked into are named in the status line."""


class Look(NamedTuple):
    """What is kept of the look into one of many namespaces."""

    namespace: Namespace
    state: int
    """The exit code that a check of this namespace alone would have."""
    range: PortRange
    tcp_connect_percent: float | None
    udp_bind_percent: float | None
    sockets: int

    @property
    def severity(self) -> tuple[int, float]:
        """The larger, the worse: by the thresholds first, then by how full it is."""
        return self.state, max(
            self.tcp_connect_percent or 0, self.udp_bind_percent or 0
        )


class Failure(NamedTuple):
    """A namespace that can't be looked into."""

    namespace: Namespace
    reason: str


class Survey(nagiosplugin.Resource):  # type: ignore[misc] # untyped library
    """A look into each of many namespaces."""

    name = NAME

    def __init__(self, judges: Sequence[nagiosplugin.Context]) -> None:
        """``judges`` tell which namespace is the worst."""
        self._judges = judges
        self.looks: list[Look] = []
        self.failures: list[Failure] = []

    def worst(
        self,
        namespaces: Iterable[Namespace],
        observe: Callable[[Namespace], Observation | None],
    ) -> Observation:
        """The observation of the namespace in the worst state, of several the first.

        ``observe`` raises ``CheckError`` if it can't look, and returns ``None`` if
        the namespace is gone. Of all but the worst, nothing is kept but a
        :class:`Look`. Raises ``CheckError`` if there is nothing else.
        """
        worst: Observation | None = None
        severity: tuple[int, float] = (-1, 0)
        for namespace in namespaces:
            try:
                observation = observe(namespace)
            except nagiosplugin.CheckError as error:
                self.failures.append(Failure(namespace, str(error)))
                continue
            if observation is None:
                continue
            look = look_of(observation, self._judges)
            self.looks.append(look)
            if look.severity > severity:
                worst, severity = observation, look.severity
        if worst is None:
            raise nagiosplugin.CheckError(describe_failures(self))
        return worst

    def probe(self) -> list[nagiosplugin.Metric]:
        """How many were looked into, and how many can't be."""
        looks, failures = len(self.looks), len(self.failures)
        if looks + failures == 0:  # it didn't come to that, and 0 would be a figure
            raise nagiosplugin.CheckError("no network namespace was looked into")
        return [
            nagiosplugin.Metric("netns", looks, min=0, context=COUNT),
            nagiosplugin.Metric("netns_failed", failures, min=0, context=FAILED),
        ]

    @property
    def alarming(self) -> bool:
        """Whether any namespace is in trouble."""
        return any(look.state for look in self.looks)


class FailedContext(PortContext):
    """What can't be looked into is unknown, unless what can be is in trouble."""

    def __init__(self) -> None:
        super().__init__(FAILED)

    def evaluate(
        self, metric: nagiosplugin.Metric, resource: Survey
    ) -> nagiosplugin.Result:
        """UNKNOWN or OK."""
        unknown = metric.value and not resource.alarming
        state = nagiosplugin.Unknown if unknown else nagiosplugin.Ok
        return self.result_cls(state, None, metric)

    def describe(self, metric: nagiosplugin.Metric) -> str:
        """The sentence for the status line."""
        return describe_failures(metric.resource)


class NamespaceSummary(PortSummary):
    """Says in which namespace the ports are, and what became of the others."""

    def __init__(self, resource: EphemeralPorts, survey: Survey | None) -> None:
        """``survey``: the one that the resource is the worst of."""
        super().__init__(resource)
        self._ports = resource
        self._survey = survey or Survey(())

    def ok(self, results: nagiosplugin.Results) -> str:
        """The usual figures, and whose they are."""
        return self._where() + super().ok(results)

    def problem(self, results: nagiosplugin.Results) -> str:
        """Likewise; namespaces that can't be looked into go in front if nothing else
        is wrong."""
        if not self._ports.readings:  # the look itself failed
            return super().problem(results)
        failures = describe_failures(self._survey)
        if self.alarming(results) is None:
            return f"{failures}; {self.ok(results)}"
        problem = self._where() + super().problem(results)
        return f"{problem}; {failures}" if failures else problem

    def _where(self) -> str:
        observation = self._ports.observation
        assert observation and observation.namespace
        looks = len(self._survey.looks)
        place = in_words(observation.namespace)
        return f"{place}, worst of {looks}: " if looks > 1 else f"{place}: "


def look_of(observation: Observation, contexts: Iterable[nagiosplugin.Context]) -> Look:
    """What is to be kept of an observation, and what the thresholds make of it."""
    judges = {context.name: context for context in contexts}
    resource = EphemeralPorts(lambda: observation)
    states = [
        judges[metric.context].evaluate(metric, resource).state
        for metric in resource.probe()
    ]
    usage = observation.usage
    connect = usage.tcp_connect and usage.tcp_connect.ports
    assert observation.namespace
    return Look(
        observation.namespace,
        max(state.code for state in states),
        observation.pool.range,
        _percent(connect),
        _percent(usage.udp_bind),
        usage.tcp_sockets + usage.udp_sockets,
    )


def _percent(usage: Usage | None) -> float | None:
    return usage.used_percent if usage else None


def describe_failures(survey: Survey) -> str:
    """How many namespaces can't be looked into, which, and why the first can't;
    nothing if all can."""
    failures = survey.failures
    if not failures:
        return ""
    names = [label(failure.namespace) for failure in failures[:NAMES]]
    if len(failures) > NAMES:
        names.append(f"{len(failures) - NAMES} more")
    total = len(failures) + len(survey.looks)
    return (
        f"{len(failures)} of {total} network namespaces can't be looked into"
        f" ({', '.join(names)}): {failures[0].reason}"
    )


def label(namespace: Namespace) -> str:
    """``web``, ``nginx[812] 4f5a12345678`` or ``own``: a name for tables."""
    process = namespace.process
    if namespace.name is not None:
        return clean_name(namespace.name, LABEL_LENGTH)
    if namespace.own:
        return "own"
    if process is None:
        return clean_name(namespace.paths[0], LABEL_LENGTH)
    name = f"{clean_name(process.name or '?', COMMAND_LENGTH)}[{process.pid}]"
    if namespace.container:
        name = f"{name} {namespace.container}"
    return name


def in_words(namespace: Namespace) -> str:
    """The same for the status line: ``netns web``, ``own netns``."""
    if namespace.own and namespace.name is None:
        return "own netns"
    return f"netns {label(namespace)}"
