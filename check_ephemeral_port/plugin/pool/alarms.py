"""What alarms: each usage with the limits that it has crossed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ...model.records import NamedTuple
from .. import nagiosplugin
from ..text import percent
from . import resource as metrics
from .figures import UsageFigure, describe

NAMED_SCOPES = 2
"""The status line names at most this many further usages that alarm."""


class Alarm(NamedTuple):
    """A usage that alarms."""

    figure: UsageFigure
    limits: Mapping[str, str]
    """The limit that each kind of metric has crossed, in words: ``below 2000``."""

    def limit(self, *kinds: str) -> str:
        """The limit that one of these kinds of metrics has crossed; empty if none."""
        return next((self.limits[kind] for kind in kinds if kind in self.limits), "")

    @property
    def is_of_first_choice(self) -> bool:
        """Whether the ports that connect() tries first alarm."""
        return metrics.FAST_USED_PERCENT in self.limits

    @property
    def is_of_time_only(self) -> bool:
        """Whether nothing but the remaining time alarms, and there is any."""
        is_full = not self.figure.usage.free.best
        return not is_full and not self.limits.keys() - metrics.ETA_KINDS


def alarms_of(
    resource: metrics.EphemeralPorts, results: Iterable[nagiosplugin.Result]
) -> list[Alarm]:
    """The usages that these results are about. Each has one alarm, in this order."""
    found: dict[str, Alarm] = {}
    for result in results:
        metric = result.metric
        figure = metric and resource.figure(metric.name)
        if figure:
            first = found.setdefault(figure.scope, Alarm(figure, {}))
            limits = {**first.limits, metric.context: result.hint or ""}
            found[figure.scope] = first._replace(limits=limits)
    return list(found.values())


def alarm_text(alarm: Alarm, others: Sequence[Alarm] = ()) -> str:
    """How full the ports are for whom, and which limit that has crossed.

    ``others``: usages that alarm as well.
    """
    if alarm.is_of_time_only:
        from .forecast import run_out

        limit = alarm.limit(*metrics.ETA_KINDS)
        return f"{run_out(alarm.figure)}, {limit}{_also(others)}"
    used = alarm.limit(metrics.USED_PERCENT, metrics.BIND_USED_PERCENT)
    text = describe(alarm.figure, used, alarm.limit(metrics.FREE_PORTS))
    if alarm.is_of_first_choice and alarm.figure.connect:
        share = percent(alarm.figure.connect.first_choice.used_percent)
        limit = alarm.limit(metrics.FAST_USED_PERCENT)
        text += f", {share} of those that connect() tries first, {limit}"
    return text + _also(others)


def _also(others: Sequence[Alarm]) -> str:
    scopes = [alarm.figure.scope for alarm in others[:NAMED_SCOPES]]
    if len(others) > NAMED_SCOPES:
        scopes.append(f"{len(others) - NAMED_SCOPES} more")
    *first, last = scopes or [""]
    return f" (also {', '.join(first)}{' and ' if first else ''}{last})" if last else ""
