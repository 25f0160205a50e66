"""How many requests failed: the difference of what a recorder counted at two moments.

A recorder counts per CPU, and keeps the newest failures in a ring per CPU. The counts
stay exact when the ring overflows. Another program can clear a ring, which begins its
counts again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..records import NamedTuple

TCP_CONNECT = "tcp_connect"
BIND = "bind"
UDP = "udp"
KINDS = (TCP_CONNECT, BIND, UDP)
"""The kinds of requests that leave the choice of the port to the kernel."""
TAKEN = "taken"
"""Requests for a port that the program chose and that is taken: no lack of ports."""

_PARTS_OF_TOTAL = (
    "entries",
    "overrun",
    "commit overrun",
    "dropped events",
    "read events",
)


class CpuCount(NamedTuple):
    """What one CPU has counted."""

    total: int
    """Failures since the recorder was switched on, or since it was cleared."""
    kept: int
    """The newest of them, which are still in the ring."""
    oldest_seconds: float
    """When the oldest one in the ring happened; 0 if the ring is empty."""

    @property
    def gone(self) -> int:
        """Failures that are no longer in the ring. They only grow, unless cleared."""
        return self.total - self.kept


class Counts(NamedTuple):
    """What the recorder of one kind of request had counted at one moment."""

    boot_id: str
    inode: int
    made_ns: int
    """The inode and the time of the recorder's folder. Together with the boot they
    identify a recorder, since tracefs gives a new one another inode."""
    at_seconds: float
    """The moment, by the clock of the events: seconds since the system started."""
    cpus: Mapping[int, CpuCount]
    """By the number of the CPU."""

    def is_of(self, other: Counts) -> bool:
        """Whether both come from the same recorder."""
        return self[:3] == other[:3]


def failed_since(last: Counts | None, now: Counts) -> tuple[int, float]:
    """The number of failures since ``last``, and the time after which they happened.

    After a reboot, with a new recorder, or with ``None`` these are all its failures,
    and the time is 0. If a CPU was cleared in between, all its failures count as well.
    Those between ``last`` and the clearing are lost.
    """
    if last is None or not last.is_of(now):
        return sum(count.total for count in now.cpus.values()), 0.0
    failed = sum(_grown(last.cpus.get(cpu), count) for cpu, count in now.cpus.items())
    return failed, last.at_seconds


def _grown(last: CpuCount | None, now: CpuCount) -> int:
    return now.total if last is None or _is_cleared(last, now) else now[0] - last[0]


def _is_cleared(last: CpuCount, now: CpuCount) -> bool:
    if now.total < last.total or now.gone < last.gone:
        return True
    # the oldest failure can only change if it leaves the ring
    moved = last.kept > 0 and now.oldest_seconds != last.oldest_seconds
    return moved and now.gone == last.gone


def parse_cpu_stats(text: str) -> tuple[CpuCount, float]:
    """What one CPU has counted, and the present time of its clock in seconds.

    ``text`` is the content of ``per_cpu/cpuN/stats``. Raises ``ValueError``.
    Source: kernel, ``tracing_stats_read()``.
    """
    line = r"^([a-z ]+): *([0-9]{1,20}(?:\.[0-9]{6})?)$"
    found = dict(re.findall(line, text, re.MULTILINE))
    try:
        total = sum(int(found[name]) for name in _PARTS_OF_TOTAL)
        oldest, now = float(found["oldest event ts"]), float(found["now ts"])
    except KeyError as error:
        raise ValueError(f"no {error} in the counts of a CPU") from None
    return CpuCount(total, int(found["entries"]), oldest), now


def encode_counts(counts: Mapping[str, Counts]) -> str:
    """The counts of each kind as text, one line each."""
    lines = []
    for kind, (boot_id, inode, made_ns, at_seconds, cpus) in counts.items():
        words = [f"{cpu}:{c[0]}:{c[1]}:{c[2]:.6f}" for cpu, c in cpus.items() if c[0]]
        head = [kind, boot_id or "-", str(inode), str(made_ns), f"{at_seconds:.6f}"]
        lines.append(" ".join(head + words))
    return "\n".join(lines)


def decode_counts(text: str) -> dict[str, Counts]:
    """The counts of each kind, from :func:`encode_counts`.

    Empty if any part of the text is foreign.
    """
    try:
        return dict(map(_decode_line, text.splitlines()))
    except ValueError:
        return {}


def _decode_line(line: str) -> tuple[str, Counts]:
    if not re.fullmatch(r"[ -~]*", line):
        raise ValueError
    kind, boot_id, inode, made_ns, at_seconds, *words = line.split(" ")
    cpus = {}
    for word in words:
        cpu, total, kept, oldest = word.split(":")
        cpus[_whole(cpu)] = CpuCount(_whole(total), _whole(kept), _seconds(oldest))
    if kind not in (*KINDS, TAKEN):
        raise ValueError
    boot_id = "" if boot_id == "-" else boot_id
    at = _seconds(at_seconds)
    return kind, Counts(boot_id, _whole(inode), _whole(made_ns), at, cpus)


def _whole(text: str) -> int:
    if not re.fullmatch("[0-9]{1,20}", text):
        raise ValueError
    return int(text)


def _seconds(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,12}\.[0-9]{6}", text):
        raise ValueError
    return float(text)
