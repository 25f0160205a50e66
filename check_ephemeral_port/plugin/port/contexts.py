"""Contexts of the port check: thresholds, expectations and their sentences."""

from __future__ import annotations

from ...model.port.several import PortState, unmet
from ...model.ports import format_port_list
from .. import nagiosplugin
from ..text import count
from ..thresholds import ThresholdContext, Thresholds
from . import resources

PORTS_LENGTH = 60
"""Maximum length of a list of ports in the status line."""


class SocketsContext(ThresholdContext):
    """Judges the number of sockets that use the ports."""

    def describe(self, metric: nagiosplugin.Metric) -> str:
        """The sentence for the status line."""
        verb = "uses" if metric.value == 1 else "use"
        ports = "port" if len(metric.resource.ports) == 1 else "ports"
        return f"{count(metric.value, 'socket')} {verb} the {ports}"


class SecondsContext(ThresholdContext):
    """Judges the seconds until the outcome was known."""

    def describe(self, metric: nagiosplugin.Metric) -> str:
        """The sentence for the status line."""
        return f"it took {metric.value:g} s"


class _Expectation(nagiosplugin.Context):
    """What the user expects. It has no perfdata."""

    def __init__(self, expected: str | None) -> None:
        super().__init__(resources.EXPECTATION)
        self._expected = expected


class LocalExpectation(_Expectation):
    """Compares ports of this host with the expectation."""

    def evaluate(
        self, metric: nagiosplugin.Metric, resource: nagiosplugin.Resource
    ) -> nagiosplugin.Result:
        """OK if every port meets the expectation or there is none, else CRITICAL.

        UNKNOWN if nothing shows whether they do.
        """
        state, hint = nagiosplugin.Ok, None
        if self._expected:
            ports, states = resource.ports, metric.value
            wrong, unclear = unmet(ports, states, self._expected)
            if wrong or unclear:
                state = nagiosplugin.Critical if wrong else nagiosplugin.Unknown
                found = _found(wrong, unclear, len(ports), states)
                hint = f"expected {self._expected}, {found}"
        return self.result_cls(state, hint, metric)

    def describe(self, metric: nagiosplugin.Metric) -> str:
        """Empty: the hint says it all."""
        return ""


def _found(
    wrong: list[int], unclear: list[int], total: int, states: dict[int, PortState]
) -> str:
    ports = wrong or unclear
    if total == 1:
        return f"found {states.get(ports[0], PortState.FREE).value}"
    are = "is" if len(ports) == 1 else "are"
    perhaps = "" if wrong else "perhaps "
    return f"but {len(ports)} of {total} ports {are} {perhaps}not, {short_list(ports)}"


def short_list(ports: list[int]) -> str:
    """``8080,40000-40010``, and ``..`` in place of more than fits the status line."""
    text = format_port_list(ports)
    if len(text) <= PORTS_LENGTH:
        return text
    return text[:PORTS_LENGTH].rpartition(",")[0] + ",.."


class RemoteExpectation(_Expectation):
    """Compares a port of another host with the expectation."""

    def evaluate(
        self, metric: nagiosplugin.Metric, resource: nagiosplugin.Resource
    ) -> nagiosplugin.Result:
        """OK if the expectation is met or there is none, else CRITICAL."""
        met = self._expected in (None, metric.value)
        state = nagiosplugin.Ok if met else nagiosplugin.Critical
        return self.result_cls(state, None, metric)

    def describe(self, metric: nagiosplugin.Metric) -> str:
        """The sentence for the status line."""
        return f"expected {self._expected}, found {metric.value}"


def local_contexts(
    sockets: Thresholds, expected: str | None
) -> tuple[nagiosplugin.Context, ...]:
    """Contexts for ports of this host."""
    return (
        SocketsContext(resources.SOCKETS, sockets),
        ThresholdContext(resources.COUNT),
        LocalExpectation(expected),
    )


def remote_contexts(
    seconds: Thresholds, expected: str | None
) -> tuple[nagiosplugin.Context, ...]:
    """Contexts for a port of another host."""
    return (
        SecondsContext(resources.SECONDS, seconds),
        RemoteExpectation(expected),
    )
