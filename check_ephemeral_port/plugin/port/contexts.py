"""Contexts of the port check: thresholds, expectations and their sentences."""

from __future__ import annotations

import nagiosplugin

from ..thresholds import ThresholdContext, Thresholds
from . import resources


class SocketsContext(ThresholdContext):
    """Judges the number of sockets that use the port."""

    def describe(self, metric: nagiosplugin.Metric) -> str:
        """The sentence for the status line."""
        verb = "socket uses" if metric.value == 1 else "sockets use"
        return f"{metric.value} {verb} the port"


class SecondsContext(ThresholdContext):
    """Judges the seconds until the outcome was known."""

    def describe(self, metric: nagiosplugin.Metric) -> str:
        """The sentence for the status line."""
        return f"it took {metric.value:g} s"


class ExpectationContext(nagiosplugin.Context):  # type: ignore[misc] # untyped library
    """Compares the finding with the expectation. It has no perfdata."""

    def __init__(self, expected: str | None) -> None:
        super().__init__(resources.EXPECTATION)
        self._expected = expected

    def evaluate(
        self, metric: nagiosplugin.Metric, resource: nagiosplugin.Resource
    ) -> nagiosplugin.Result:
        """OK if the expectation is met or there is none, else CRITICAL.

        UNKNOWN if nothing shows whether it is met.
        """
        # a listening port is also used
        met = self._expected in (None, metric.value) or (
            (self._expected, metric.value) == (resources.USED, resources.LISTENING)
        )
        state = nagiosplugin.Ok if met else nagiosplugin.Critical
        is_listed = self._expected == resources.LISTENING
        if not met and metric.value == resources.UNCLEAR and not is_listed:
            state = nagiosplugin.Unknown
        return self.result_cls(state, None, metric)

    def describe(self, metric: nagiosplugin.Metric) -> str:
        """The sentence for the status line."""
        return f"expected {self._expected}, found {metric.value}"


def local_contexts(
    sockets: Thresholds, expected: str | None
) -> tuple[nagiosplugin.Context, ...]:
    """Contexts for a port of this host."""
    return (
        SocketsContext(resources.SOCKETS, sockets),
        ThresholdContext(resources.COUNT),
        ExpectationContext(expected),
    )


def remote_contexts(
    seconds: Thresholds, expected: str | None
) -> tuple[nagiosplugin.Context, ...]:
    """Contexts for a port of another host."""
    return (
        SecondsContext(resources.SECONDS, seconds),
        ExpectationContext(expected),
    )
