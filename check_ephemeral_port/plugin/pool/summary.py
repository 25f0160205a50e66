"""The status line of the pool check: the worst problem first, then its cause."""

from __future__ import annotations

from collections.abc import Sequence

from ...model.records import NamedTuple
from .. import nagiosplugin
from .figures import UsageFigure, describe
from .resource import ETA_SECONDS, EphemeralPorts

TYPE_CHECKING = False
if TYPE_CHECKING:  # an OK run has nothing to explain
    from ...model.holders import Holder
    from ..output.result import Detail
    from .alarms import Alarm

SLOW = "connects are slow"
FIRST_USED_UP = "the ports tried first are used up"

WAS_FULL = ("it was full between the checks", "it was full at that time")
"""Said if requests failed, but ports are free now: since the last run, or before."""

MAX_CLAUSES = 3
"""Maximum number of clauses in the status line. A pager shows no more."""


class Explanation(NamedTuple):
    """Everything that the renderer adds to the judgment."""

    holders: Sequence[Holder] = ()
    """Holders of the ports that the alarm is about, the largest first."""
    causes: Sequence[str] = ()
    """Settings of the host and habits of programs that cause the alarm."""
    details: Sequence[Detail] = ()
    """Tables, notes and advice for ``-v``, in the order of the output."""


class PoolSummary:
    """The results in a few sentences."""

    def __init__(
        self, resource: EphemeralPorts, explanation: Explanation = Explanation()
    ) -> None:
        self._resource = resource
        self._explanation = explanation

    def sentences(self, results: nagiosplugin.Results) -> list[str]:
        """At most three clauses, the most useful first.

        How full it is for whom, who holds the ports, and the cause or the remaining
        time.
        """
        if results.most_significant_state == nagiosplugin.Ok:
            clauses = [*self._no_history(), *self._ok(results)]
        else:
            clauses = self._problem(results)
        return clauses[:MAX_CLAUSES]

    def _ok(self, results: nagiosplugin.Results) -> list[str]:
        first, *others = map(describe, self._resource.main_figures)
        notes = [*self._failed(), *self._running_out(results), *self._slow_connects()]
        return [first, *notes, *others]

    def _problem(self, results: nagiosplugin.Results) -> list[str]:
        from .alarms import alarms_of

        alarms = alarms_of(self._resource, results.most_significant)
        # what alarms without being a usage comes first: requests that failed
        evidence = [
            str(result.metric.description)
            for result in results.most_significant
            if not self._resource.figure(result.metric.name)
        ]
        clauses = [*evidence[:1], *self._mixed(), *evidence[1:]]
        clauses += self._usage_clauses(alarms, results)
        clauses += [*self._failed(), *self._between_checks(results)]
        clauses += [*self._no_history(), *self._explanation.causes]
        clauses += self._slow_connects(alarms[0] if alarms else None)
        return list(dict.fromkeys(clauses))

    def _usage_clauses(
        self, alarms: Sequence[Alarm], results: nagiosplugin.Results
    ) -> list[str]:
        from .alarms import alarm_text

        if not alarms:
            return self._running_out(results)
        first, *others = alarms
        clauses = [alarm_text(first, others), *self._largest_holder()]
        if first.is_of_time_only:
            return clauses + self._how_full(first.figure.label)
        return clauses + self._running_out(results)

    def _how_full(self, label: str) -> list[str]:
        # the destination that runs out first need not be the fullest
        figures = self._resource.figures
        return [describe(figure) for figure in figures if figure.label == label]

    def _failed(self) -> list[str]:
        """Sentences about requests that failed."""
        failed = self._resource.observation.failed
        if failed is None:
            return []
        from .failed import failed_sentences  # late: most hosts have no recorder

        return failed_sentences(failed)

    def _mixed(self) -> list[str]:
        """Why an alarm about requests that failed does not end."""
        failed = self._resource.observation.failed
        if failed is None or not failed.mixed:
            return []
        from .failed import mixed_sentences

        return mixed_sentences(failed)

    def _between_checks(self, results: nagiosplugin.Results) -> list[str]:
        """How full it was and is now, if only requests that failed alarm."""
        failed = self._resource.observation.failed
        if failed is None or alarming_figure(self._resource, results):
            return []
        from .failed import full_now

        now = full_now(failed, self._resource.figures)
        return [WAS_FULL[not failed.since_last_run], *now] if now else []

    def _running_out(self, results: nagiosplugin.Results) -> list[str]:
        """Sentences about usages that run out soon, or that alarm for this reason.

        A usage without a free port has no such sentence: its percentage says so.
        """
        if not any(figure.forecast for figure in self._resource.figures):
            return []
        from .forecast import SOON_SECONDS, run_out

        sentences = []
        for result in results:
            if result.metric is None or result.metric.context != ETA_SECONDS:
                continue
            figure = self._resource.figure(result.metric.name)
            soon = result.metric.value < SOON_SECONDS
            if figure and figure.usage.free.best:
                if soon or result.state != nagiosplugin.Ok:
                    limit = f", {result.hint}" if result.hint else ""
                    sentences.append(run_out(figure) + limit)
        return list(dict.fromkeys(sentences))

    def _no_history(self) -> list[str]:
        problem = self._resource.observation.history_problem
        return [problem] if problem else []

    def _slow_connects(self, alarm: Alarm | None = None) -> list[str]:
        connect = self._resource.figures[0].connect
        # without a free port, connects fail instead of being slow
        if connect and connect.ports.free.best and not connect.first_choice.free.best:
            is_said = alarm and alarm.is_of_first_choice
            return [SLOW if is_said else f"{SLOW} because {FIRST_USED_UP}"]
        return []

    def _largest_holder(self) -> list[str]:
        if not self._explanation.holders:
            return []
        from ..names import holder_clause

        return [holder_clause(self._explanation.holders[0])]


def alarming_figure(
    resource: EphemeralPorts, results: nagiosplugin.Results
) -> UsageFigure | None:
    """The figure that the status line is about."""
    for result in results.most_significant:
        figure = result.metric and resource.figure(result.metric.name)
        if figure:
            return figure
    return None
