"""How many ports are used and free, with bounds where something is unclear."""

from __future__ import annotations

from .ports import PortPool
from .records import NamedTuple


class Bounds(NamedTuple):
    """A number of ports: at least, most likely, at most."""

    low: int
    best: int
    high: int

    @property
    def exact(self) -> bool:
        """Whether nothing is unclear about the number."""
        return self.low == self.high


class Usage(NamedTuple):
    """How many of ``capacity`` ports can't be had for one kind of request."""

    capacity: int
    used: Bounds

    @property
    def free(self) -> Bounds:
        """Ports left: so many further requests will succeed."""
        low, best, high = (self.capacity - used for used in self.used)
        return Bounds(high, best, low)

    @property
    def used_percent(self) -> float:
        """Percent used, rounded down: 100 means that nothing is left."""
        if not self.capacity:
            return 100.0
        return self.used.best * 10000 // self.capacity / 100


def usage_of(pool: PortPool, low: int, best: int, high: int) -> Usage:
    """The usage of a pool, with one more port in doubt if the kernel can miss one."""
    high += pool.may_lose_one
    return Usage(pool.capacity, Bounds(low, best, min(high, pool.capacity)))
