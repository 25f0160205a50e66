"""The process that holds a socket, and the names of processes and users."""

from __future__ import annotations

import os
import re
import sys
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence

from ..model.cgroups import unit_of
from ..model.holders import Process
from ..model.records import NamedTuple
from ..model.sockets import SocketEntry
from .errors import SystemReadError
from .kernel_files import read_kernel_file, read_kernel_text

READ_DESCRIPTORS, MAX_STEP = 16, 255
"""An estimate reads about 16 descriptors of a process, or every 255th of many."""
SMALLEST_PART = 64
"""A process is estimated only if it could hold a 64th of the unresolved sockets."""
NOT_ESTIMATED = 0.5
"""The rank between processes with some of the sockets and processes with none."""
IO_URING = b"anon_inode:[io_uring]"
"""The target of the descriptor of an io_uring."""
COMMAND_LENGTH = 15
"""Names are cut to this length. From it on, psutil completes a name from the command
line, which can contain secrets. Source: psutil, ``Process.name()``."""

FIRST_PID_NAMESPACE = 0xEFFFFFFC
"""The inode of the namespace that has all processes. Source: kernel, PID_NS_INIT_INO in
``include/uapi/linux/nsfs.h``."""


class SocketsWithPids(NamedTuple):
    """Sockets with the pids that were found."""

    entries: list[SocketEntry]
    hidden: bool
    """The check does not see all processes."""


def find_pids(
    entries: Iterable[SocketEntry], proc: str = "/proc", leader_only: bool = False
) -> SocketsWithPids:
    """The entries with pids, found by the inodes of the sockets below ``/proc/PID/fd``.

    Entries that have a pid keep it. Without privilege, processes of other users stay
    unknown. Processes that end during the search are skipped. With ``leader_only`` the
    search stops as soon as it is certain which process holds the most ports, and how
    many.
    """
    entries = list(entries)
    links = [_link(e.inode) if e.pid is None and e.inode else b"" for e in entries]
    search = _Search(entries, links)
    uids = {e.uid for e in entries if e.uid is not None}
    without: list[int] = []
    if search.unresolved:
        for pid, folder in _folders(proc, search.unresolved, uids, without):
            if search.finds_none_in(pid, folder):
                without.append(pid)
            if not search.unresolved or (leader_only and search.knows_the_leader):
                break
    found = [
        # there can be many thousands of entries, and _replace() takes 3 times as long
        SocketEntry(*entry[:-1], search.pids.get(link)) if link else entry
        for entry, link in zip(entries, links)
    ]
    is_hidden = search.hidden or not sees_all_processes(proc)
    return SocketsWithPids(found, bool(search.unresolved) and is_hidden)


class _Search:
    """Which processes have the sockets with these links."""

    def __init__(self, entries: Sequence[SocketEntry], links: Sequence[bytes]) -> None:
        self.unresolved = {
            link: entry.local.port for entry, link in zip(entries, links) if link
        }
        self.pids: dict[bytes, int] = {}
        self.hidden = False
        """The check is not allowed to inspect some processes."""
        self._ports: dict[int, set[int]] = defaultdict(set)
        for entry in entries:
            if entry.pid is not None:
                self._ports[entry.pid].add(entry.local.port)
        self._most = sorted([0, 0, *map(len, self._ports.values())])[-2:]

    def finds_none_in(self, pid: int, folder: str) -> bool:
        """Search the descriptors of a process. Returns whether it has none at all."""
        is_empty = True
        try:
            for link in _links(folder):
                is_empty = False
                if link in self.unresolved:
                    self._ports[pid].add(self.unresolved.pop(link))
                    self.pids[link] = pid
                    if not self.unresolved:
                        break
        except PermissionError:
            self.hidden = True
            return False
        except OSError:  # the process has ended
            return False
        self._most = sorted([*self._most, len(self._ports[pid])])[-2:]
        return is_empty

    @property
    def knows_the_leader(self) -> bool:
        """Whether it is certain which process holds the most ports."""
        second, first = self._most
        return first > second + len(self.unresolved)


def _link(inode: int) -> bytes:
    return b"socket:[%d]" % inode


def _folders(
    proc: str,
    unresolved: Collection[bytes],
    uids: Collection[int],
    without: Sequence[int],
) -> Iterator[tuple[int, str]]:
    """The pids with the folders of their descriptors, in the order of the search.

    ``without``: the processes whose folder turned out to be empty. If the first thread
    of a process has ended, its descriptors are in the folders of its other threads.
    """
    for pid in _pids_by_likelihood(proc, unresolved, uids):
        yield pid, f"{proc}/{pid}/fd"
    for pid in [*without]:
        for folder in other_threads(f"{proc}/{pid}"):
            yield pid, f"{folder}/fd"


def other_threads(process: str) -> list[str]:
    """The folders of all threads of a process but the first."""
    try:
        numbers = os.listdir(f"{process}/task")
    except OSError:  # the process has ended
        return []
    first = os.path.basename(process)
    return [f"{process}/task/{number}" for number in numbers if number != first]


def _pids_by_likelihood(
    proc: str, unresolved: Collection[bytes], uids: Collection[int]
) -> list[int]:
    """The pids, sorted by the probable number of unresolved sockets, most first.

    In this order the search inspects only a few processes on busy hosts.
    """
    ranked: list[tuple[float, bool, int, int]] = []
    try:
        names = os.listdir(proc)
    except OSError:  # not mounted, or permission denied
        return []
    for name in filter(str.isdigit, names):
        folder = f"{proc}/{name}/fd"
        try:
            uid = os.stat(f"{proc}/{name}").st_uid
            size = os.stat(folder).st_size  # number of descriptors, since Linux 6.2
        except OSError:  # the process has ended
            continue
        estimate: float = NOT_ESTIMATED
        if size * SMALLEST_PART >= len(unresolved):
            estimate = _estimate(folder, size, unresolved)
        # if several processes share a socket, take the lowest pid, as psutil does
        ranked.append((estimate, uid in uids, size, -int(name)))
    return [-pid for *_, pid in sorted(ranked, reverse=True)]


