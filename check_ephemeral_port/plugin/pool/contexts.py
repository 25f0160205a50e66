"""Contexts of the pool check: which thresholds judge which metrics."""

from __future__ import annotations

from .. import nagiosplugin
from ..thresholds import ThresholdContext, Thresholds
from . import resource as metrics
from .figures import WOULD_BE_CRITICAL, UsageFigure


class PoolContext(ThresholdContext):
    """Judges one kind of metric of the pool.

    If nothing shows whether ports were bound first, a figure that is OK by estimate can
    be critical in the worst case. It is a warning then.
    """

    def evaluate(
        self, metric: nagiosplugin.Metric, resource: nagiosplugin.Resource
    ) -> nagiosplugin.Result:
        """The state of the estimate, at least WARNING if the worst case is critical."""
        result = super().evaluate(metric, resource)
        worst = _worst(metric, resource.figure(metric.name))
        if worst is None or result.state != nagiosplugin.Ok:
            return result
        if self.critical.match(worst):
            return result
        return self.result_cls(nagiosplugin.Warn, WOULD_BE_CRITICAL, metric)


def _worst(metric: nagiosplugin.Metric, figure: UsageFigure) -> float | None:
    """The value of the metric in the worst case; ``None`` if there is no worse case."""
    free = figure.perhaps_free
    if free is None or metric.name not in (figure.label, figure.free_label):
        return None
    if metric.name == figure.free_label:
        return free
    return figure.usage.percent(figure.usage.capacity - free)


def pool_contexts(
    used: Thresholds,
    free: Thresholds,
    bind_used: Thresholds,
    fast_used: Thresholds,
    eta: Thresholds = Thresholds(),
) -> list[ThresholdContext]:
    """A context for each kind of metric."""
    return [
        PoolContext(metrics.USED_PERCENT, used),
        PoolContext(metrics.BIND_USED_PERCENT, bind_used),
        PoolContext(metrics.FAST_USED_PERCENT, fast_used),
        PoolContext(metrics.FREE_PORTS, free),
        PoolContext(metrics.BIND_FREE_PORTS),
        PoolContext(metrics.ETA_SECONDS, eta),
        PoolContext(metrics.BIND_ETA_SECONDS),
        ThresholdContext(metrics.COUNT),
    ]
