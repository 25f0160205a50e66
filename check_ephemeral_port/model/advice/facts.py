"""The facts of a host on which advice depends, and the advice itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..connect import ConnectUsage
from ..records import NamedTuple
from ..sockets import TcpState
from ..usage import HostUsage

MAIN_CAUSE = 0.5
"""A problem causes the alarm if it takes at least this share of the used ports."""


class Advice(NamedTuple):
    """A problem and its fix. The texts can contain names of processes: clean them
    before printing."""

    problem: str
    fix: str
    is_command: bool = True
    """Whether the fix is a shell command. Otherwise it is a sentence."""
    cause: str = ""
    """The problem in a few words; empty if it doesn't cause an alarm."""


class TimeWaitTable(NamedTuple):
    """The TIME_WAIT sockets of a network namespace, on all ports."""

    sockets: int
    limit: int
    """``net.ipv4.tcp_max_tw_buckets``."""
    overflows: int = 0
    """Number of connections without TIME_WAIT because the table was full, since the
    namespace was created (``TcpExt: TCPTimeWaitOverflow``)."""


class AdviceSettings(NamedTuple):
    """Settings and counters that only advice needs."""

    reserved: frozenset[int]
    """All reserved ports, inside and outside of the range."""
    time_wait: TimeWaitTable | None = None
    """``None`` if the system does not show it."""


class Listener(NamedTuple):
    """A TCP port with a listening socket."""

    port: int
    process: str = ""
    """Empty if unknown."""


class Facts(NamedTuple):
    """Everything that advice depends on."""

    usage: HostUsage
    settings: AdviceSettings
    alarming: ConnectUsage | None = None
    """Set if the alarm is about connect()."""
    bound_first: frozenset[int] = frozenset()
    """See :func:`.bind_before_connect.bound_before_connect`."""
    listeners: Sequence[Listener] = ()
    """The listeners on ports of the pool."""
    bound_by: Sequence[str] = ()
    """The processes that hold most of the ports in :attr:`bound_first`."""
    states: Mapping[TcpState, int] = {}
    """The number of connections by state."""
