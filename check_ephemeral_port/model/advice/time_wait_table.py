"""Advice: the TIME_WAIT table is full."""

from __future__ import annotations

from .facts import Advice, TimeWaitTable

NEARLY_FULL = 0.9
"""If at least this share of the limit is used, the table can overflow at any time."""

BUCKETS = "net.ipv4.tcp_max_tw_buckets"


def advise_time_wait_table(table: TimeWaitTable) -> Advice | None:
    """Advice if the TIME_WAIT table is nearly full.

    kernel: ``inet_twsk_alloc()`` refuses more sockets than the limit. ip-sysctl.rst
    says: "You must not lower the limit artificially, but rather increase it".
    """
    if not table.limit or table.sockets < NEARLY_FULL * table.limit:
        return None
    without = f", {table.overflows} connections got none" * bool(table.overflows)
    return Advice(
        f"the TIME_WAIT table is full: {table.sockets} sockets of at most"
        f" {table.limit} ({BUCKETS}){without}",
        f"sysctl -w {BUCKETS}={2 * table.limit}",
    )
