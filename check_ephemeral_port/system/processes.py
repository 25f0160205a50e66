"""Names of processes, and which process holds which socket."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator

from ..model.ownership import Owner
from ..model.records import NamedTuple
from ..model.sockets import SocketEntry

GUESSES = 16
"""So many descriptors of a process tell whether it is worth looking into."""
COMMAND_LENGTH = 15
"""What the kernel keeps of a process's name (``TASK_COMM_LEN``, less the byte at the
end). psutil takes the rest from the command line, where there may be secrets."""


class Attribution(NamedTuple):
    """Sockets with their processes, as far as they could be found."""

    entries: list[SocketEntry]
    hidden: bool
    """Some processes may not be looked into."""


def find_pids(entries: Iterable[SocketEntry], proc: str = "/proc") -> Attribution:
    """The entries with their pids, as far as the sockets' inodes lead to one.

    For sockets that come without pids. Without privilege other users' processes
    stay unknown; a process that ends meanwhile is passed over.
    """
    entries = list(entries)
    wanted = {_link(e.inode) for e in entries if e.pid is None and e.inode}
    uids = {e.uid for e in entries if e.uid is not None}
    pids: dict[str, int] = {}
    hidden = False
    for pid in _likeliest_first(proc, wanted, uids) if wanted else ():
        try:
            for link in _links(f"{proc}/{pid}/fd"):
                if link in wanted:
                    wanted.remove(link)
                    pids[link] = pid
                    if not wanted:
                        break
        except PermissionError:
            hidden = True
        except OSError:  # it ended meanwhile
            continue
        if not wanted:
            break
    found = [
        # _replace() takes three times as long, and there may be many thousands
        (
            SocketEntry(*entry[:-1], pids.get(_link(entry.inode)))
            if entry.pid is None
            else entry
        )
        for entry in entries
    ]
    # mounted with hidepid, proc doesn't even list the processes of others: proc(5)
    return Attribution(found, bool(wanted) and (hidden or not is_root()))


def _link(inode: int | None) -> str:
    return f"socket:[{inode}]"


def _likeliest_first(proc: str, wanted: set[str], uids: set[int]) -> list[int]:
    """Processes, those first that probably hold most of what is wanted: on busy hosts
    few have to be looked into."""
    ranked: list[tuple[int, bool, int, int]] = []
    try:
        names = os.listdir(proc)
    except OSError:  # not mounted, or not ours to see
        return []
    for name in filter(str.isdigit, names):
        folder = f"{proc}/{name}/fd"
        try:
            uid = os.stat(f"{proc}/{name}").st_uid
            size = os.stat(folder).st_size  # how many descriptors, since Linux 6.2
        except OSError:  # it ended meanwhile
            continue
        # of several alike that share a socket, psutil too takes the lowest pid
        ranked.append((_hits(folder, size, wanted), uid in uids, size, -int(name)))
    return [-pid for *_, pid in sorted(ranked, reverse=True)]


def _hits(folder: str, size: int, wanted: set[str]) -> int:
    """How many of a few descriptors, spread over the table, are wanted."""
    hits = 0
    for descriptor in range(0, size, -(-size // GUESSES) or 1):
        try:
            hits += os.readlink(f"{folder}/{descriptor}") in wanted
        except FileNotFoundError:  # numbers may be left out
            continue
        except OSError:  # not ours to see, or gone
            break
    return hits


def _links(folder: str) -> Iterator[str]:
    """What the descriptors of a process lead to."""
    within = os.open(folder, os.O_RDONLY)
    try:
        for descriptor in os.listdir(within):
            try:
                yield os.readlink(descriptor, dir_fd=within)
            except FileNotFoundError:  # closed between listing and reading
                continue
    finally:
        os.close(within)


def describe_owner(pid: int, proc: str = "/proc") -> Owner:
    """Name and user of a process, as far as they can be had.

    With another host's ``proc`` the user stays a number, since this one's names may
    be others.
    """
    name = user = None
    try:
        import psutil

        if sys.platform == "linux":
            psutil.PROCFS_PATH = proc
        process = psutil.Process(pid)
        name = process.name()
        if sys.platform != "win32":
            name = name[:COMMAND_LENGTH]
        if sys.platform == "linux" and proc != "/proc":
            user = str(process.uids().real)
        else:  # DOMAIN\user on Windows; a backslash would not be printed
            user = process.username().replace("\\", "/")
    except Exception:  # gone, not ours to see, or no psutil: a name is not worth more
        pass
    return Owner(pid, name, user)


def describe_user(uid: int) -> str:
    """Name of a user, or ``uid 1234`` for one that the system doesn't know."""
    if sys.platform != "win32":
        from pwd import getpwuid

        try:
            return getpwuid(uid).pw_name
        except KeyError:
            pass
    return f"uid {uid}"


def is_root() -> bool:
    """Whether more privilege would not show more."""
    return getattr(os, "geteuid", lambda: 0)() == 0
