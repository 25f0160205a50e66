"""What the thresholds make of a metric, and how to say it."""

from __future__ import annotations

import nagiosplugin

from ..model.records import NamedTuple
from ..model.thresholds import ThresholdRange
from . import resources
from .resources import Reading
from .text import percent


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

    def describe(self, metric: nagiosplugin.Metric) -> str:
        """The sentence for the status line."""
        reading = metric.resource.reading(metric.name)
        return describe(reading) if reading else f"{metric.name} is {metric.valueunit}"


class FirstChoiceContext(PortContext):
    """Judges the half of the pool that connect() tries first."""

    def describe(self, metric: nagiosplugin.Metric) -> str:
        """The sentence for the status line."""
        reading = metric.resource.reading(metric.name)
        return (
            f"{percent(metric.value)} of the ports that connect() tries first"
            f" {reading.whom} used"
        )


def contexts(
    used: Thresholds, free: Thresholds, bind_used: Thresholds, fast_used: Thresholds
) -> tuple[PortContext, ...]:
    """A context for each kind of metric."""
    return (
        PortContext(resources.USED_PERCENT, used),
        PortContext(resources.BIND_USED_PERCENT, bind_used),
        FirstChoiceContext(resources.FAST_USED_PERCENT, fast_used),
        PortContext(resources.FREE_PORTS, free),
        PortContext(resources.BIND_FREE_PORTS),
        PortContext(resources.COUNT),
    )


def describe(reading: Reading) -> str:
    """How full the pool is, for whom."""
    ports = reading.usage
    return (
        f"{percent(ports.used_percent)} of {ports.capacity} ports"
        f" {reading.whom} used, {ports.free.best} left"
    )
