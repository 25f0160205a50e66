"""What the configuration of a system says about ephemeral ports."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from .ports import PortPool
from .records import NamedTuple
from .sockets import Destination, is_loopback


class Sharing(Enum):
    """What connect() asks of a local port before it takes it."""

    UNLESS_BOUND = "unless bound"
    """Linux: that no socket holds it through bind(), and nobody the 4-tuple."""
    BY_DESTINATION = "by destination"
    """That no socket without a destination holds it, and nobody the 4-tuple; how
    connected sockets came by it doesn't matter."""
    NEVER = "never"
    """That no TCP socket holds it at all, just as bind() to port 0 does."""


class ConnectRules(NamedTuple):
    """The settings by which connect() may have a port that is in use."""

    reuse: int | None = 0
    """``net.ipv4.tcp_tw_reuse``: 0 never, 1 always, 2 on loopback; ``None`` if the
    system doesn't tell."""
    reuse_delay_seconds: float = 1.0
    """``net.ipv4.tcp_tw_reuse_delay``, in seconds."""
    timestamps: bool = True
    """``net.ipv4.tcp_timestamps``: without them nothing is ever reused."""
    sharing: Sharing = Sharing.UNLESS_BOUND

    def allow_reuse(self, destination: Destination) -> bool:
        """Whether a connect() to it may take over TIME_WAIT that is old enough.

        kernel: ``tcp_twsk_unique()``. FIN_WAIT2 sockets on the way to TIME_WAIT are
        reported as FIN_WAIT2 and never reused.
        """
        source, remote = destination
        loopback = is_loopback(source) or is_loopback(remote.address)
        allowed = self.reuse == 1 or (self.reuse == 2 and loopback)
        return allowed and self.timestamps


class PortSettings(NamedTuple):
    """What the system's configuration says about ephemeral ports."""

    pool: PortPool
    rules: ConnectRules
    origin: str
    """Where the range was read, for people."""
    notes: Sequence[str] = ()
    """What the reader of the figures should know of this system, for people."""
    reserved_by: str = "ip_local_reserved_ports"
    """What takes ports of the range out of the pool, for people."""
