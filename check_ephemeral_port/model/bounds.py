"""Numbers of used and free ports, with bounds for what is unclear."""

from __future__ import annotations

from .ports import PortPool
from .records import NamedTuple


class Bounds(NamedTuple):
    """A number of ports: at least ``low``, most likely ``best``, at most ``high``."""

    low: int
    best: int
    high: int

    @property
    def exact(self) -> bool:
        """Whether the number is certain."""
        return self.low == self.high


class Usage(NamedTuple):
    """How many of ``capacity`` ports one kind of request cannot get."""

    capacity: int
    used: Bounds

    @property
    def free(self) -> Bounds:
        """The number of further requests that will succeed."""
        low, best, high = (self.capacity - used for used in self.used)
        return Bounds(high, best, low)

    @property
    def used_percent(self) -> float:
        """Percent used, rounded down: 100 means that no port is free."""
        return self.percent(self.used.best)

    def percent(self, used: int) -> float:
        """The same for another number of used ports."""
        if not self.capacity:
            return 100.0
        return used * 10000 // self.capacity / 100


def usage_of(pool: PortPool, low: int, best: int, high: int) -> Usage:
    """The usage of a pool. If the kernel can miss a port, ``high`` is one greater."""
    high += pool.may_lose_one
    return Usage(pool.capacity, Bounds(low, best, min(high, pool.capacity)))
