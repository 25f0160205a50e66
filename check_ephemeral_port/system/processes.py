"""Names of processes, and which process holds which socket."""

from __future__ import annotations

import os
from collections.abc import Iterable

from ..model.ownership import Owner
from ..model.sockets import SocketEntry


def find_pids(entries: Iterable[SocketEntry], proc: str = "/proc") -> list[SocketEntry]:
    """The entries with their pids, as far as the sockets' inodes lead to one.

    For samples that come without pids. Without privilege other users' processes
    stay unknown; a process that ends meanwhile is passed over.
    """
    entries = list(entries)
    wanted = {e.inode for e in entries if e.pid is None and e.inode}
    pids: dict[int, int] = {}
    for name in _entries(proc) if wanted else ():
        if not name.isdigit():
            continue
        for inode in _socket_inodes(f"{proc}/{name}/fd"):
            if inode in wanted:
                pids.setdefault(inode, int(name))
        if len(pids) == len(wanted):
            break
    return [
        e if e.pid is not None else e._replace(pid=pids.get(e.inode)) for e in entries
    ]


def _entries(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:  # not ours to see, or gone
        return []


def _socket_inodes(folder: str) -> Iterable[int]:
    for descriptor in _entries(folder):
        try:
            target = os.readlink(f"{folder}/{descriptor}")
        except OSError:  # closed between listing and reading
            continue
        if target.startswith("socket:["):
            yield int(target[len("socket:[") : -1])


def describe_owner(pid: int) -> Owner:
    """Name and user of a process, as far as they can be had."""
    name = user = None
    try:
        import psutil

        process = psutil.Process(pid)
        name = process.name()
        user = process.username()
    except Exception:  # gone, not ours to see, or no psutil: a name is not worth more
        pass
    return Owner(pid, name, user)
