"""sysctl of macOS and the BSDs, through the C library."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Callable, Sequence

from ..errors import SystemReadError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ReadSysctl = Callable[[str], bytes]
"""Takes the name of a sysctl, returns the bytes of its value."""

MAX_BYTES = 256
"""More than any value that is read here."""

# CTL_NET, PF_INET, IPPROTO_IP: <sys/sysctl.h>, <sys/socket.h>; then
# IPCTL_IPPORT_FIRSTAUTO and _LASTAUTO: <netinet/in.h> of OpenBSD
OPENBSD_NUMBERS: dict[str, Sequence[int]] = {
    "net.inet.ip.portfirst": (4, 2, 0, 7),
    "net.inet.ip.portlast": (4, 2, 0, 8),
}


def sysctl_reader(platform: str, libc: Any = None) -> ReadSysctl:
    """A function that reads sysctls on this platform.

    The function raises :class:`SystemReadError` with the name of the sysctl.
    """
    if libc is None:
        libc = ctypes.CDLL(None, use_errno=True)
    # OpenBSD has only numbers for sysctls: its sysctl(2)
    by_name = split_platform(platform)[0] != "openbsd"

    def read(name: str) -> bytes:
        value = ctypes.create_string_buffer(MAX_BYTES)
        size = ctypes.c_size_t(MAX_BYTES)
        out = value, ctypes.byref(size), None, ctypes.c_size_t(0)
        try:
            if by_name:
                failed = libc.sysctlbyname(name.encode(), *out)
            else:
                numbers = OPENBSD_NUMBERS[name]
                mib = (ctypes.c_int * len(numbers))(*numbers)
                failed = libc.sysctl(mib, ctypes.c_uint(len(numbers)), *out)
        except AttributeError:
            raise SystemReadError(
                f"sysctl {name}: the C library can't read it"
            ) from None
        if failed:
            reason = os.strerror(ctypes.get_errno())
            raise SystemReadError(f"sysctl {name}: {reason}")
        return value.raw[: size.value]

    return read


def read_int(read: ReadSysctl, name: str) -> int:
    """A sysctl of type int. Raises :class:`SystemReadError` if it has another size."""
    return _number(read(name), name, 0, ctypes.sizeof(ctypes.c_int))


def read_counter(read: ReadSysctl, name: str, index: int) -> int:
    """One counter in a sysctl that is an array of 64-bit counters.

    Raises :class:`SystemReadError` if the array is malformed or too short.
    """
    return _number(read(name), name, index, ctypes.sizeof(ctypes.c_int64))


def _number(value: bytes, name: str, index: int, size: int) -> int:
    item = value[index * size : (index + 1) * size]
    if len(value) % size or not item:
        raise SystemReadError(f"sysctl {name}: unexpected size of {len(value)} bytes")
    return int.from_bytes(item, sys.byteorder, signed=True)


def split_platform(platform: str) -> tuple[str, int]:
    """Name and major version of a platform, such as ``freebsd14``.

    The version is 0 if there is none, as in ``darwin``.
    """
    match = re.fullmatch(r"([a-z]+)([0-9]*)", platform)
    return (match[1], int(match[2] or 0)) if match else (platform, 0)
