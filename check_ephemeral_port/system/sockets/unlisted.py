"""TCP sockets that hold a port, although no list shows them.

Before Linux 6.8, no list has the TCP sockets that are bound but idle. psutil's list
lacks them on every version.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

from ...model.ports import PortPool
from ...model.records import NamedTuple
from ...model.sample import SocketSample
from ...model.sockets import SocketEntry
from ..errors import SystemReadError
from ..processes import is_root
from .idle_by_descriptor import find_idle_sockets
from .sockstat import max_idle_tcp_sockets

ANY_NUMBER = 65536


class UnlistedSockets(NamedTuple):
    """What is known about the unlisted sockets of some ports."""

    entries: Sequence[SocketEntry]
    is_held: Mapping[int, bool | None]
    """Whether a socket holds a port, if it is not among the entries. ``None`` if
    nothing shows it; ports that are missing have none."""


def with_idle_sockets(
    sample: SocketSample, pool: PortPool, limit_seconds: float
) -> SocketSample:
    """The sample with the idle TCP sockets that the list lacks, as far as root sees
    them. Others get the sample as it is."""
    if not is_root():
        return sample
    listed = {entry.inode for entry in sample.entries}
    found = [
        entry
        for entry in find_idle_sockets(limit_seconds).entries
        if pool.includes(entry.local.port) and entry.inode not in listed
    ]
    unseen = max(0, sample.unseen_tcp_sockets - len(found))
    return sample._replace(entries=[*sample.entries, *found], unseen_tcp_sockets=unseen)


def find_unlisted_sockets(
    ports: Collection[int], pool: PortPool | None, limit_seconds: float
) -> UnlistedSockets:
    """Look for idle TCP sockets on ports that no listed TCP socket uses.

    The ways, the simplest first: the counters of the kernel limit the number of such
    sockets; root can find them all by their descriptors; and connect() itself can be
    asked about the ports of the pool.
    """
    most, _ = max_idle_tcp_sockets(ANY_NUMBER)
    if not most:
        return UnlistedSockets([], {})
    entries: list[SocketEntry] = []
    if is_root():
        idle = find_idle_sockets(limit_seconds)
        entries = [entry for entry in idle.entries if entry.local.port in ports]
        # some have no descriptor, such as those on their way to another process
        if len(idle.entries) + idle.without_port >= most:
            return UnlistedSockets(entries, {})
    unclear = {*ports} - {entry.local.port for entry in entries}
    inside = {port for port in unclear if pool and pool.includes(port)}
    settled: Mapping[int, bool] = {}
    if inside:
        from ..silent_connect import settle_ports

        with suppress(SystemReadError):  # connect() cannot be asked
            settled = settle_ports(inside, limit_seconds)
    return UnlistedSockets(entries, {**dict.fromkeys(unclear), **settled})
