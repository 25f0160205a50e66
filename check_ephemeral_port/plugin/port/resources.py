"""Turns an observation of one port into nagiosplugin's metrics."""

from __future__ import annotations

import nagiosplugin

from ...model.port.remote import RemoteObservation
from ...model.port.report import PortObservation, PortReport
from ...model.sockets import TcpState
from ..text import NAME

SOCKETS = "sockets"
COUNT = "count"
SECONDS = "seconds"
EXPECTATION = "expectation"

FREE = "free"
USED = "used"
LISTENING = "listening"
UNCLEAR = "free or used"


class LocalPort(nagiosplugin.Resource):  # type: ignore[misc] # untyped library
    """A port of this host, as observed."""

    name = NAME

    def __init__(self, observation: PortObservation) -> None:
        self.observation = observation

    def probe(self) -> list[nagiosplugin.Metric]:
        """The sockets of the port, counted by state."""
        report = self.observation.report
        metrics = [
            _count("sockets", report.size, SOCKETS),
            _count("listening", report.listening),
            _count("established", report.count(TcpState.ESTABLISHED)),
            _finding(found(report)),
        ]
        if self.observation.sees_time_wait:
            metrics.append(_count("time_wait", report.count(TcpState.TIME_WAIT)))
        return metrics


class RemotePort(nagiosplugin.Resource):  # type: ignore[misc] # untyped library
    """A port of another host, as observed."""

    name = NAME

    def __init__(self, observation: RemoteObservation) -> None:
        self.observation = observation

    def probe(self) -> list[nagiosplugin.Metric]:
        """The outcome of connect() and the time until it was known."""
        attempt = self.observation.report.telling
        # four decimals, since Python writes smaller numbers as 1e-05
        seconds = round(attempt.seconds, 4)
        limit = self.observation.timeout_seconds
        limit = int(limit) if limit == int(limit) else limit
        return [
            nagiosplugin.Metric("time", seconds, "s", 0, limit, SECONDS),
            _finding(attempt.outcome.value),
        ]


def found(report: PortReport) -> str:
    """The word to compare with ``--expect``: ``free``, ``used`` or ``listening``.

    ``free or used`` if nothing shows which of the two.
    """
    if report.size:
        return LISTENING if report.listening else USED
    return FREE if report.is_held is False else UNCLEAR


def _count(label: str, number: int, context: str = COUNT) -> nagiosplugin.Metric:
    return nagiosplugin.Metric(label, number, min=0, context=context)


def _finding(word: str) -> nagiosplugin.Metric:
    return nagiosplugin.Metric(EXPECTATION, word, context=EXPECTATION)
