"""Reads files of ``/proc`` and ``/sys`` whole.

The size of such a file is unknown until it is read, and their kinds differ. The kernel
makes the text of a sysctl again at each read(). Only the first read() of an open file
has text, and what does not fit into it is lost (kernel: ``proc_do_large_bitmap()``).
Other files, such as ``/proc/net/sockstat``, continue at the next read(), which can
return less than was asked for (kernel: ``seq_read_iter()``).
"""

from __future__ import annotations

import os

from .errors import SystemReadError

FIRST_BYTES = 4096
"""Enough for nearly all files. The kernel clears this much memory for each read()."""
GROWTH = 16
MOST_BYTES = FIRST_BYTES * GROWTH**2
"""The longest file of the kernel that the check reads, ``ip_local_reserved_ports`` with
every second port, has 191 kB. The kernel refuses a read() of 4 MiB."""


def read_kernel_file(path: str) -> bytes:
    """The whole content of a file that the kernel generates.

    Raises :class:`SystemReadError` with the path if the file cannot be read, or is so
    long that it may be cut.
    """
    size = FIRST_BYTES
    try:
        data = _read(path, size)
        while len(data) == size:  # it may be cut
            if size == MOST_BYTES:
                raise SystemReadError(f"{path} is longer than {MOST_BYTES} bytes")
            size *= GROWTH
            data = _read(path, size)
    except OSError as error:
        raise SystemReadError(f"cannot read {path}: {error.strerror}") from None
    return data


def read_kernel_text(path: str) -> str:
    """The same as text; a byte that is not UTF-8 becomes a replacement character."""
    return read_kernel_file(path).decode("utf-8", "replace")


def _read(path: str, size: int) -> bytes:
    """The content of the file, or its first ``size`` bytes."""
    data = b""
    file = os.open(path, os.O_RDONLY)
    try:
        while len(data) < size:
            part = os.read(file, size - len(data))
            if not part:
                break
            data += part
    finally:
        os.close(file)
    return data
