"""Which processes hold the ports that the output mentions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from ..model.holders import HiddenProcess, Holder, NoProcess, Process, holders
from ..model.namespaces import Namespace
from ..model.ports import PortPool
from ..model.sockets import Destination, SocketEntry
from .errors import SystemReadError
from .namespaces.enter import in_namespace, proc_of
from .processes import (
    SocketsWithPids,
    describe_process,
    describe_user,
    find_pids,
)
from .sockets.sampling import list_connections


def find_holders(
    entries: Iterable[SocketEntry],
    pool: PortPool,
    destinations: Collection[Destination | None],
    sampler: str,
    wanted: Callable[[SocketEntry], bool],
    namespace: Namespace | None = None,
    leader_only: bool = False,
) -> SocketsWithPids:
    """The entries and the wanted connections to the destinations, with their processes.

    The network namespace ``None`` is that of the caller. The destination ``None``
    means all destinations. A sample only counts connections, so they are listed again;
    if this fails, they are missing from the result.
    ``leader_only``: see :func:`~.processes.find_pids`.
    """
    connections: Iterable[SocketEntry] = ()
    try:
        if destinations:
            connections = in_namespace(
                namespace, lambda: list_connections(pool, destinations, sampler)
            )
    except SystemReadError:  # an unknown holder is no reason for an alarm
        pass
    found = [*entries, *filter(wanted, connections)]
    return find_pids(found, proc_of(namespace), leader_only)


def named_holders(
    entries: Iterable[SocketEntry],
    hidden: bool,
    limit: int,
    namespace: Namespace | None = None,
) -> list[Holder]:
    """At limit ``limit`` holders with names and users, the largest first.

    ``hidden``: the check does not see all processes.
    """
    proc = proc_of(namespace)
    found = holders(entries, hidden)[:limit]
    return [holder._replace(who=_named(holder.who, proc)) for holder in found]


def _named(
    who: Process | HiddenProcess | NoProcess, proc: str
) -> Process | HiddenProcess | NoProcess:
    if isinstance(who, Process):
        return describe_process(who.pid, proc)
    if isinstance(who, HiddenProcess) and who.uid is not None:
        return who._replace(user=describe_user(who.uid, proc))
    return who
