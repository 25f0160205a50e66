"""Chooses who looks at the sockets, and joins what two of them saw."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import zip_longest

from ...model.ports import PortPool
from ...model.sample import SocketSample, sum_up
from ...model.sockets import (
    AUTO,
    PSUTIL,
    SOCK_DIAG,
    TCP,
    Destination,
    Endpoint,
    SocketEntry,
    SocketListing,
    TcpState,
)
from ..errors import SystemReadError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    Addresses = tuple[str, Endpoint, Optional[Endpoint]]

PSUTIL_LIMIT_SOCKETS = 2000
"""Above it ``auto`` leaves psutil out: from here on it costs more than all the rest
of a check together."""


def take_sample(
    pool: PortPool,
    protocols: Sequence[str],
    reuse_delay_seconds: float,
    sampler: str = AUTO,
) -> SocketSample:
    """The sockets on ports of the pool, by one of :data:`SAMPLERS`.

    ``auto`` takes psutil's list, with what sock_diag knows beyond it where there
    is one; on hosts with many sockets it is sock_diag alone.
    ``reuse_delay_seconds``: see :class:`~.usage.ConnectRules`.
    Raises :class:`SystemReadError`.
    """
    if sampler == AUTO and sys.platform != "linux":
        sampler = PSUTIL
    if sampler == SOCK_DIAG or (sampler == AUTO and _many_sockets()):
        from .by_sock_diag import sample_by_sock_diag

        try:
            return sample_by_sock_diag(pool, protocols, reuse_delay_seconds)
        except SystemReadError:
            if sampler == SOCK_DIAG:
                raise
    return sum_up(list_sockets(pool, protocols, sampler), reuse_delay_seconds)


def list_sockets(
    pool: PortPool, protocols: Sequence[str], sampler: str = AUTO
) -> SocketListing:
    """The same, one by one and with the processes as far as psutil knows them.

    Raises :class:`SystemReadError`.
    """
    from .by_psutil import list_by_psutil

    listing = list_by_psutil(pool, protocols)
    if sampler == PSUTIL:
        return listing
    from .by_sock_diag import list_by_sock_diag

    try:
        return merge_listings(listing, list_by_sock_diag(pool, protocols))
    except SystemReadError as error:
        return listing._replace(notes=[*listing.notes, f"less exact, without {error}"])


def list_connections(
    pool: PortPool, destinations: Collection[Destination | None], sampler: str
) -> list[SocketEntry]:
    """The connections to these destinations, one by one; ``None`` stands for any.

    Raises :class:`SystemReadError`.
    """
    remotes = (
        [] if None in destinations else sorted({d.remote for d in destinations if d})
    )
    entries = _list_tcp(pool, remotes, sampler)
    if None in destinations:
        return [entry for entry in entries if entry.remote]
    # as .destination, of which it would make one for each of many thousands
    return [e for e in entries if (e.local.address, e.remote) in destinations]


def _list_tcp(
    pool: PortPool, remotes: Sequence[Endpoint], sampler: str
) -> Sequence[SocketEntry]:
    if sampler != PSUTIL:
        from .by_sock_diag import list_by_sock_diag

        try:
            return list_by_sock_diag(pool, [TCP], remotes).entries
        except SystemReadError:
            if sampler == SOCK_DIAG:
                raise
    from .by_psutil import list_by_psutil

    return list_by_psutil(pool, [TCP]).entries


def _many_sockets() -> bool:
    from .sockstat import read_socket_counts

    try:
        counts = read_socket_counts()
    except SystemReadError:  # sandboxes may hide it
        return False
    # psutil walks all processes, those of other network namespaces too
    return counts.total + counts.tcp_unhashed > PSUTIL_LIMIT_SOCKETS


def merge_listings(listed: SocketListing, details: SocketListing) -> SocketListing:
    """The sockets that ``listed`` holds, as ``details`` knows them.

    Sockets that ``listed`` can't see at all, which are the bound but idle ones, are
    added; whatever else only one of the two saw came or went between the looks, and
    stays as ``listed`` has it. Pure.
    """
    bound = [entry for entry in details.entries if entry.state is TcpState.BOUND]
    known = _by_addresses(e for e in details.entries if e.state is not TcpState.BOUND)
    entries: list[SocketEntry] = []
    for addresses, seen in _by_addresses(listed.entries).items():
        entries += _joined(seen, known.get(addresses, ()))
    return SocketListing(
        entries + bound,
        details.visibility,
        f"{listed.sampler} and {details.sampler}",
        details.unseen_tcp_sockets,
        [*listed.notes, *details.notes],
    )


def _by_addresses(entries: Iterable[SocketEntry]) -> dict[Addresses, list[SocketEntry]]:
    groups = defaultdict(list)
    for entry in entries:
        groups[entry.protocol, entry.local, entry.remote].append(entry)
    return groups


def _joined(
    listed: Iterable[SocketEntry], details: Iterable[SocketEntry]
) -> Iterator[SocketEntry]:
    # several sockets may have equal addresses (SO_REUSEPORT), and psutil without
    # privilege merges those into one
    for entry, detail in zip_longest(listed, details):
        if detail is None:
            yield entry
        elif entry is None:
            yield detail
        else:
            yield detail._replace(pid=entry.pid)
