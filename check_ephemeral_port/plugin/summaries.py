"""The status line: the worst thing first, and its cause."""

from __future__ import annotations

from collections.abc import Sequence

import nagiosplugin

from ..model.ownership import Holding
from .contexts import describe
from .resources import EphemeralPorts, Reading
from .text import clean_name

SLOW = "connects have become slow: the half tried first is used up"

SENTENCES = 3
"""So many alarms are told one by one, so that their cause still has its place."""


class PortSummary(nagiosplugin.Summary):  # type: ignore[misc] # untyped library
    """Says in one line what the results mean.

    ``holdings`` of the ports that the alarm is about may be set before the text is
    asked for.
    """

    def __init__(self, resource: EphemeralPorts) -> None:
        self._resource = resource
        self.holdings: Sequence[Holding] = ()

    def ok(self, results: nagiosplugin.Results) -> str:
        """Connect and UDP usage, since those are what alarms by default."""
        told = [
            describe(reading)
            for reading in self._resource.readings
            if reading.kind != "tcp_bind" and not reading.suffix
        ]
        return "; ".join([*told, *self._slow()])

    def problem(self, results: nagiosplugin.Results) -> str:
        """Whatever is in the worst state, then who holds the ports."""
        worst = results.most_significant
        if not self._resource.readings:  # the look itself failed
            return str(worst[0])
        sentences = list(dict.fromkeys(str(r.metric.description) for r in worst))
        told = sentences[:SENTENCES]
        if len(sentences) > SENTENCES:
            told.append(f"and {len(sentences) - SENTENCES} more like that")
        return "; ".join([*told, *self._slow(), *self._holders()])

    def alarming(self, results: nagiosplugin.Results) -> Reading | None:
        """The reading that the status line is about."""
        for result in results.most_significant:
            reading = result.metric and self._resource.reading(result.metric.name)
            if reading:
                return reading
        return None

    def _slow(self) -> list[str]:
        connect = self._resource.readings[0].connect
        # if the whole pool is used up, slow is not the word
        if connect and connect.ports.free.best and not connect.first_choice.free.best:
            return [SLOW]
        return []

    def _holders(self) -> list[str]:
        return [f"{holder_name(h)} holds {h.ports}" for h in self.holdings[:1]]


def holder_name(holding: Holding) -> str:
    """``nginx[812]``, ``TIME_WAIT``, or that it is unknown."""
    if holding.time_wait:
        return "TIME_WAIT"
    if holding.owner is None:
        return "unknown process (try as root)"
    return f"{clean_name(holding.owner.name or '?')}[{holding.owner.pid}]"
