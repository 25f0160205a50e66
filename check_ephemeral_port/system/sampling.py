"""Chooses who looks at the sockets, and joins what two of them saw."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import zip_longest

from ..model.ports import PortRange
from ..model.sockets import (
    TCP,
    UDP,
    Endpoint,
    SocketEntry,
    SocketSample,
    TcpState,
)
from .errors import SystemReadError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    Addresses = tuple[str, Endpoint, Optional[Endpoint]]

AUTO = "auto"
PSUTIL = "psutil"
SOCK_DIAG = "sock_diag"
SAMPLERS = (AUTO, PSUTIL, SOCK_DIAG)

PSUTIL_LIMIT_SOCKETS = 2000
"""Above it ``auto`` leaves psutil out: from here on it costs more than all the rest
of a check together."""


def take_sample(
    ports: PortRange, tcp: bool = True, udp: bool = True, sampler: str = AUTO
) -> SocketSample:
    """The sockets on these local ports, by one of :data:`SAMPLERS`.

    ``auto`` takes psutil's list, with what sock_diag knows beyond it where there
    is one; on hosts with many sockets it is sock_diag alone.
    Raises :class:`SystemReadError`.
    """
    if sampler == AUTO and sys.platform != "linux":
        sampler = PSUTIL
    kind = "inet" if tcp and udp else TCP if tcp else UDP
    protocols = [name for name, wanted in ((TCP, tcp), (UDP, udp)) if wanted]
    if sampler == PSUTIL:
        from .psutil_sampler import sample_by_psutil

        return sample_by_psutil(ports, kind)

    from .sock_diag_sampler import sample_by_sock_diag

    if sampler == SOCK_DIAG or _many_sockets():
        try:
            return sample_by_sock_diag(ports, protocols)
        except SystemReadError:
            if sampler == SOCK_DIAG:
                raise

    from .psutil_sampler import sample_by_psutil

    sample = sample_by_psutil(ports, kind)
    try:
        return supplement(sample, sample_by_sock_diag(ports, protocols))
    except SystemReadError as error:
        return sample._replace(notes=[*sample.notes, f"less exact, without {error}"])


def _many_sockets() -> bool:
    from .sockstat import read_socket_counts

    try:
        return read_socket_counts().total > PSUTIL_LIMIT_SOCKETS
    except SystemReadError:  # sandboxes may hide it
        return False


def supplement(listed: SocketSample, details: SocketSample) -> SocketSample:
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
    return SocketSample(
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
