"""Turns an observation of one port into nagiosplugin's metrics."""

from __future__ import annotations

from collections.abc import Sequence

from ...model.port.remote import RemoteObservation
from ...model.port.report import PortObservation, PortReport
from ...model.port.several import PortsObservation, PortState, port_state
from ...model.ports import ports_in
from ...model.sockets import TcpState
from .. import nagiosplugin
from ..text import NAME

SOCKETS = "sockets"
COUNT = "count"
SECONDS = "seconds"
EXPECTATION = "expectation"

IN_USE = (PortState.LISTENING, PortState.USED)


class LocalPort(nagiosplugin.Resource):
    """A port of this host, as observed."""

    name = NAME

    def __init__(self, observation: PortObservation) -> None:
        self.observation = observation
        self.ports = [observation.report.port]

    def probe(self) -> list[nagiosplugin.Metric]:
        """The sockets of the port, counted by state."""
        report = self.observation.report
        states = {report.port: port_state(report)}
        return [
            *_counts([report], self.observation.sees_time_wait),
            nagiosplugin.Metric(EXPECTATION, states, context=EXPECTATION),
        ]


class LocalPorts(nagiosplugin.Resource):
    """Several ports of this host, or one in all network namespaces."""

    name = NAME

    def __init__(self, observation: PortsObservation) -> None:
        self.observation = observation
        self.ports = sorted(ports_in(observation.spans))

    def probe(self) -> list[nagiosplugin.Metric]:
        """The sockets of all ports, counted by state, and the ports in use."""
        states = self.observation.states()
        reports = [each.report for each in self.observation.found]
        sees = all(each.sees_time_wait for each in self.observation.namespaces)
        metrics = [
            *_counts(reports, sees),
            nagiosplugin.Metric(EXPECTATION, states, context=EXPECTATION),
        ]
        if len(self.ports) > 1:
            used = sum(state in IN_USE for state in states.values())
            total = len(self.ports)
            metrics.append(
                nagiosplugin.Metric("ports_used", used, min=0, max=total, context=COUNT)
            )
        return metrics


class RemotePort(nagiosplugin.Resource):
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
            nagiosplugin.Metric(
                EXPECTATION, attempt.outcome.value, context=EXPECTATION
            ),
        ]


def _counts(
    reports: Sequence[PortReport], sees_time_wait: bool
) -> list[nagiosplugin.Metric]:
    def count(state: TcpState) -> int:
        return sum(report.count(state) for report in reports)

    metrics = [
        _count("sockets", sum(report.size for report in reports), SOCKETS),
        _count("listening", count(TcpState.LISTEN)),
        _count("established", count(TcpState.ESTABLISHED)),
    ]
    if sees_time_wait:
        metrics.append(_count("time_wait", count(TcpState.TIME_WAIT)))
    return metrics


def _count(label: str, number: int, context: str = COUNT) -> nagiosplugin.Metric:
    return nagiosplugin.Metric(label, number, min=0, context=context)
