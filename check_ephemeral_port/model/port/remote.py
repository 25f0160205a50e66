"""What a TCP connect() to a port of another host tells of it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from ..records import NamedTuple
from .report import PortIdentity


class Outcome(Enum):
    """How a connect() ended. In the order of what it tells of the host."""

    OPEN = "open"
    CLOSED = "closed"
    """Refused: a RST, or an ICMP message that the port is unreachable."""
    FILTERED = "filtered"
    """No answer in time: dropped on the way there or back, or by a listener whose
    queue of connections is full."""
    UNREACHABLE = "unreachable"
    """This host, or a router on the way, says that there is no way."""


class Attempt(NamedTuple):
    """One connect()."""

    address: str
    outcome: Outcome
    seconds: float
    """Until the outcome was known."""
    reason: str | None = None
    """The system's words, where the outcome alone says little."""


class RemoteReport(NamedTuple):
    """What is known of the port of a host."""

    host: str
    port: int
    attempts: Sequence[Attempt]
    """In the order in which they were made; at least one."""

    @property
    def telling(self) -> Attempt:
        """The attempt that tells most: the open one, else the first of the best."""
        order = list(Outcome)
        return min(self.attempts, key=lambda attempt: order.index(attempt.outcome))


class RemoteObservation(NamedTuple):
    """What a connect() to a port of another host found out."""

    identity: PortIdentity
    report: RemoteReport
    timeout_seconds: float
