"""Every network namespace of the host: the named ones and those of processes."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator

from ...model.holders import Process
from ...model.namespaces import Namespace, container_id
from ..errors import SystemReadError
from .enter import NAMED

KEPT = ("/run/docker/netns",)
"""Where Docker keeps its namespaces, some of them without processes, by names that
nobody gave."""
PATHS = 5
"""So many processes stand for their namespace: not all of them end at once."""

Identity = tuple[int, int]
"""Device and inode of a file: where both are the same, so is the file."""


def list_namespaces(
    proc: str = "/proc",
    named: Iterable[str] = NAMED,
    kept: Iterable[str] = KEPT,
) -> list[Namespace]:
    """Each network namespace once: the check's own, then the named, then the others.

    The busiest process of a namespace is the one with most open descriptors, or,
    where the kernel doesn't tell (before Linux 6.2) or several have as many, the one
    with the lowest pid: in a container, its first. Namespaces of processes that this
    user may not look into are listed all the same; one that has a name as well is
    then listed twice, since nothing tells that the two are one. What nothing but a
    thread, a descriptor or a mount elsewhere holds isn't found.
    Raises :class:`SystemReadError` if processes can't be listed.
    """
    found: dict[Identity, Namespace] = {}
    for folder in named:
        for name, identity, path in _files(folder):
            found.setdefault(identity, Namespace((path,), name))
    for folder in kept:
        for _, identity, path in _files(folder):
            found.setdefault(identity, Namespace((path,)))
    own_path = f"{proc}/self/ns/net"
    own = _stat(own_path)
    for table, pids in _pids_by_table(proc).items():
        seen, paths = _identity(proc, pids)
        identity = seen or table
        namespace = found.get(identity, Namespace(()))
        if identity == own:
            paths = (own_path,)  # the one process that surely goes on
        found[identity] = namespace._replace(
            paths=namespace.paths + paths,
            process=Process(pids[0], _text(f"{proc}/{pids[0]}/comm").strip()),
            container=container_id(_text(f"{proc}/{pids[0]}/cgroup")),
            own=identity == own,
        )
    return sorted(found.values(), key=_order)


def _order(namespace: Namespace) -> tuple[bool, bool, str, int]:
    pid = namespace.process.pid if namespace.process else 0
    return not namespace.own, namespace.name is None, namespace.name or "", pid


def _files(folder: str) -> Iterator[tuple[str, Identity, str]]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:  # nobody made one, or Docker keeps its folder to root
        return
    for name in names:
        path = f"{folder}/{name}"
        identity = _stat(path)
        if identity:
            yield name, identity, path


def _pids_by_table(proc: str) -> dict[Identity, list[int]]:
    """Processes by network namespace, the busiest first.

    By the inode of ``/proc/PID/net/dev``, which every namespace has one of, and which
    everybody may ask for (kernel: ``get_proc_task_net()``), unlike ``ns/net``.
    """
    if not _stat(f"{proc}/self/net/dev"):
        raise SystemReadError(f"cannot tell namespaces apart: no {proc}/self/net/dev")
    busy = defaultdict(list)
    try:
        names = os.listdir(proc)
    except OSError as error:
        raise SystemReadError(f"cannot list {proc}: {error.strerror}") from None
    for name in names:
        table = _stat(f"{proc}/{name}/net/dev") if name.isdigit() else None
        if table:  # else it has exited meanwhile
            busy[table].append((-_descriptors(f"{proc}/{name}/fd"), int(name)))
    return {table: [pid for _, pid in sorted(busy[table])] for table in busy}


def _descriptors(folder: str) -> int:
    try:
        return os.stat(folder).st_size  # kernel: proc_fd_getattr(), Linux 6.2
    except OSError:  # exited meanwhile
        return 0


def _identity(proc: str, pids: list[int]) -> tuple[Identity | None, tuple[str, ...]]:
    paths = [f"{proc}/{pid}/ns/net" for pid in pids]
    for number, path in enumerate(paths):
        identity = _stat(path)
        if identity:
            return identity, tuple(paths[number : number + PATHS])
    return None, tuple(paths[:1])


def _stat(path: str) -> Identity | None:
    try:
        status = os.stat(path)
    except OSError:  # gone, or not ours to see
        return None
    return status.st_dev, status.st_ino


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:  # exited meanwhile
        return ""
