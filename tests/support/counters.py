"""Everything by which the network of a namespace shows that something happened."""

from __future__ import annotations

from pathlib import Path

COUNTERS = ("snmp", "netstat", "snmp6", "sockstat6", "tcp", "tcp6", "nf_conntrack")
"""In ``/proc/net``. ``tcp`` and ``tcp6`` list every connection and TIME_WAIT."""
OF_NAMESPACE = {"TCP:": ("inuse", "tw"), "UDP:": ("inuse",)}
"""The fields of sockstat that count neither other namespaces nor netlink, whose sockets
the kernel removes some time after their process."""


def network_counters() -> dict[str, object]:
    """All counters and connections of this namespace."""
    paths = [Path("/proc/net", name) for name in COUNTERS]
    found: dict[str, object] = {
        path.name: _without_timers(path.read_text()) for path in paths if path.exists()
    }
    found["sockstat"] = _sockstat()
    return found


def _without_timers(text: str) -> list[list[str]]:
    # in tcp and tcp6, the timers count down: fields from the sixth on
    rows = [line.split() for line in text.splitlines()]
    return [row[:5] if row[:1] and row[0][:-1].isdigit() else row for row in rows]


def _sockstat() -> dict[str, int]:
    found = {}
    for line in Path("/proc/net/sockstat").read_text().splitlines():
        title, *fields = line.split()
        values = dict(zip(fields[::2], map(int, fields[1::2])))
        for name in OF_NAMESPACE.get(title, ()):
            found[f"{title} {name}"] = values[name]
    return found
