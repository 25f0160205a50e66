"""Sockets that exist although no descriptor of a process leads to them."""

from __future__ import annotations

import array
import ctypes
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.support.needs import skip_without

IO_URING_SETUP, IO_URING_REGISTER = 425, 427  # the same on every architecture
REGISTER_FILES = 2
PARAMETERS_BYTES = 120
MOST_IN_A_MESSAGE = 253
"""kernel: ``SCM_MAX_FD``."""


@contextmanager
def in_flight(sockets: Sequence[socket.socket]) -> Iterator[None]:
    """Send the sockets through a Unix socket that is not read, and close them."""
    sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with sender, receiver:
        for start in range(0, len(sockets), MOST_IN_A_MESSAGE):
            some = sockets[start : start + MOST_IN_A_MESSAGE]
            numbers = array.array("i", [each.fileno() for each in some])
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)
            sender.sendmsg([b"x"], [rights])
        for each in sockets:
            each.close()
        yield


def need_io_uring() -> None:
    """Skip the test if this machine has no io_uring."""
    try:
        os.close(_io_uring())
    except OSError as error:
        skip_without(f"io_uring ({error})", "sysctl kernel.io_uring_disabled=0")


@contextmanager
def in_io_uring(sockets: Sequence[socket.socket]) -> Iterator[None]:
    """Register the sockets with io_uring, and close them."""
    ring = _io_uring()
    numbers = [each.fileno() for each in sockets]
    _call(
        *(IO_URING_REGISTER, ring, REGISTER_FILES),
        *(struct.pack(f"={len(numbers)}i", *numbers), len(numbers)),
    )
    for each in sockets:
        each.close()
    try:
        yield
    finally:
        os.close(ring)


def _io_uring() -> int:
    return _call(IO_URING_SETUP, 4, ctypes.create_string_buffer(PARAMETERS_BYTES))


def _call(*arguments: object) -> int:
    result = ctypes.CDLL(None, use_errno=True).syscall(*arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return int(result)
