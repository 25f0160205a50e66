"""Several ports at once, or one port in all network namespaces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum

from ..namespaces import Inspected, Namespace
from ..ports import PortPool, PortRange
from ..records import NamedTuple
from .report import PortReport, PortSocket


class PortState(Enum):
    """What ``--expect`` compares with. Those that say more come first."""

    LISTENING = "listening"
    USED = "used"
    UNCLEAR = "free or used"
    """Nothing shows which of the two."""
    FREE = "free"

    def meets(self, expected: str) -> bool | None:
        """Whether this is what a user expects; ``None`` if nothing shows it."""
        if self is PortState.UNCLEAR:
            return False if expected == PortState.LISTENING.value else None
        # a listening port is also used
        is_used = expected == PortState.USED.value and self is PortState.LISTENING
        return is_used or expected == self.value


def port_state(report: PortReport) -> PortState:
    """The state of a port in one network namespace."""
    if report.size:
        return PortState.LISTENING if report.listening else PortState.USED
    return PortState.FREE if report.is_held is False else PortState.UNCLEAR


class NamespacePorts(NamedTuple):
    """The ports that one network namespace uses, of those that were asked for."""

    reports: Mapping[int, PortReport]
    """By port. Ports that are certainly free can be missing."""
    lister: str
    """Display name of the sampler."""
    pool: PortPool | None = None
    """The ephemeral range there; ``None`` if unknown."""
    reserved_by: str = ""
    """The setting that reserves ports of the range, as text for the output."""
    notes: Sequence[str] = ()
    """Remarks, as text for the output."""
    sees_time_wait: bool = True
    namespace: Namespace | None = None
    """``None``: that of the check."""

    @property
    def used(self) -> Sequence[PortReport]:
        """The ports that are in use, certainly or perhaps, in ascending order."""
        found = (self.reports[port] for port in sorted(self.reports))
        return [each for each in found if port_state(each) is not PortState.FREE]


class FoundPort(NamedTuple):
    """A port that a network namespace uses, certainly or perhaps."""

    report: PortReport
    namespace: Namespace | None
    first: PortSocket | None
    """The most interesting of its sockets, if any is listed."""


class PortsObservation(NamedTuple):
    """The observation of several ports, or of one in all network namespaces."""

    spans: Sequence[PortRange]
    """The ports, in ascending order."""
    namespaces: Sequence[NamespacePorts]
    inspected: Inspected | None = None
    """Which namespaces could be observed; ``None`` unless all were asked for."""

    @property
    def size(self) -> int:
        """Number of ports."""
        return sum(span.size for span in self.spans)

    @property
    def found(self) -> Sequence[FoundPort]:
        """What is in use, in ascending order of ports."""
        found = (
            FoundPort(report, each.namespace, next(iter(report.sockets), None))
            for each in self.namespaces
            for report in each.used
        )
        return sorted(found, key=lambda each: each.report.port)

    def states(self) -> Mapping[int, PortState]:
        """The state of each port that is not free: the clearest of all namespaces."""
        states: dict[int, PortState] = {}
        order = list(PortState)
        for report, *_ in self.found:
            known = states.get(report.port, PortState.FREE)
            states[report.port] = min(known, port_state(report), key=order.index)
        return states


def unmet(
    ports: Iterable[int], states: Mapping[int, PortState], expected: str
) -> tuple[list[int], list[int]]:
    """The ports that are not as expected, and those where nothing shows it."""
    outcomes = {
        port: states.get(port, PortState.FREE).meets(expected) for port in ports
    }
    return (
        [port for port, met in outcomes.items() if met is False],
        [port for port, met in outcomes.items() if met is None],
    )
