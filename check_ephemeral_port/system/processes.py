"""Names of processes, and which process holds which socket."""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from ..model.holders import Process
from ..model.records import NamedTuple
from ..model.sockets import SocketEntry

FEWEST_GUESSES, LONGEST_STEP = 16, 255
"""So many descriptors of a process, or one in so many, tell how much it may hold."""
SMALL = 64
"""A process that can't hold this part of what is wanted is not worth guessing."""
NOT_GUESSED = 0.5
"""Comes behind those that hold something, before those that seem to hold nothing."""
COMMAND_LENGTH = 15
"""What kernels keep of a process's name. psutil takes the rest from the command line,
where there may be secrets."""


class SocketsWithPids(NamedTuple):
    """Sockets with their processes, as far as they could be found."""

    entries: list[SocketEntry]
    hidden: bool
    """Some processes may not be looked into."""


def find_pids(
    entries: Iterable[SocketEntry], proc: str = "/proc", leader_only: bool = False
) -> SocketsWithPids:
    """The entries with their pids, as far as the sockets' inodes lead to one.

    For sockets that come without pids. Without privilege other users' processes
    stay unknown; a process that ends meanwhile is passed over. With ``leader_only``
    the search ends when it is sure which process holds the most ports, and how many.
    """
    entries = list(entries)
    links = [_link(e.inode) if e.pid is None and e.inode else b"" for e in entries]
    wanted = {link: e.local.port for e, link in zip(entries, links) if link}
    uids = {e.uid for e in entries if e.uid is not None}
    pids: dict[bytes, int] = {}
    ports: dict[int, set[int]] = defaultdict(set)
    for entry in entries:
        if entry.pid is not None:
            ports[entry.pid].add(entry.local.port)
    second, first = sorted([0, 0, *map(len, ports.values())])[-2:]
    hidden = False
    for pid in _likeliest_first(proc, wanted, uids) if wanted else ():
        try:
            for link in _links(f"{proc}/{pid}/fd"):
                if link in wanted:
                    ports[pid].add(wanted.pop(link))
                    pids[link] = pid
                    if not wanted:
                        break
        except PermissionError:
            hidden = True
        except OSError:  # it ended meanwhile
            continue
        second, first = sorted([second, first, len(ports[pid])])[-2:]
        if not wanted or (leader_only and first > second + len(wanted)):
            break
    found = [
        # _replace() takes three times as long, and there may be many thousands
        SocketEntry(*entry[:-1], pids.get(link)) if link else entry
        for entry, link in zip(entries, links)
    ]
    # mounted with hidepid, proc doesn't even list the processes of others: proc(5)
    return SocketsWithPids(found, bool(wanted) and (hidden or not is_root()))


def _link(inode: int) -> bytes:
    return b"socket:[%d]" % inode


def _likeliest_first(
    proc: str, wanted: Collection[bytes], uids: Collection[int]
) -> list[int]:
    """Processes, those first that probably hold most of what is wanted: on busy hosts
    few have to be looked into."""
    ranked: list[tuple[float, bool, int, int]] = []
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
        likely: float = NOT_GUESSED
        if size * SMALL >= len(wanted):
            likely = _estimate(folder, size, wanted)
        # of several alike that share a socket, psutil too takes the lowest pid
        ranked.append((likely, uid in uids, size, -int(name)))
    return [-pid for *_, pid in sorted(ranked, reverse=True)]


def _estimate(folder: str, size: int, wanted: Collection[bytes]) -> int:
    """About how many descriptors are wanted, by a few spread over the table."""
    # odd, since in a proxy every second one leads to the other side
    step = min(-(-size // FEWEST_GUESSES), LONGEST_STEP) | 1
    hits = 0
    for descriptor in range(0, size, step):
        try:
            hits += os.readlink(f"{folder}/{descriptor}".encode()) in wanted
        except FileNotFoundError:  # numbers may be left out
            continue
        except OSError:  # not ours to see, or gone
            break
    return hits * step


def _links(folder: str) -> Iterator[bytes]:
    """What the descriptors of a process lead to."""
    within = os.open(folder, os.O_RDONLY)
    try:
        # their numbers tend to be the lowest; to have them listed takes a third longer
        left = os.fstat(within).st_size
        highest = left + left // 8
        for number in range(highest):
            try:
                yield os.readlink(b"%d" % number, dir_fd=within)
            except FileNotFoundError:  # not in use
                continue
            left -= 1
            if not left:
                return
        for descriptor in os.listdir(within):
            try:
                if int(descriptor) >= highest:
                    yield os.readlink(descriptor.encode(), dir_fd=within)
            except FileNotFoundError:  # closed between listing and reading
                continue
    finally:
        os.close(within)


def describe_process(pid: int, proc: str = "/proc") -> Process:
    """Name and user of a process, as far as they can be had.

    With another host's ``proc`` the user stays a number, since this one's names may
    be others.
    """
    name = user = None
    try:
        if sys.platform == "linux":
            name, uid = _read_name_and_uid(f"{proc}/{pid}")
            user = (_user_name(uid) if proc == "/proc" else None) or str(uid)
        else:
            import psutil

            found = psutil.Process(pid)
            name = found.name()
            if sys.platform != "win32":
                name = name[:COMMAND_LENGTH]
            # DOMAIN\user on Windows; a backslash would not be printed
            user = found.username().replace("\\", "/")
    except Exception:  # gone, not ours to see, or no psutil: a name is not worth more
        pass
    return Process(pid, name, user)


def _read_name_and_uid(folder: str) -> tuple[str, int]:
    # psutil, which would have to be loaded, takes as long as a quarter of a whole run
    with open(f"{folder}/comm", "rb") as file:
        name = file.read()[:-1].decode("utf-8", "surrogateescape")
    with open(f"{folder}/status", "rb") as file:
        real_uid = file.read().split(b"\nUid:\t", 1)[1].split(maxsplit=1)[0]
    return name, int(real_uid)


def describe_user(uid: int) -> str:
    """Name of a user, or ``uid 1234`` for one that the system doesn't know."""
    return _user_name(uid) or f"uid {uid}"


def _user_name(uid: int) -> str | None:
    if sys.platform != "win32":
        from pwd import getpwuid

        try:
            return getpwuid(uid).pw_name
        except KeyError:
            pass
    return None


def is_root() -> bool:
    """Whether more privilege would not show more."""
    return getattr(os, "geteuid", lambda: 0)() == 0
