"""Who holds the ports that the output tells of."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ..model.holders import Holding, Owner, holdings
from ..model.namespaces import Namespace
from ..model.ports import PortPool
from ..model.sockets import Destination, SocketEntry
from .errors import SystemReadError
from .places import proc_of, run_in
from .processes import Attribution, describe_owner, find_pids
from .sockets.sampling import list_connections


def attribute(
    entries: Iterable[SocketEntry],
    pool: PortPool,
    destinations: Collection[Destination | None],
    sampler: str,
    namespace: Namespace | None = None,
    leader_only: bool = False,
) -> Attribution:
    """The entries and the connections to the destinations, with their processes.

    All of them belong to the network namespace; ``None`` is the one we are in.
    ``None`` stands for any destination. Connections are looked at anew, since a sample
    only counts them; if that fails now, they are left out. ``leader_only`` as in
    :func:`~.processes.find_pids`.
    """
    try:
        connections = run_in(
            namespace, lambda: list_connections(pool, destinations, sampler)
        )
    except SystemReadError:  # a cause that can't be told is not worth an alarm
        connections = []
    return find_pids([*entries, *connections], proc_of(namespace), leader_only)


def named_holdings(
    entries: Iterable[SocketEntry],
    hidden: bool,
    count: int,
    namespace: Namespace | None = None,
) -> list[Holding]:
    """The largest holdings, those of processes with name and user."""
    proc = proc_of(namespace)
    return [
        (
            holding._replace(holder=describe_owner(holding.holder.pid, proc))
            if isinstance(holding.holder, Owner)
            else holding
        )
        for holding in holdings(entries, hidden)[:count]
    ]
