"""A C library whose functions have the signatures that the BSDs document."""

from __future__ import annotations

import ctypes
import errno
import re
import sys
from collections.abc import Mapping
from typing import Any

from tests.support.recorded import recorded

OUT = (
    ctypes.c_void_p,
    ctypes.POINTER(ctypes.c_size_t),
    ctypes.c_void_p,
    ctypes.c_size_t,
)
BY_NAME = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, *OUT, use_errno=True)
BY_NUMBER = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.c_uint, *OUT, use_errno=True
)


def int32(value: int) -> bytes:
    """An int as the kernel stores it."""
    return value.to_bytes(4, sys.byteorder, signed=True)


def sysctls(name: str) -> dict[str, bytes]:
    """The values in a recorded output of sysctl(8)."""
    pairs = re.findall(r"^([\w.]+)(?:: |=)(\d+)$", recorded(name), re.MULTILINE)
    return {name: int32(int(value)) for name, value in pairs}


class CLibrary:
    """Answers with values, by name or by the numbers that stand for a name."""

    def __init__(self, values: Mapping[Any, bytes]) -> None:
        def answer(key: object, value: int, capacity: Any) -> int:
            if key not in values or capacity[0] < len(values[key]):
                ctypes.set_errno(errno.ENOENT)
                return -1
            capacity[0] = len(values[key])
            ctypes.memmove(value, values[key], len(values[key]))
            return 0

        def sysctlbyname(
            name: bytes, value: int, capacity: Any, new: int | None, new_size: int
        ) -> int:
            assert (new, new_size) == (None, 0)
            return answer(name.decode(), value, capacity)

        def sysctl(
            numbers: Any,
            count: int,
            value: int,
            capacity: Any,
            new: int | None,
            new_size: int,
        ) -> int:
            assert (new, new_size) == (None, 0)
            return answer(tuple(numbers[:count]), value, capacity)

        self.sysctlbyname = BY_NAME(sysctlbyname)
        self.sysctl = BY_NUMBER(sysctl)
