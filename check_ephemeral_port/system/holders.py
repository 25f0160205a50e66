"""Which processes hold the ports that the output is about."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ..model.holders import Holder, Process, holders
from ..model.namespaces import Namespace
from ..model.ports import PortPool
from ..model.sockets import Destination, SocketEntry
from .errors import SystemReadError
from .namespaces.enter import in_namespace, proc_of
from .processes import SocketsWithPids, describe_process, find_pids
from .sockets.sampling import list_connections


def find_holders(
    entries: Iterable[SocketEntry],
    pool: PortPool,
    destinations: Collection[Destination | None],
    sampler: str,
    namespace: Namespace | None = None,
    leader_only: bool = False,
) -> SocketsWithPids:
    """The entries and the connections to the destinations, with their processes.

    All of them belong to the network namespace; ``None`` is the namespace of the
    caller. The destination ``None`` stands for all destinations. Connections are listed
    again, since a sample only counts them; if this fails, they are left out.
    ``leader_only``: see :func:`~.processes.find_pids`.
    """
    try:
        connections = in_namespace(
            namespace, lambda: list_connections(pool, destinations, sampler)
        )
    except SystemReadError:  # an unknown holder is not worth an alarm
        connections = []
    return find_pids([*entries, *connections], proc_of(namespace), leader_only)


def named_holders(
    entries: Iterable[SocketEntry],
    hidden: bool,
    most: int,
    namespace: Namespace | None = None,
) -> list[Holder]:
    """At most this many holders, the largest first, with names and users."""
    proc = proc_of(namespace)
    return [
        (
            holder._replace(who=describe_process(holder.who.pid, proc))
            if isinstance(holder.who, Process)
            else holder
        )
        for holder in holders(entries, hidden)[:most]
    ]
