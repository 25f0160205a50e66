"""Contexts of the pool check: which thresholds judge which metrics, in which words."""

from __future__ import annotations

import nagiosplugin

from ..text import percent
from ..thresholds import ThresholdContext, Thresholds
from . import resource as metrics
from .figures import describe


class PoolContext(ThresholdContext):
    """Judges one kind of metric of the pool."""

    def describe(self, metric: nagiosplugin.Metric) -> str:
        """The sentence for the status line."""
        figure = metric.resource.figure(metric.name)
        return describe(figure) if figure else f"{metric.name} is {metric.valueunit}"


class FirstChoiceContext(PoolContext):
    """Judges the half of the pool that connect() tries first."""

    def describe(self, metric: nagiosplugin.Metric) -> str:
        """The sentence for the status line."""
        figure = metric.resource.figure(metric.name)
        return (
            f"{percent(metric.value)} of the ports that connect() tries first"
            f" {figure.scope} used"
        )


class EtaContext(PoolContext):
    """Judges the time until no port remains."""

    def describe(self, metric: nagiosplugin.Metric) -> str:
        """The sentence for the status line."""
        from .forecast import run_out

        return run_out(metric.resource.figure(metric.name))


def pool_contexts(
    used: Thresholds,
    free: Thresholds,
    bind_used: Thresholds,
    fast_used: Thresholds,
    eta: Thresholds = Thresholds(),
) -> tuple[PoolContext, ...]:
    """A context for each kind of metric."""
    return (
        PoolContext(metrics.USED_PERCENT, used),
        PoolContext(metrics.BIND_USED_PERCENT, bind_used),
        FirstChoiceContext(metrics.FAST_USED_PERCENT, fast_used),
        PoolContext(metrics.FREE_PORTS, free),
        PoolContext(metrics.BIND_FREE_PORTS),
        EtaContext(metrics.ETA_SECONDS, eta),
        EtaContext(metrics.BIND_ETA_SECONDS),
        PoolContext(metrics.COUNT),
    )
