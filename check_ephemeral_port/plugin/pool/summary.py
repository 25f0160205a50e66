"""The status line: the worst thing first, and its cause."""

from __future__ import annotations

from collections.abc import Sequence

import nagiosplugin

from .contexts import describe
from .resource import ETA_SECONDS, EphemeralPorts, Reading

TYPE_CHECKING = False
if TYPE_CHECKING:  # most runs don't need it
    from ...model.holders import Holding

SLOW = "connects have become slow: the half tried first is used up"

SENTENCES = 3
"""So many alarms are told one by one, so that their cause still has its place."""


class PortSummary(nagiosplugin.Summary):  # type: ignore[misc] # untyped library
    """Says in one line what the results mean.

    ``holdings`` of the ports that the alarm is about, and what it comes from,
    ``causes``, may be set before the text is asked for.
    """

    def __init__(self, resource: EphemeralPorts) -> None:
        self._resource = resource
        self.holdings: Sequence[Holding] = ()
        self.causes: Sequence[str] = ()

    def ok(self, results: nagiosplugin.Results) -> str:
        """Connect and UDP usage, since those are what alarms by default."""
        told = [
            describe(reading)
            for reading in self._resource.readings
            if reading.kind != "tcp_bind" and not reading.suffix
        ]
        told += self._ends(results)
        return "; ".join([*told, *self._slow(), *self._unseen()])

    def problem(self, results: nagiosplugin.Results) -> str:
        """Whatever is in the worst state, then who holds the ports."""
        worst = results.most_significant
        if not self._resource.readings:  # the look itself failed
            return str(worst[0])
        sentences = list(dict.fromkeys(str(r.metric.description) for r in worst))
        told = sentences[:SENTENCES]
        if len(sentences) > SENTENCES:
            told.append(f"and {len(sentences) - SENTENCES} more like that")
        told += [end for end in self._ends(results) if end not in told]
        about = [*self._slow(), *self.causes, *self._holders(), *self._unseen()]
        return "; ".join([*told, *about])

    def alarming(self, results: nagiosplugin.Results) -> Reading | None:
        """The reading that the status line is about."""
        for result in results.most_significant:
            reading = result.metric and self._resource.reading(result.metric.name)
            if reading:
                return reading
        return None

    def _ends(self, results: nagiosplugin.Results) -> list[str]:
        """Where ports run out soon, or too soon; that none are left is told anyway."""
        if not any(reading.forecast for reading in self._resource.readings):
            return []
        from .forecast import SOON_SECONDS

        ends = []
        for result in results:
            if result.metric is None or result.metric.context != ETA_SECONDS:
                continue
            reading = self._resource.reading(result.metric.name)
            soon = result.metric.value < SOON_SECONDS
            if reading and reading.usage.free.best:
                if soon or result.state != nagiosplugin.Ok:
                    ends.append(str(result.metric.description))
        return list(dict.fromkeys(ends))[:SENTENCES]

    def _slow(self) -> list[str]:
        connect = self._resource.readings[0].connect
        # if the whole pool is used up, slow is not the word
        if connect and connect.ports.free.best and not connect.first_choice.free.best:
            return [SLOW]
        return []

    def _unseen(self) -> list[str]:
        look, connect = self._resource.observation, self._resource.readings[0].connect
        # nothing else that can't be seen uses up so many ports
        if not look or look.sample.visibility.time_wait or not connect:
            return []
        free = connect.ports.free
        if free.exact:
            return []
        return [f"TIME_WAIT can't be seen here: as few as {free.low} may be left"]

    def _holders(self) -> list[str]:
        if not self.holdings:
            return []
        from .tables import holder_name

        return [f"{holder_name(self.holdings[0])} holds {self.holdings[0].ports}"]
