"""Contexts of the pool check: which thresholds judge which metrics, in which words."""

from __future__ import annotations

import nagiosplugin

from ..text import percent
from ..thresholds import ThresholdContext, Thresholds
from . import resource as metrics
from .figures import UsageFigure, describe


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
        is_critical = not self.critical.match(worst)
        state = nagiosplugin.Warn if is_critical else nagiosplugin.Ok
        return self.result_cls(state, None, metric)

    def describe(self, metric: nagiosplugin.Metric) -> str:
        """The sentence for the status line."""
        return describe(metric.resource.figure(metric.name))


def _worst(metric: nagiosplugin.Metric, figure: UsageFigure) -> float | None:
    """The value of the metric in the worst case; ``None`` if there is no worse case."""
    free = figure.perhaps_free
    if free is None or metric.name not in (figure.label, figure.free_label):
        return None
    if metric.name == figure.free_label:
        return free
    return figure.usage.percent(figure.usage.capacity - free)


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
) -> list[ThresholdContext]:
    """A context for each kind of metric."""
    return [
        PoolContext(metrics.USED_PERCENT, used),
        PoolContext(metrics.BIND_USED_PERCENT, bind_used),
        FirstChoiceContext(metrics.FAST_USED_PERCENT, fast_used),
        PoolContext(metrics.FREE_PORTS, free),
        PoolContext(metrics.BIND_FREE_PORTS),
        EtaContext(metrics.ETA_SECONDS, eta),
        EtaContext(metrics.BIND_ETA_SECONDS),
        ThresholdContext(metrics.COUNT),
    ]
