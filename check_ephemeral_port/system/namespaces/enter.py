"""Runs a task inside another network namespace, in a thread that moves there.

setns(2) moves one thread only. The rest of the process stays in its namespace, and the
thread ends with its task. In such a thread:

- sockets belong to the namespace, including netlink sockets;
- ``/proc/sys/net`` belongs to the namespace (kernel: ``net_ctl_header_lookup()``);
- ``/proc/net`` does not. It is a link to ``/proc/self/net``, which shows the namespace
  of the main thread. For this reason psutil cannot list sockets there.

Privileges: setns(2) needs CAP_SYS_ADMIN in the user namespace of the caller and in the
one that owns the network namespace (kernel: ``netns_install()``). Root of the host has
both for every namespace. Opening ``/proc/PID/ns/net`` of another user's process also
needs CAP_SYS_PTRACE (kernel: ``proc_ns_get_link()``); a name of ``ip netns`` does not.
The user of a rootless container owns a user namespace and would have to enter that one
first. The kernel does not allow this to a process with threads, but
``nsenter --user --net`` can do it.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from _thread import TIMEOUT_MAX
from collections.abc import Callable, Iterable

from ..deadline import within
from ..errors import SystemReadError
from ..processes import hides_processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    from ...model.namespaces import Namespace

    Result = TypeVar("Result")

CLONE_NEWNET = 0x40000000
NAMED = ("/run/netns", "/var/run/netns")
"""Where ``ip netns`` keeps its names; see ip-netns(8)."""
OWN = "/proc/thread-self/ns/net"
OF_PROCESS = r"(.+?)/(?:[0-9]+|self)(?:/task/[0-9]+)?/ns/net"
FIX = "needs root (see contrib/sudoers), or CAP_SYS_ADMIN and CAP_SYS_PTRACE"


class NamespaceGone(SystemReadError):
    """The namespace does not exist, or no longer exists."""


def namespace_path(text: str, folders: Iterable[str] = NAMED) -> str:
    """The path of a namespace, given as a NAME, a PID or a PATH.

    Text with a ``/`` is a path. If a number is both a name and a pid, it counts as the
    name, as in ``ip link set dev ... netns``.
    Raises :class:`NamespaceGone` if there is no such name.
    """
    if "/" in text:
        return text
    for folder in folders:
        if os.path.exists(f"{folder}/{text}"):
            return f"{folder}/{text}"
    if re.fullmatch("[0-9]+", text):
        return f"/proc/{text}/ns/net"
    none = f"there is no network namespace {text!r} in /run/netns"
    raise NamespaceGone(f"{none}; for a container, give the PID of a process in it")


def in_namespace(
    namespace: Namespace | None,
    task: Callable[[], Result],
    limit_seconds: float = TIMEOUT_MAX,
) -> Result:
    """Run the task in a network namespace and return its result.

    ``None`` is the namespace of the caller, and needs no thread. The first path of the
    namespace that still exists is used. The caller's own namespace needs no privilege.
    An exception of the task is raised again here.
    Raises :class:`NamespaceGone` if no path exists,
    :class:`~..deadline.TookTooLong` if the namespace or the task hangs, or another
    :class:`SystemReadError` that names the missing privilege.
    """
    if namespace is None:
        return task()
    paths = namespace.paths

    def enter_and_run() -> Result:
        path, descriptor = _open_first(paths)
        try:
            if not _is_own(descriptor):
                _enter(path, descriptor)
        finally:
            os.close(descriptor)
        return task()

    return within(limit_seconds, enter_and_run)


def proc_of(namespace: Namespace | None) -> str:
    """The mount of proc that lists the processes of a network namespace.

    It is the mount that the first path lies in: ``/host/proc`` for
    ``/host/proc/1/ns/net``. For other paths, and for ``None``, it is ``/proc``.
    """
    path = namespace.paths[0] if namespace else ""
    match = re.fullmatch(OF_PROCESS, path)
    return match[1] if match else "/proc"


def _open_first(paths: Iterable[str]) -> tuple[str, int]:
    gone, path = "no path", ""
    for path in paths:
        try:
            # opening a device or a pipe could block or have side effects
            if not stat.S_ISREG(os.stat(path).st_mode):
                raise _not_a_namespace(path)
            # no O_NOFOLLOW, because /proc/PID/ns/net is a link; this is safe, because
            # nothing is written and setns() accepts network namespaces only
            return path, os.open(path, os.O_RDONLY)
        except (FileNotFoundError, NotADirectoryError, ProcessLookupError) as error:
            gone = f"{path}: {error.strerror}"
        except PermissionError as error:
            if _shares_own_namespace(path):
                return path, os.open(OWN, os.O_RDONLY)
            raise _refused(path, error) from None
        except OSError as error:
            raise SystemReadError(f"cannot open {path}: {error.strerror}") from None
    match = re.fullmatch(OF_PROCESS, path)
    if match and hides_processes(match[1]):
        hidden = f"{match[1]} hides the processes of other users (hidepid)"
        raise NamespaceGone(f"there is no {path} to see: {hidden}; {FIX}")
    raise NamespaceGone(f"there is no such network namespace: {gone}")


def _shares_own_namespace(path: str) -> bool:
    """Whether ``/proc/PID/ns/net`` belongs to a process in the caller's own namespace.

    ``/proc/PID/net/dev`` shows this even without permission to open ``ns/net``.
    """
    table = re.sub("/ns/net$", "/net/dev", path)
    try:
        return os.path.samestat(os.stat(table), os.stat("/proc/thread-self/net/dev"))
    except OSError:  # the process has ended, or /proc hides it
        return False


def _is_own(descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(OWN))
    except OSError:  # unknown: then try to enter it
        return False


def _enter(path: str, descriptor: int) -> None:
    import ctypes  # late: few runs need it

    try:
        setns = ctypes.CDLL(None, use_errno=True).setns  # os.setns: Python 3.12
    except AttributeError:
        raise SystemReadError("network namespaces exist on Linux only") from None
    if setns(descriptor, CLONE_NEWNET) == 0:
        return
    number = ctypes.get_errno()
    if number == errno.EINVAL:  # another kind of namespace, or a plain file
        raise _not_a_namespace(path)
    raise _refused(path, OSError(number, os.strerror(number)))


def _refused(path: str, error: OSError) -> SystemReadError:
    reason = f"{path}: {error.strerror}; {FIX}"
    return SystemReadError(f"cannot enter network namespace {reason}")


def _not_a_namespace(path: str) -> SystemReadError:
    hint = ""
    if re.fullmatch("/.*/[0-9]+/?", path) and os.path.lexists(f"{path}/ns/net"):
        hint = f", did you mean {path.rstrip('/')}/ns/net?"
    return SystemReadError(f"{path} is not a network namespace{hint}")
