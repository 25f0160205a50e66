"""One port, here or on another host, in nagiosplugin's metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import nagiosplugin

from ...model.port.remote import RemoteReport
from ...model.port.report import PortIdentity, PortReport
from ...model.records import NamedTuple
from ...model.sockets import TcpState
from ..text import NAME

SOCKETS = "sockets"
COUNT = "count"
SECONDS = "seconds"
EXPECTATION = "expectation"

FREE = "free"
USED = "used"
LISTENING = "listening"


class PortObservation(NamedTuple):
    """What a look at a port of this host found out."""

    identity: PortIdentity
    report: PortReport
    lister: str
    """Who listed the sockets, for people."""
    notes: Sequence[str] = ()
    """What the reader should know, for people."""
    sees_time_wait: bool = True


class RemoteObservation(NamedTuple):
    """What a connect() to a port of another host found out."""

    identity: PortIdentity
    report: RemoteReport
    timeout_seconds: float


class LocalPort(nagiosplugin.Resource):  # type: ignore[misc] # untyped library
    """A port of this host. Looks when it is probed, all before the first metric:
    nagiosplugin would put the text of a failing look on that metric."""

    name = NAME

    def __init__(self, observe: Callable[[], PortObservation]) -> None:
        self._observe = observe
        self.observation: PortObservation | None = None

    def probe(self) -> list[nagiosplugin.Metric]:
        """List the port's sockets and count them."""
        self.observation = self._observe()
        report = self.observation.report
        metrics = [
            _count("sockets", len(report.sockets), SOCKETS),
            _count("listening", report.listening),
            _count("established", report.count(TcpState.ESTABLISHED)),
            _finding(found(report)),
        ]
        if self.observation.sees_time_wait:
            metrics.append(_count("time_wait", report.count(TcpState.TIME_WAIT)))
        return metrics


class RemotePort(nagiosplugin.Resource):  # type: ignore[misc] # untyped library
    """A port of another host."""

    name = NAME

    def __init__(self, observe: Callable[[], RemoteObservation]) -> None:
        self._observe = observe
        self.observation: RemoteObservation | None = None

    def probe(self) -> list[nagiosplugin.Metric]:
        """Connect to the port and take the time."""
        self.observation = self._observe()
        attempt = self.observation.report.telling
        # four decimals: Python writes what is smaller than 0.0001 as 1e-05
        seconds = round(attempt.seconds, 4)
        most = self.observation.timeout_seconds
        most = int(most) if most == int(most) else most
        return [
            nagiosplugin.Metric("time", seconds, "s", 0, most, SECONDS),
            _finding(attempt.outcome.value),
        ]


def found(report: PortReport) -> str:
    """What ``--expect`` is compared with: ``free``, ``used`` or ``listening``."""
    if not report.sockets:
        return FREE
    return LISTENING if report.listening else USED


def _count(label: str, number: int, context: str = COUNT) -> nagiosplugin.Metric:
    return nagiosplugin.Metric(label, number, min=0, context=context)


def _finding(word: str) -> nagiosplugin.Metric:
    return nagiosplugin.Metric(EXPECTATION, word, context=EXPECTATION)
