"""What the thresholds make of a metric, and how to say it."""

from __future__ import annotations

import nagiosplugin

from ...model.records import NamedTuple
from ...model.thresholds import ThresholdRange
from ..text import percent
from . import resource as resources
from .resource import Reading


class Thresholds(NamedTuple):
    """A warning and a critical range; ``None`` never alarms."""

    warning: ThresholdRange | None = None
    critical: ThresholdRange | None = None


class PortContext(nagiosplugin.ScalarContext):  # type: ignore[misc] # untyped library
    """Judges one kind of metric."""

    def __init__(self, name: str, thresholds: Thresholds = Thresholds()) -> None:
        # str(): a Range made of the number 0 would mean 'no threshold'
        warning, critical = (str(t) if t else "" for t in thresholds)
        super().__init__(name, warning, critical)
        self._written = warning, critical

    def describe(self, metric: nagiosplugin.Metric) -> str:
        """The sentence for the status line."""
        reading = metric.resource.reading(metric.name)
        return describe(reading) if reading else f"{metric.name} is {metric.valueunit}"

    def performance(
        self, metric: nagiosplugin.Metric, resource: nagiosplugin.Resource
    ) -> nagiosplugin.Performance:
        """Perfdata, the ranges in full.

        nagiosplugin's own would have ``@`` for ``@0:`` and ``1e-06`` for ``0.000001``,
        which are no ranges.
        """
        figures = super().performance(metric, resource)
        return figures._replace(warn=self._written[0], crit=self._written[1])


class FirstChoiceContext(PortContext):
    """Judges the half of the pool that connect() tries first."""

    def describe(self, metric: nagiosplugin.Metric) -> str:
        """The sentence for the status line."""
        reading = metric.resource.reading(metric.name)
        return (
            f"{percent(metric.value)} of the ports that connect() tries first"
            f" {reading.whom} used"
        )


class EtaContext(PortContext):
    """Judges the time until no port is left."""

    def describe(self, metric: nagiosplugin.Metric) -> str:
        """The sentence for the status line."""
        from .forecast import run_out

        return run_out(metric.resource.reading(metric.name))


def contexts(
    used: Thresholds,
    free: Thresholds,
    bind_used: Thresholds,
    fast_used: Thresholds,
    eta: Thresholds = Thresholds(),
) -> tuple[PortContext, ...]:
    """A context for each kind of metric."""
    return (
        PortContext(resources.USED_PERCENT, used),
        PortContext(resources.BIND_USED_PERCENT, bind_used),
        FirstChoiceContext(resources.FAST_USED_PERCENT, fast_used),
        PortContext(resources.FREE_PORTS, free),
        PortContext(resources.BIND_FREE_PORTS),
        EtaContext(resources.ETA_SECONDS, eta),
        EtaContext(resources.BIND_ETA_SECONDS),
        PortContext(resources.COUNT),
    )


def describe(reading: Reading) -> str:
    """How full the pool is, for whom."""
    ports = reading.usage
    return (
        f"{percent(ports.used_percent)} of {ports.capacity} ports"
        f" {reading.whom} used, {ports.free.best} left"
    )
