"""System calls that end in an error, as in a sandbox, or that never end."""

import ctypes
import errno
import os
import platform
import socket
import struct

LOAD, EQUALS, ANSWER = 0x20, 0x15, 0x06
ALLOW, FAIL, ASK = 0x7FFF0000, 0x00050000, 0x7FC00000
ARCHITECTURE = platform.machine()
SOCKET = {"x86_64": 41, "aarch64": 198}
SETNS = {"x86_64": 308, "aarch64": 268}
SECCOMP = {"x86_64": 317, "aarch64": 277}


def refuse_sockets(family: int, error: int) -> None:
    """From here on, this process gets an error for sockets of this family."""
    _install(
        (LOAD, 0, 0, 0),  # the system call's number
        (EQUALS, 0, 3, SOCKET[ARCHITECTURE]),
        (LOAD, 0, 0, 16),  # its first argument
        (EQUALS, 0, 1, family),
        (ANSWER, 0, 0, FAIL | error),
        (ANSWER, 0, 0, ALLOW),
    )


def refuse_netlink(error: int = errno.EPERM) -> None:
    """From here on, this process gets an error for netlink sockets, as in a sandbox."""
    refuse_sockets(socket.AF_NETLINK, error)


def hang_in_setns() -> None:
    """From here on, no setns() of this process ends.

    The kernel asks a supervisor, which is a descriptor that this process itself has and
    never reads. It must survive exec(): ``close_fds=False``.
    """
    code = (
        (LOAD, 0, 0, 0),
        (EQUALS, 0, 1, SETNS[ARCHITECTURE]),
        (ANSWER, 0, 0, ASK),
        (ANSWER, 0, 0, ALLOW),
    )
    with_listener = 8
    os.set_inheritable(_install(*code, flags=with_listener), True)


def _install(*code: tuple[int, int, int, int], flags: int = 0) -> int:
    buffer = ctypes.create_string_buffer(
        b"".join(struct.pack("=HBBI", *c) for c in code)
    )
    program = struct.pack("@HP", len(code), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    no_new_privileges, filter_mode = 38, 1
    assert libc.prctl(no_new_privileges, 1, 0, 0, 0) == 0
    done = libc.syscall(SECCOMP[ARCHITECTURE], filter_mode, flags, program)
    assert done >= 0, os.strerror(ctypes.get_errno())
    return int(done)
