"""Chooses the sampler, and merges the lists of two samplers."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import zip_longest

from ...model.ports import PortPool
from ...model.sample import SocketSample, sum_up
from ...model.settings import ConnectRules
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
from ..kernel_files import read_kernel_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    Addresses = tuple[str, Endpoint, Optional[Endpoint]]

PSUTIL_LIMIT_SOCKETS = 500
"""With more TCP and UDP sockets than this, ``auto`` does not use psutil: reading them
would take longer than its start."""
PSUTIL_LIMIT_TASKS = 50
"""The same for the threads of all processes. psutil reads the descriptors of each
process."""


def take_sample(
    pool: PortPool,
    protocols: Sequence[str],
    rules: ConnectRules,
    sampler: str = AUTO,
) -> SocketSample:
    """The sockets on ports of the pool at one moment.

    ``sampler``: one of :data:`~check_ephemeral_port.model.sockets.SAMPLERS`. ``auto``
    merges the lists of psutil and sock_diag. It uses sock_diag alone on hosts with many
    sockets or processes, and psutil alone where sock_diag is not available.
    Raises :class:`SystemReadError` if the sockets cannot be listed.
    """
    sample = _take_sample(pool, protocols, rules, sampler)
    if any(entry.device for entry in sample.entries) or sample.connections.devices:
        from ..vrfs import read_vrfs

        try:
            sample.connections.vrf_of = read_vrfs()
        except SystemReadError as error:  # a sandbox refuses netlink
            sample = sample._replace(notes=[*sample.notes, str(error)])
    return sample


def _take_sample(
    pool: PortPool,
    protocols: Sequence[str],
    rules: ConnectRules,
    sampler: str,
) -> SocketSample:
    if sampler == AUTO and sys.platform != "linux":
        sampler = PSUTIL
    if sampler == SOCK_DIAG or (sampler == AUTO and _is_psutil_slow()):
        from .by_sock_diag import sample_by_sock_diag

        try:
            return sample_by_sock_diag(pool, protocols, rules)
        except SystemReadError:
            if sampler == SOCK_DIAG:
                raise
    return sum_up(list_sockets(pool, protocols, sampler), rules)


def list_sockets(
    pool: PortPool, protocols: Sequence[str], sampler: str = AUTO
) -> SocketListing:
    """The sockets on ports of the pool one by one, with the pids that psutil knows.

    Raises :class:`SystemReadError` if psutil fails.
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
    """The connections to these destinations, one by one; ``None`` means all.

    Raises :class:`SystemReadError` if the sockets cannot be listed.
    """
    remotes = (
        [] if None in destinations else sorted({d.remote for d in destinations if d})
    )
    entries = _list_tcp(pool, remotes, sampler)
    if None in destinations:
        return [entry for entry in entries if entry.remote]
    # not by Destination: it would make an object for each of many thousands
    wanted = {(d.source, d.remote) for d in destinations if d}
    return [e for e in entries if (e.local.address, e.remote) in wanted]


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


def _is_psutil_slow() -> bool:
    from .sockstat import read_socket_counts

    try:
        counts = read_socket_counts()
        tasks = _count_tasks()
    except SystemReadError:  # hidden by a sandbox
        return False
    # psutil inspects the processes of all network namespaces
    sockets = counts.total + counts.tcp_unhashed
    return sockets > PSUTIL_LIMIT_SOCKETS or tasks > PSUTIL_LIMIT_TASKS


def _count_tasks(path: str = "/proc/loadavg") -> int:
    """The threads of the host, without a walk over them; see proc_loadavg(5)."""
    text = read_kernel_text(path)
    try:
        return int(text.split()[3].partition("/")[2])
    except (IndexError, ValueError):
        raise SystemReadError(f"{path}: {text[:40]!r} is no load average") from None


def merge_listings(listed: SocketListing, details: SocketListing) -> SocketListing:
    """The sockets of ``listed``, with the details and the visibility of ``details``.

    Bound but idle sockets are added, because ``listed`` never has them. Any other
    difference means that a socket was opened or closed between the two lists; then
    ``listed`` counts.
    """
    bound = [entry for entry in details.entries if entry.state is TcpState.BOUND]
    known = _by_addresses(e for e in details.entries if e.state is not TcpState.BOUND)
    entries: list[SocketEntry] = []
    for addresses, sockets in _by_addresses(listed.entries).items():
        entries += _joined(sockets, known.get(addresses, ()))
    return SocketListing(
        entries + bound,
        details.visibility,
        f"{listed.sampler} and {details.sampler}",
        details.unseen_tcp_sockets,
        [*listed.notes, *details.notes],
        details.monotonic_seconds,
    )


def _by_addresses(entries: Iterable[SocketEntry]) -> dict[Addresses, list[SocketEntry]]:
    groups = defaultdict(list)
    for entry in entries:
        groups[entry.protocol, entry.local, entry.remote].append(entry)
    return groups


def _joined(
    listed: Iterable[SocketEntry], details: Iterable[SocketEntry]
) -> Iterator[SocketEntry]:
    # several sockets can have equal addresses (SO_REUSEPORT); without privilege, psutil
    # merges them into one
    for entry, detail in zip_longest(listed, details):
        if detail is None:
            yield entry
        elif entry is None:
            yield detail
        else:
            yield detail._replace(pid=entry.pid)
