"""Lists the network namespaces of the host: the named ones and those of processes."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator

from ...model.cgroups import container_id
from ...model.holders import Process
from ...model.namespaces import Namespace
from ...model.records import NamedTuple
from ..errors import SystemReadError
from ..kernel_files import read_kernel_text
from ..processes import lists_first_processes, other_threads
from .enter import NAMED

UNNAMED = ("/run/docker/netns",)
"""The folder where Docker keeps its namespaces. It generates their names, and some of
them have no processes."""
MAX_PATHS = 5
"""The maximum number of processes that give the paths of a namespace. If some of them
end, the others still work."""

Identity = tuple[int, int]
"""Device and inode; they identify a file."""


class _InNamespace(NamedTuple):
    """A process in a network namespace, in the order of the list."""

    rank: int
    pid: int
    folder: str
    """Of the process in ``/proc``, or of a thread if the first one has ended."""


def list_namespaces(
    proc: str = "/proc",
    named: Iterable[str] = NAMED,
    unnamed: Iterable[str] = UNNAMED,
) -> list[Namespace]:
    """Each network namespace once: first the check's own, then the named, then others.

    ``named`` and ``unnamed`` are folders. A namespace gets its name from ``named``; the
    file names in ``unnamed`` are ignored.

    The process of a namespace is its busiest one: the one with the most open
    descriptors, or with the lowest pid if they are equal. Before Linux 6.2 the number
    of descriptors is unknown, so the lowest pid counts. In a container this is the
    first process.

    The namespace of process 1 is that of the host, unless /proc is that of a container.

    Namespaces of processes that this user is not allowed to inspect are also listed. If
    such a namespace has a name, it is listed twice, because the two cannot be matched.
    Namespaces kept alive only by a thread, an open descriptor or a mount elsewhere
    are not found.
    Raises :class:`SystemReadError` if the processes cannot be listed.
    """
    found: dict[Identity, Namespace] = {}
    for folder in named:
        for name, identity, path in _files(folder):
            found.setdefault(identity, Namespace((path,), name))
    for folder in unnamed:
        for _, identity, path in _files(folder):
            found.setdefault(identity, Namespace((path,)))
    own_path = f"{proc}/self/ns/net"
    own = _stat(own_path)
    has_first_processes = lists_first_processes(proc)
    for table, processes in _processes_by_table(proc).items():
        pid = processes[0].pid
        readable, paths = _first_readable(processes)
        identity = readable or table
        namespace = found.get(identity, Namespace(()))
        if identity == own:
            paths = (own_path,)  # the check itself is sure to exist
        found[identity] = namespace._replace(
            paths=namespace.paths + paths,
            process=Process(pid, _text(f"{proc}/{pid}/comm").strip()),
            container=container_id(_text(f"{proc}/{pid}/cgroup")),
            own=identity == own,
            of_host=has_first_processes and any(p.pid == 1 for p in processes),
        )
    return sorted(found.values(), key=_order)


def _order(namespace: Namespace) -> tuple[bool, bool, str, int]:
    pid = namespace.process.pid if namespace.process else 0
    return not namespace.own, namespace.name is None, namespace.name or "", pid


def _files(folder: str) -> Iterator[tuple[str, Identity, str]]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:  # the folder is missing, or only root can read it
        return
    for name in names:
        path = f"{folder}/{name}"
        identity = _stat(path)
        if identity:
            yield name, identity, path


def _processes_by_table(proc: str) -> dict[Identity, list[_InNamespace]]:
    """The processes in each network namespace, the busiest first.

    The inode of ``/proc/PID/net/dev`` identifies the namespace. Unlike ``ns/net``, it
    needs no permission (kernel: ``get_proc_task_net()``).
    """
    own = f"{proc}/self/net/dev"
    if not _stat(own):
        raise SystemReadError(f"cannot distinguish network namespaces: no {own}")
    ranked = defaultdict(list)
    try:
        names = os.listdir(proc)
    except OSError as error:
        raise SystemReadError(f"cannot list {proc}: {error.strerror}") from None
    for name in filter(str.isdigit, names):
        folder = f"{proc}/{name}"
        table = _stat(f"{folder}/net/dev")
        if not table:  # the process, or its first thread, has ended
            folder, table = _living_thread(folder)
        if table:
            rank = -_descriptors(f"{folder}/fd")
            ranked[table].append(_InNamespace(rank, int(name), folder))
    return {table: sorted(ranked[table]) for table in ranked}


def _living_thread(process: str) -> tuple[str, Identity | None]:
    for folder in other_threads(process):
        table = _stat(f"{folder}/net/dev")
        if table:
            return folder, table
    return process, None


def _descriptors(folder: str) -> int:
    try:
        return os.stat(folder).st_size  # kernel: proc_fd_getattr(), Linux 6.2
    except OSError:  # the process has ended
        return 0


def _first_readable(
    processes: list[_InNamespace],
) -> tuple[Identity | None, tuple[str, ...]]:
    paths = [f"{process.folder}/ns/net" for process in processes]
    for number, path in enumerate(paths):
        identity = _stat(path)
        if identity:
            return identity, tuple(paths[number : number + MAX_PATHS])
    return None, tuple(paths[:1])


def _stat(path: str) -> Identity | None:
    try:
        status = os.stat(path)
    except OSError:  # it no longer exists, or permission denied
        return None
    return status.st_dev, status.st_ino


def _text(path: str) -> str:
    try:
        return read_kernel_text(path)
    except SystemReadError:  # the process has ended
        return ""
