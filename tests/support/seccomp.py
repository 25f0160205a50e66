"""System calls that end in an error, as in a sandbox."""

import ctypes
import errno
import platform
import socket
import struct


def refuse_netlink(error: int = errno.EPERM) -> None:
    """From here on, this process gets an error for netlink sockets, as in a sandbox."""
    number = {"x86_64": 41, "aarch64": 198}[platform.machine()]  # socket(2)
    load, equals, answer = 0x20, 0x15, 0x06
    refuse, allow = 0x00050000 | error, 0x7FFF0000
    code = (
        struct.pack("=HBBI", load, 0, 0, 0)  # the system call's number
        + struct.pack("=HBBI", equals, 0, 3, number)
        + struct.pack("=HBBI", load, 0, 0, 16)  # its first argument
        + struct.pack("=HBBI", equals, 0, 1, socket.AF_NETLINK)
        + struct.pack("=HBBI", answer, 0, 0, refuse)
        + struct.pack("=HBBI", answer, 0, 0, allow)
    )
    buffer = ctypes.create_string_buffer(code)
    program = struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    no_new_privileges, set_seccomp, filter_mode = 38, 22, 2
    assert libc.prctl(no_new_privileges, 1, 0, 0, 0) == 0
    assert libc.prctl(set_seccomp, filter_mode, program, 0, 0) == 0
