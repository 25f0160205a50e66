"""Advice: reserved ports take much of the ephemeral range."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from ..ports import PortPool
from .facts import Advice
from .wider_range import LARGE_ENOUGH, USUAL, wider_range

MANY = 0.25
"""There is advice if at least this share of the range is reserved."""


def advise_reserved_ports(pool: PortPool, reserved: AbstractSet[int]) -> Advice | None:
    """Advice for a pool that is small because of reserved ports."""
    taken, size = len(pool.reserved), pool.range.size
    if taken < MANY * size or pool.capacity >= LARGE_ENOUGH * USUAL.size:
        return None
    problem = f"reserved ports take {taken} of the range's {size}"
    return wider_range(problem, problem, reserved)
