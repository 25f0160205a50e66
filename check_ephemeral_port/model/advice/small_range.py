"""Advice: the ephemeral range is much smaller than usual."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from ..ports import PortPool
from .facts import Advice
from .wider_range import USUAL, wider_range

SMALL = 0.5
"""A range is small if it has at most this share of the usual number of ports. IANA's
dynamic ports, which many other systems use, have 58 %."""


def advise_small_range(pool: PortPool, reserved: AbstractSet[int]) -> Advice | None:
    """Advice for a range that is much smaller than usual."""
    if pool.range.size > SMALL * USUAL.size:
        return None
    small = f"is small, {USUAL.size} ports are usual"
    return wider_range(
        f"the range {pool.range} {small}", f"the range {small}", reserved
    )
