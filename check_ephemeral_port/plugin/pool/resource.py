"""Turns an observation of the pool into nagiosplugin's metrics."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...model.bounds import Usage
from ...model.observation import Observation
from ...model.usage import HostUsage
from .. import nagiosplugin
from ..text import NAME
from .figures import UsageFigure, usage_figures

USED_PERCENT = "used_percent"
BIND_USED_PERCENT = "bind_used_percent"
FAST_USED_PERCENT = "fast_used_percent"
FREE_PORTS = "free_ports"
BIND_FREE_PORTS = "bind_free_ports"
ETA_SECONDS = "eta_seconds"
BIND_ETA_SECONDS = "bind_eta_seconds"
ETA_KINDS = frozenset({ETA_SECONDS, BIND_ETA_SECONDS})
COUNT = "count"


class EphemeralPorts(nagiosplugin.Resource):
    """The ephemeral ports of a host, as observed."""

    name = NAME

    def __init__(self, observation: Observation) -> None:
        self.observation = observation
        self.figures = usage_figures(observation)

    def probe(self) -> list[nagiosplugin.Metric]:
        """The metrics of the observation."""
        return list(_metrics(self.observation.usage, self.figures))

    @property
    def main_figures(self) -> list[UsageFigure]:
        """The figures that alarm by default, one for each protocol."""
        return [f for f in self.figures if f.kind != "tcp_bind" and not f.suffix]

    def figure(self, label: str) -> UsageFigure | None:
        """The figure with this perfdata label; ``None`` for counts."""
        for figure in self.figures:
            if label in (figure.label, figure.free_label, f"{figure.label}_fast"):
                return figure
            if label == figure.eta_label:
                return figure.first_to_run_out()
        return None


def _metrics(
    usage: HostUsage, figures: Sequence[UsageFigure]
) -> Iterator[nagiosplugin.Metric]:
    for figure in figures:
        is_bind = figure.kind == "tcp_bind"
        ports = figure.usage
        yield _percentage(
            figure.label, ports, BIND_USED_PERCENT if is_bind else USED_PERCENT
        )
        yield nagiosplugin.Metric(
            figure.free_label,
            ports.free.best,
            min=0,
            max=ports.capacity,
            context=BIND_FREE_PORTS if is_bind else FREE_PORTS,
        )
        if figure.forecast and figure.forecast.remaining:
            yield nagiosplugin.Metric(
                figure.eta_label,
                int(figure.forecast.remaining.likely),
                "s",
                min=0,
                context=BIND_ETA_SECONDS if is_bind else ETA_SECONDS,
            )
    if usage.tcp_connect:
        fast = usage.tcp_connect.first_choice
        yield _percentage("tcp_connect_fast", fast, FAST_USED_PERCENT)
        yield _count("tcp_sockets", usage.tcp_sockets)
        if usage.tcp_time_wait is not None:
            yield _count("tcp_time_wait", usage.tcp_time_wait)
    if usage.udp_bind:
        yield _count("udp_sockets", usage.udp_sockets)


def _percentage(label: str, usage: Usage, context: str) -> nagiosplugin.Metric:
    value = usage.used_percent
    value = int(value) if value == int(value) else value
    return nagiosplugin.Metric(label, value, "%", 0, 100, context)


def _count(label: str, number: int) -> nagiosplugin.Metric:
    return nagiosplugin.Metric(label, number, min=0, context=COUNT)
