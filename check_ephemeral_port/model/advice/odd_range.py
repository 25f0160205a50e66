"""Advice: the ephemeral range has an odd number of ports."""

from __future__ import annotations

from ..ports import MAX_PORT, PortPool, PortRange
from .facts import Advice
from .wider_range import set_range


def advise_odd_size(pool: PortPool) -> Advice | None:
    """Bounds of the same parity, that is an odd number of ports.

    kernel: ``ipv4_local_port_range()`` warns of it; see
    :attr:`PortPool.may_lose_one`.
    """
    if not pool.may_lose_one:
        return None
    first, last, _ = pool.range
    even = (first, last + 1) if last < MAX_PORT else (first + 1, last)
    return Advice(
        f"the range {pool.range} has an odd number of ports: the system can miss one",
        set_range(PortRange(*even)),
    )