def _estimate(folder: str, size: int, unresolved: Collection[bytes]) -> int:
    """About how many descriptors are unresolved sockets, estimated from a few of them.

    ``size``: the number of descriptors.
    """
    # an odd step: in a proxy, every second descriptor is a connection to a client
    step = min(-(-size // READ_DESCRIPTORS), MAX_STEP) | 1
    hits = 0
    for descriptor in range(0, size, step):
        try:
            hits += os.readlink(f"{folder}/{descriptor}".encode()) in unresolved
        except FileNotFoundError:  # not in use
            continue
        except OSError:  # permission denied, or the process has ended
            break
    return hits * step


def _links(folder: str) -> Iterator[bytes]:
    """The targets of the descriptors of a process, and the sockets of its io_urings."""
    for descriptor, link in _descriptor_links(folder):
        yield link
        if link == IO_URING:
            yield from _registered(f"{folder}info/{descriptor}")


def _registered(path: str) -> list[bytes]:
    """The sockets that are registered with an io_uring, with or without a descriptor.

    kernel: ``io_uring_show_fdinfo()``, Linux 5.10.
    """
    try:
        return re.findall(rb"socket:\[[0-9]+\]", read_kernel_file(path))
    except SystemReadError:  # permission denied, or the process has ended
        return []


def _descriptor_links(folder: str) -> Iterator[tuple[int, bytes]]:
    directory = os.open(folder, os.O_RDONLY)
    try:
        # try the lowest numbers first: listing the folder takes a third longer
        remaining = os.fstat(directory).st_size
        highest = remaining + remaining // 8
        for number in range(highest):
            try:
                yield number, os.readlink(b"%d" % number, dir_fd=directory)
            except FileNotFoundError:  # not in use
                continue
            remaining -= 1
            if not remaining:
                return
        for descriptor in os.listdir(directory):
            try:
                number = int(descriptor)
                if number >= highest:
                    yield number, os.readlink(descriptor.encode(), dir_fd=directory)
            except FileNotFoundError:  # closed between listing and reading
                continue
    finally:
        os.close(directory)


def describe_process(pid: int, proc: str = "/proc") -> Process:
    """Name and user of a process; ``None`` for what cannot be read.

    If ``proc`` belongs to another host, the user stays a number, because this host can
    have another name for it.
    """
    name = user = unit = None
    try:
        if sys.platform == "linux":
            name, uid = _read_name_and_uid(f"{proc}/{pid}")
            user = (_user_name(uid) if proc == "/proc" else None) or str(uid)
            unit = unit_of(read_kernel_text(f"{proc}/{pid}/cgroup"))
        else:
            import psutil

            found = psutil.Process(pid)
            name = found.name()
            if sys.platform != "win32":
                name = name[:COMMAND_LENGTH]
            # DOMAIN\user on Windows; the output never contains a backslash
            user = found.username().replace("\\", "/")
    except Exception:  # any failure: a missing name is no reason to fail
        pass
    return Process(pid, name, user, unit)


def _read_name_and_uid(folder: str) -> tuple[str, int]:
    # loading psutil for this would take a quarter of the time of a whole run
    name = read_kernel_file(f"{folder}/comm")[:-1].decode("utf-8", "surrogateescape")
    status = read_kernel_file(f"{folder}/status")
    real_uid = status.split(b"\nUid:\t", 1)[1].split(maxsplit=1)[0]
    return name, int(real_uid)


def describe_user(uid: int, proc: str = "/proc") -> str:
    """Name of a user, or ``uid 1234`` if the system has no name for it.

    ``proc``: see :func:`describe_process`.
    """
    return (_user_name(uid) if proc == "/proc" else None) or f"uid {uid}"


def _user_name(uid: int) -> str | None:
    if sys.platform != "win32":
        from pwd import getpwuid

        try:
            return getpwuid(uid).pw_name
        except KeyError:
            pass
    return None


def sees_all_processes(proc: str = "/proc") -> bool:
    """Whether the check sees the processes of all users and all containers there.

    Root does, but not inside of a container: sockets of its network can belong to
    processes outside. With the mount option hidepid, /proc omits those of other users:
    proc(5).
    """
    is_linux = sys.platform == "linux"
    return is_root() and (not is_linux or lists_first_processes(proc))


def hides_processes(proc: str = "/proc") -> bool:
    """Whether processes of other users are hidden there: the mount option hidepid,
    proc(5). It hides them from neither root nor the group of its option gid.

    Otherwise every user sees this file of process 1 (kernel: ``get_proc_task_net()``).
    """
    try:
        os.stat(f"{proc}/1/net/dev")
    except OSError:
        return os.path.exists(f"{proc}/self/net/dev")
    return False


def lists_first_processes(proc: str = "/proc") -> bool:
    """Whether the processes there are those of the host, not of a container."""
    process = "self" if proc == "/proc" else "1"
    try:
        return os.stat(f"{proc}/{process}/ns/pid").st_ino == FIRST_PID_NAMESPACE
    except OSError:  # root of a user namespace
        return False


def is_root() -> bool:
    """Whether the check runs as root. Windows has no root; the answer there is yes."""
    return getattr(os, "geteuid", lambda: 0)() == 0
