"""The settings of a system that decide about ephemeral ports."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from .ports import PortPool
from .records import NamedTuple
from .sockets import Destination, is_loopback

CLOCK_TICK_SECONDS = 0.01
"""The age of a TIME_WAIT is at most this inexact: kernels count 100 to 1000 ticks a
second."""


class Sharing(Enum):
    """When connect() can take a local port that another socket holds."""

    UNLESS_BOUND = "unless bound"
    """Linux: if no socket holds the port through bind(), and no socket has the same
    4-tuple."""
    BY_DESTINATION = "by destination"
    """If no unconnected socket holds the port, and no socket has the same 4-tuple. It
    doesn't matter whether connected sockets were bound."""
    NEVER = "never"
    """Never: connect() needs a port without a TCP socket, as bind() to port 0 does."""


class ConnectRules(NamedTuple):
    """The settings that decide when connect() can take a port that is in use."""

    reuse: int | None = 0
    """``net.ipv4.tcp_tw_reuse``: 0 never, 1 always, 2 on loopback. ``None`` if
    unknown."""
    reuse_delay_seconds: float | None = 1.0
    """``net.ipv4.tcp_tw_reuse_delay``, converted to seconds. ``None`` before Linux
    6.14: TIME_WAIT can be taken over as soon as the next full second of the monotonic
    clock begins."""
    timestamps: bool = True
    """``net.ipv4.tcp_timestamps``. Without timestamps, TIME_WAIT is never reused."""
    sharing: Sharing = Sharing.UNLESS_BOUND
    autobind_reuse: bool = False
    """``net.ipv4.ip_autobind_reuse``: bind() to port 0 can hand out a port that is in
    use, if all its sockets set SO_REUSEADDR."""
    l3mdev_accept: bool = False
    """``net.ipv4.tcp_l3mdev_accept``: VRFs have no port tables of their own. See
    :mod:`.vrf`."""

    def least_age_seconds(self, monotonic_seconds: float) -> float:
        """The least age at which connect() can take over a TIME_WAIT at this time.

        kernel: ``tcp_twsk_unique()``, ``ktime_get_seconds()``.
        """
        if self.reuse_delay_seconds is not None:
            return self.reuse_delay_seconds
        return max(0.0, monotonic_seconds % 1 - CLOCK_TICK_SECONDS)

    @property
    def longest_delay_seconds(self) -> float:
        """The longest time until connect() can take over a TIME_WAIT."""
        return 1.0 if self.reuse_delay_seconds is None else self.reuse_delay_seconds

    def allow_reuse(self, destination: Destination) -> bool:
        """Whether connect() can take over a TIME_WAIT to this destination, once it is
        old enough.

        kernel: ``tcp_twsk_unique()``. The kernel reports a FIN_WAIT2 socket on its way
        to TIME_WAIT as FIN_WAIT2, and never reuses it.
        """
        source, remote, _ = destination
        loopback = is_loopback(source) or is_loopback(remote.address)
        allowed = self.reuse == 1 or (self.reuse == 2 and loopback)
        return allowed and self.timestamps


class PortSettings(NamedTuple):
    """Everything that the system's configuration says about ephemeral ports."""

    pool: PortPool
    rules: ConnectRules
    origin: str
    """Where the range was read, as text for the output."""
    notes: Sequence[str] = ()
    """Remarks about the rules of this system, as text for the output."""
    reserved_by: str = "ip_local_reserved_ports"
    """The setting that reserves ports of the range, as text for the output."""
