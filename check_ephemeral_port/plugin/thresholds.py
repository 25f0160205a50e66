"""Compares metrics with thresholds. All checks share this."""

from __future__ import annotations

from collections.abc import Sequence

from ..model.records import NamedTuple
from ..model.thresholds import ThresholdRange, plain_number
from . import nagiosplugin
from .output.result import Metric, Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .output.result import Detail


class Thresholds(NamedTuple):
    """A warning and a critical range; ``None`` never alarms."""

    warning: ThresholdRange | None = None
    critical: ThresholdRange | None = None


class ThresholdContext(nagiosplugin.ScalarContext):
    """Compares metrics with a warning and a critical range."""

    def __init__(self, name: str, thresholds: Thresholds = Thresholds()) -> None:
        # str(): the number 0 would mean 'no threshold' to nagiosplugin
        warning, critical = (str(t) if t else "" for t in thresholds)
        super().__init__(name, warning, critical)
        self._thresholds = thresholds
        self._written = warning, critical

    def evaluate(
        self, metric: nagiosplugin.Metric, resource: nagiosplugin.Resource
    ) -> nagiosplugin.Result:
        """The state; the hint says which limit was crossed: ``below 2000``."""
        result = super().evaluate(metric, resource)
        if result.state == nagiosplugin.Ok:
            return result
        is_critical = result.state == nagiosplugin.Critical
        crossed = self._thresholds[is_critical]
        assert crossed
        hint = limit_text(crossed, metric.value, metric.uom or "")
        return self.result_cls(result.state, hint, metric)

    def performance(
        self, metric: nagiosplugin.Metric, resource: nagiosplugin.Resource
    ) -> nagiosplugin.Performance:
        """Perfdata with complete ranges.

        nagiosplugin would write ``@`` for ``@0:`` and ``1e-06`` for ``0.000001``.
        Neither is a valid range.
        """
        figures = super().performance(metric, resource)
        return figures._replace(warn=self._written[0], crit=self._written[1])


def limit_text(crossed: ThresholdRange, value: float, unit: str = "") -> str:
    """Which limit a value has crossed: ``below 2000``, ``above 90%``, ``below 30 min``.

    ``unit``: ``%`` or ``s``, or empty for a number.
    """
    start, end = crossed.start, crossed.end
    if not crossed.inverted:
        if start is not None and value < start:
            return f"below {_limit(start, unit)}"
        return f"above {_limit(end or 0, unit)}"
    if end is None:
        return f"not below {_limit(start or 0, unit)}"
    if not start:
        return f"not above {_limit(end, unit)}"
    return f"within {_limit(start, unit)} to {_limit(end, unit)}"


def _limit(limit: float, unit: str) -> str:
    if unit == "s":
        for seconds, name in ((3600, "h"), (60, "min")):
            if limit >= seconds and limit % seconds == 0:
                return f"{plain_number(limit / seconds)} {name}"
        return f"{plain_number(limit)} s"
    return plain_number(limit) + unit


class Judgment(NamedTuple):
    """The states that result from metrics and thresholds."""

    state: nagiosplugin.ServiceState
    """The worst state of all results."""
    results: nagiosplugin.Results
    metrics: Sequence[Metric]
    """The metrics that become perfdata, with their thresholds and states."""

    @property
    def is_ok(self) -> bool:
        """Whether every result is OK."""
        return bool(self.state == nagiosplugin.Ok)

    def result(
        self, sentences: Sequence[str], details: Sequence[Detail] = ()
    ) -> Result:
        """The result in the form that every output is written from."""
        code = self.state.code
        return Result(str(self.state), code, sentences, self.metrics, details)


def judge(
    resources: Sequence[nagiosplugin.Resource],
    contexts: Sequence[nagiosplugin.Context],
) -> Judgment:
    """Compare every metric of the resources with the thresholds of its context."""
    context_of = {context.name: context for context in contexts}
    results = nagiosplugin.Results()
    for resource in resources:
        for metric in resource.probe():
            context = context_of[metric.context]
            metric = metric.replace(contextobj=context, resource=resource)
            results.add(metric.evaluate())
    metrics = [_metric(result) for result in results.results]
    state = results.most_significant_state
    return Judgment(state, results, [m for m in metrics if m])


def _metric(result: nagiosplugin.Result) -> Metric | None:
    performance = result.metric.performance()
    if performance is None:
        return None
    label, value, unit, warning, critical, minimum, maximum = performance
    state = str(result.state)
    return Metric(label, value, unit, warning, critical, minimum, maximum, state)
