"""The port of another host, as TCP connect() shows it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from ..records import NamedTuple
from .report import PortIdentity


class Outcome(Enum):
    """How a connect() ended. The order is that of :attr:`RemoteReport.telling`."""

    OPEN = "open"
    CLOSED = "closed"
    """Refused: the answer was a RST, or an ICMP message "port unreachable"."""
    FILTERED = "filtered"
    """No answer in time: a packet was dropped on the way, or the listener's queue of
    connections is full."""
    UNREACHABLE = "unreachable"
    """This host, or a router on the way, reports that it has no route."""


class Attempt(NamedTuple):
    """One connect()."""

    address: str
    outcome: Outcome
    seconds: float
    """Time until the outcome was known."""
    reason: str | None = None
    """The system's error text, if it says more than the outcome."""


class RemoteReport(NamedTuple):
    """All attempts to connect to a port of a host."""

    host: str
    port: int
    attempts: Sequence[Attempt]
    """At least one, in the order in which they were made."""

    @property
    def telling(self) -> Attempt:
        """The attempt that says most about the port: the first of the best outcome."""
        order = list(Outcome)
        return min(self.attempts, key=lambda attempt: order.index(attempt.outcome))


class RemoteObservation(NamedTuple):
    """The observation of a port of another host."""

    identity: PortIdentity
    report: RemoteReport
    timeout_seconds: float
