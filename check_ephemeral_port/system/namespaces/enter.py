"""Looking inside another network namespace, from a thread that moves there.

setns(2) moves one thread only, so the rest of the process stays where it is, and
the thread ends after its look. In such a thread

- sockets, netlink ones included, belong to the namespace;
- ``/proc/sys/net`` is the namespace's (kernel: ``net_ctl_header_lookup()``);
- ``/proc/net`` is not, since it stands for ``/proc/self/net``, which follows the
  process's first thread. That is why psutil can't look here.

Who may do so: setns(2) wants CAP_SYS_ADMIN in the caller's user namespace and in
the one that owns the network namespace (kernel: ``netns_install()``), which root
of the host has for all of them. To open ``/proc/PID/ns/net`` of another user's
process takes CAP_SYS_PTRACE as well (kernel: ``proc_ns_get_link()``); a name of
``ip netns`` doesn't. The owner of a user namespace, as of rootless containers, would
have to move there first, and the kernel lets no process with threads do that:
``nsenter --user --net`` can.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import stat
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from ..errors import SystemReadError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    Result = TypeVar("Result")

CLONE_NEWNET = 0x40000000
NAMED = ("/run/netns", "/var/run/netns")
"""Where ``ip netns`` keeps its names; see ip-netns(8)."""
OWN = "/proc/thread-self/ns/net"
MEND = "needs root (see contrib/sudoers), or CAP_SYS_ADMIN and CAP_SYS_PTRACE"


class NamespaceGone(SystemReadError):
    """There is no such namespace, or not any more."""


def namespace_path(text: str, folders: Iterable[str] = NAMED) -> str:
    """The path of the namespace that a NAME, a PID or a PATH stands for.

    Whatever holds a ``/`` is a path. A name wins over the same number as a pid, as
    it does in ``ip link set dev ... netns``.
    Raises :class:`NamespaceGone` if it is nothing of that.
    """
    if "/" in text:
        return text
    for folder in folders:
        if os.path.exists(f"{folder}/{text}"):
            return f"{folder}/{text}"
    if re.fullmatch("[0-9]+", text):
        return f"/proc/{text}/ns/net"
    raise NamespaceGone(f"there is no network namespace {text!r} in /run/netns")


def proc_beside(path: str) -> str:
    """The mount of proc that knows the processes of a namespace: the one that the
    path lies in, such as ``/host/proc`` of ``/host/proc/1/ns/net``, or ``/proc``."""
    match = re.fullmatch(r"(.+?)/(?:[0-9]+|self)(?:/task/[0-9]+)?/ns/net", path)
    return match[1] if match else "/proc"


def run_inside(paths: Iterable[str], look: Callable[[], Result]) -> Result:
    """What ``look`` returns in the namespace that each of the paths stands for.

    The first path that still exists is taken. If it is the namespace where the
    caller is already, which takes no privilege, no thread is needed. What ``look``
    raises is raised here.
    Raises :class:`NamespaceGone`, or another :class:`SystemReadError` that says what
    is missing.
    """
    path, descriptor = _open_first(paths)

    def enter_and_look() -> Result:
        _enter(path, descriptor)
        return look()

    try:
        if _is_own(descriptor):
            return look()
        with ThreadPoolExecutor(max_workers=1) as thread:
            return thread.submit(enter_and_look).result()
    finally:
        os.close(descriptor)


def _open_first(paths: Iterable[str]) -> tuple[str, int]:
    gone = "no path"
    for path in paths:
        try:
            # to open a device or a pipe may do or wait for something
            if not stat.S_ISREG(os.stat(path).st_mode):
                raise _not_a_namespace(path)
            # no O_NOFOLLOW: /proc/PID/ns/net is a link. Nothing is ever written,
            # and setns() takes nothing but a network namespace
            return path, os.open(path, os.O_RDONLY)
        except (FileNotFoundError, NotADirectoryError, ProcessLookupError) as error:
            gone = f"{path}: {error.strerror}"
        except PermissionError as error:
            if _is_of_a_neighbour(path):
                return path, os.open(OWN, os.O_RDONLY)
            raise _refused(path, error) from None
        except OSError as error:
            raise SystemReadError(f"cannot open {path}: {error.strerror}") from None
    raise NamespaceGone(f"there is no such network namespace: {gone}")


def _is_of_a_neighbour(path: str) -> bool:
    """Whether it is ``/proc/PID/ns/net`` of a process in the caller's own namespace,
    which ``net/dev`` beside it tells those too who may not open it."""
    table = re.sub("/ns/net$", "/net/dev", path)
    try:
        return os.path.samestat(os.stat(table), os.stat("/proc/thread-self/net/dev"))
    except OSError:  # gone, or hidden
        return False


def _is_own(descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(OWN))
    except OSError:  # nothing to compare with: then it is entered
        return False


def _enter(path: str, descriptor: int) -> None:
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
    reason = f"{path}: {error.strerror}; {MEND}"
    return SystemReadError(f"cannot enter network namespace {reason}")


def _not_a_namespace(path: str) -> SystemReadError:
    return SystemReadError(f"{path} is not a network namespace")
