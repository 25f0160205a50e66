"""The status line of the pool check: what is worst comes first, then its cause."""

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

MOST_ALARMS = 3
"""At most this many alarms have a sentence each, to leave room for their cause."""


class Explanation(NamedTuple):
    """Everything that the renderer adds to the judgment."""

    holders: Sequence[Holder] = ()
    """Of the ports that the alarm is about, the largest first."""
    causes: Sequence[str] = ()
    """Settings and habits of programs that the alarm comes from."""
    details: Sequence[Detail] = ()
    """Tables, notes and advice for ``-v``, in the order of the output."""


class PoolSummary:
    """Says in a few sentences what the results mean."""

    def __init__(
        self, resource: EphemeralPorts, explanation: Explanation = Explanation()
    ) -> None:
        self._resource = resource
        self._explanation = explanation

    def sentences(self, results: nagiosplugin.Results) -> list[str]:
        """What is worst first, then its cause."""
        if results.most_significant_state == nagiosplugin.Ok:
            return self._ok(results)
        return self._problem(results)

    def _ok(self, results: nagiosplugin.Results) -> list[str]:
        # connect and UDP usage, since these alarm by default
        usages = [
            describe(figure)
            for figure in self._resource.figures
            if figure.kind != "tcp_bind" and not figure.suffix
        ]
        return [*usages, *self._ends(results), *self._slow(), *self._unseen()]

    def _problem(self, results: nagiosplugin.Results) -> list[str]:
        # everything in the worst state, then who holds the ports
        every = [str(r.metric.description) for r in results.most_significant]
        alarms = list(dict.fromkeys(every))
        said = alarms[:MOST_ALARMS]
        if len(alarms) > MOST_ALARMS:
            said.append(f"and {len(alarms) - MOST_ALARMS} more alarms")
        said += [end for end in self._ends(results) if end not in said]
        said += [*self._slow(), *self._explanation.causes]
        return [*said, *self._holder(), *self._unseen()]

    def _ends(self, results: nagiosplugin.Results) -> list[str]:
        """Usages that run out soon, or too soon. A usage without a free port is left
        out, since its percentage says so already."""
        if not any(figure.forecast for figure in self._resource.figures):
            return []
        from .forecast import SOON_SECONDS

        ends = []
        for result in results:
            if result.metric is None or result.metric.context != ETA_SECONDS:
                continue
            figure = self._resource.figure(result.metric.name)
            soon = result.metric.value < SOON_SECONDS
            if figure and figure.usage.free.best:
                if soon or result.state != nagiosplugin.Ok:
                    ends.append(str(result.metric.description))
        return list(dict.fromkeys(ends))[:MOST_ALARMS]

    def _slow(self) -> list[str]:
        connect = self._resource.figures[0].connect
        # with no free port at all, slow is not the word
        if connect and connect.ports.free.best and not connect.first_choice.free.best:
            return [SLOW]
        return []

    def _holder(self) -> list[str]:
        if not self._explanation.holders:
            return []
        from ..names import holder_name

        largest = self._explanation.holders[0]
        return [f"{holder_name(largest)} holds {largest.ports}"]

    def _unseen(self) -> list[str]:
        sample = self._resource.observation.sample
        connect = self._resource.figures[0].connect
        # nothing else that is not visible uses up so many ports
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
