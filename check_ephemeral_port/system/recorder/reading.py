"""Reads what a recorder has counted."""

from __future__ import annotations

import os
import re
import time

from ...model.failed.counts import (
    BIND,
    TAKEN,
    TCP_CONNECT,
    UDP,
    Counts,
    CpuCount,
    parse_cpu_stats,
)
from ..clock import read_boot_id
from ..errors import SystemReadError

SUFFIXES = {TCP_CONNECT: "", BIND: "_bind", UDP: "_udp", TAKEN: "_taken"}
"""What the name of the instance of each kind ends in."""
FEWEST_IN_A_RING = 100
"""A ring holds more failures than this, so with fewer, nothing is overwritten."""
MOST_TRIES = 100
"""At 300,000 failures per second on one CPU, one of two tries succeeds."""
MOST_BYTES = 64 << 20
"""More text of one recorder is not read. It is the text of about 200 CPUs."""


def recorded_kinds(path: str) -> dict[str, str]:
    """The folder of each kind that the recorder with this path records."""
    folders = {kind: path + suffix for kind, suffix in SUFFIXES.items()}
    return {kind: it for kind, it in folders.items() if os.path.exists(it)}


def read_counts(folder: str) -> Counts:
    """What a recorder has counted. Takes 0.03 ms per CPU.

    Raises :class:`SystemReadError`.
    """
    try:
        found = os.stat(folder)
        numbers = [_cpu_number(name) for name in os.listdir(f"{folder}/per_cpu")]
    except OSError as error:
        raise _unreadable(error) from None
    cpus: dict[int, CpuCount] = {}
    at_seconds = 0.0
    for number in sorted(numbers):
        cpus[number], now = _read_cpu(f"{folder}/per_cpu/cpu{number}/stats")
        at_seconds = max(at_seconds, now)
    made_ns = found.st_mtime_ns
    return Counts(read_boot_id(), found.st_ino, made_ns, at_seconds, cpus)


def _read_cpu(path: str) -> tuple[CpuCount, float]:
    # The kernel reads its counters one after the other. If it overwrites a page of the
    # ring in between, they don't fit together. So read until nothing was overwritten.
    before = None
    for _ in range(MOST_TRIES):
        try:
            count, now = parse_cpu_stats(read_text(path))
        except ValueError as error:
            raise SystemReadError(f"cannot read {path}: {error}") from None
        ring = count.gone, count.oldest_seconds
        if count.total < FEWEST_IN_A_RING or ring == before:
            break
        before = ring
    return count, now


def _cpu_number(name: str) -> int:
    match = re.fullmatch("cpu([0-9]{1,5})", name)
    if not match:
        raise SystemReadError(f"{name!r} is not a CPU of a recorder")
    return int(match[1])


def is_paused(folder: str) -> bool:
    """Whether another program has stopped a recorder.

    Raises :class:`SystemReadError`.
    """
    return read_text(f"{folder}/tracing_on").strip() == "0"


def read_age(folder: str) -> float:
    """How many seconds ago a recorder was made. Raises :class:`SystemReadError`."""
    try:
        return max(0.0, time.time() - os.stat(folder).st_mtime)
    except OSError as error:
        raise _unreadable(error) from None


def read_text(path: str) -> str:
    """The content of a file of tracefs. Raises :class:`SystemReadError`."""
    try:
        with open(path, "rb", buffering=0) as file:
            data = bytearray()
            while len(data) < MOST_BYTES:
                part = file.read(1 << 16)
                if not part:
                    break
                data += part
    except OSError as error:
        raise _unreadable(error) from None
    return data.decode("utf-8", "surrogateescape")


def _unreadable(error: OSError) -> SystemReadError:
    hint = " (see --recorder-group)" if isinstance(error, PermissionError) else ""
    return SystemReadError(f"cannot read {error.filename}: {error.strerror}{hint}")
