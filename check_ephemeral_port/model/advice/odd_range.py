"""Advice: the ephemeral range has an odd number of ports."""

from __future__ import annotations

from ..ports import MAX_PORT, PortPool, PortRange
from .facts import Advice
from .wider_range import set_range


def advise_odd_size(pool: PortPool) -> Advice | None:
    """Advice if both bounds are even or both are odd.

    The number of ports is then odd, see :attr:`PortPool.may_lose_one`.
    kernel: ``set_local_port_range()`` logs a warning about such bounds.
    """
    if not pool.may_lose_one:
        return None
    first, last, _ = pool.range
    even = (first, last + 1) if last < MAX_PORT else (first + 1, last)
    return Advice(
        f"the range {pool.range} has an odd number of ports: the system can miss one",
        set_range(PortRange(*even)),
    )
