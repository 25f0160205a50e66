"""Settings and counters that only advice needs; on Linux."""

from __future__ import annotations

import sys

from ..model.advice.facts import AdviceSettings, TimeWaitTable
from .errors import SystemReadError
from .ranges.linux import read_number, read_reserved_ports
from .sockets.sockstat import read_time_wait_sockets


def read_advice_settings(
    platform: str = sys.platform, proc: str = "/proc"
) -> AdviceSettings | None:
    """Those of the network namespace that this thread is in; ``None`` on systems that
    there are no rules for.

    Raises :class:`SystemReadError`.
    """
    if platform != "linux":
        return None
    return AdviceSettings(read_reserved_ports(proc), _time_wait_table(proc))


def _time_wait_table(proc: str) -> TimeWaitTable | None:
    limit = read_number(f"{proc}/sys/net/ipv4/tcp_max_tw_buckets")
    # /proc/net is the namespace of the process, whichever its thread is in
    thread = f"{proc}/thread-self"
    try:
        sockets = read_time_wait_sockets(thread)
        with open(f"{thread}/net/netstat", encoding="ascii") as file:
            overflows = decode_counter(file.read(), "TcpExt", "TCPTimeWaitOverflow")
    except (OSError, ValueError, SystemReadError):  # absent in sandboxes
        return None
    return None if limit is None else TimeWaitTable(sockets, limit, overflows)


def decode_counter(text: str, group: str, name: str) -> int:
    """A counter of ``/proc/net/netstat``: a line of names, then one of numbers, both
    beginning with their group. 0 if this kernel doesn't count it; ``ValueError`` if
    the group isn't there.

    Source: kernel, ``netstat_seq_show()``.
    """
    rows = [line.split() for line in text.splitlines()]
    names, numbers = (row for row in rows if row[:1] == [f"{group}:"])
    return int(dict(zip(names, numbers)).get(name, 0))
