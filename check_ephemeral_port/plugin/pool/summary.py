"""The status line of the pool check: the worst problem first, then its cause."""

from __future__ import annotations

from collections.abc import Sequence

import nagiosplugin

from ...model.records import NamedTuple
from .figures import UsageFigure, describe
from .resource import ETA_SECONDS, EphemeralPorts

TYPE_CHECKING = False
if TYPE_CHECKING:  # an OK run has nothing to explain
    from ...model.holders import Holder
    from ..output.result import Detail

SLOW = "connects are slow because the ports tried first are used up"

WAS_FULL = ("it was full between the checks", "it was full at that time")
"""Said if requests failed, but ports are free now: since the last run, or before."""

MAX_ALARMS = 3
"""Maximum number of alarms with a sentence, to leave room for their cause."""


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
        """The worst problem first, then its cause."""
        if results.most_significant_state == nagiosplugin.Ok:
            return [*self._no_history(), *self._ok(results)]
        return self._problem(results)

    def _ok(self, results: nagiosplugin.Results) -> list[str]:
        return [
            *map(describe, self._resource.main_figures),
            *self._failed(),
            *self._running_out(results),
            *self._slow_connects(),
            *self._invisible_time_wait(),
        ]

    def _problem(self, results: nagiosplugin.Results) -> list[str]:
        # all alarms of the worst state, then their causes and the largest holder
        described = [str(r.metric.description) for r in results.most_significant]
        alarms = list(dict.fromkeys(described))
        sentences = alarms[:MAX_ALARMS]
        if len(alarms) > MAX_ALARMS:
            sentences.append(f"and {len(alarms) - MAX_ALARMS} more alarms")
        evidence = [*self._failed(), *self._between_checks(results)]
        others = [*evidence, *self._running_out(results)]
        sentences += [sentence for sentence in others if sentence not in sentences]
        sentences += [*self._slow_connects(), *self._explanation.causes]
        sentences += self._no_history()
        return [*sentences, *self._largest_holder(), *self._invisible_time_wait()]

    def _failed(self) -> list[str]:
        """Sentences about requests that failed."""
        failed = self._resource.observation.failed
        if failed is None:
            return []
        from .failed import failed_sentences  # late: most hosts have no recorder

        return failed_sentences(failed)

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
        from .forecast import SOON_SECONDS

        sentences = []
        for result in results:
            if result.metric is None or result.metric.context != ETA_SECONDS:
                continue
            figure = self._resource.figure(result.metric.name)
            soon = result.metric.value < SOON_SECONDS
            if figure and figure.usage.free.best:
                if soon or result.state != nagiosplugin.Ok:
                    sentences.append(str(result.metric.description))
        return list(dict.fromkeys(sentences))[:MAX_ALARMS]

    def _no_history(self) -> list[str]:
        problem = self._resource.observation.history_problem
        return [problem] if problem else []

    def _slow_connects(self) -> list[str]:
        connect = self._resource.figures[0].connect
        # without a free port, connects fail instead of being slow
        if connect and connect.ports.free.best and not connect.first_choice.free.best:
            return [SLOW]
        return []

    def _largest_holder(self) -> list[str]:
        if not self._explanation.holders:
            return []
        from ..names import holder_name

        largest = self._explanation.holders[0]
        return [f"{holder_name(largest)} holds {largest.ports}"]

    def _invisible_time_wait(self) -> list[str]:
        sample = self._resource.observation.sample
        connect = self._resource.figures[0].connect
        # other sockets that are not visible use few ports
        if sample.visibility.time_wait or not connect:
            return []
        free = connect.ports.free
        if free.exact:
            return []
        return [f"TIME_WAIT is not visible here, perhaps only {free.low} remain"]


def alarming_figure(
    resource: EphemeralPorts, results: nagiosplugin.Results
) -> UsageFigure | None:
    """The figure that the status line is about."""
    for result in results.most_significant:
        figure = result.metric and resource.figure(result.metric.name)
        if figure:
            return figure
    return None
