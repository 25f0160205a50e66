"""The ephemeral range and the pool of ports that the kernel may choose from."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .records import NamedTuple

MAX_PORT = 65535


def parse_port(text: str) -> int:
    """A port number 1-65535; ``ValueError`` for anything else."""
    if re.fullmatch(r"[0-9]{1,5}", text) and 0 < int(text) <= MAX_PORT:
        return int(text)
    raise ValueError(f"{text!r} is not a port (1-{MAX_PORT})")


class _PortRangeFields(NamedTuple):
    first: int
    last: int
    step: int


class PortRange(_PortRangeFields):
    """The ephemeral range: the ports that the system hands out by itself.

    Both ends belong to it. ``ValueError`` unless 0 <= first <= last <= 65535.
    ``step`` is the distance by which connect() walks it: 2 on Linux, which tries
    one half before the other; 1 on systems where no port comes before the others.
    """

    __slots__ = ()

    def __new__(cls, first: int, last: int, step: int = 2) -> PortRange:
        if not 0 <= first <= last <= MAX_PORT:
            raise ValueError(f"{first}-{last} is not a range of ports")
        return super().__new__(cls, first, last, step)

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"

    @property
    def size(self) -> int:
        """How many ports lie in the range, reserved ones included."""
        return self.last - self.first + 1

    def includes(self, port: int) -> bool:
        """Whether the port lies in the range."""
        return self.first <= port <= self.last

    def is_first_choice(self, port: int) -> bool:
        """Whether connect() tries this port in its first pass.

        kernel: ``__inet_hash_connect()`` walks the ports of the parity of the
        range's first port before any of the other; ``inet_csk_find_open_port()``,
        which serves bind(0), does the opposite.
        """
        return (port - self.first) % self.step == 0

    @property
    def first_choice_size(self) -> int:
        """How many ports connect() tries in its first pass, reserved ones included."""
        return -(-self.size // self.step)

    def common(self, other: PortRange) -> PortRange | None:
        """The ports that lie in both ranges; ``None`` if there are none."""
        first, last = max(self.first, other.first), min(self.last, other.last)
        return PortRange(first, last, self.step) if first <= last else None


class _PortPoolFields(NamedTuple):
    range: PortRange
    reserved: frozenset[int]


class PortPool(_PortPoolFields):
    """The ephemeral range less the reserved ports: what can be handed out.

    Reserved ports outside the range don't matter and are dropped. ``ValueError``
    if nothing is left.
    """

    __slots__ = ()

    def __new__(cls, range: PortRange, reserved: Iterable[int] = ()) -> PortPool:
        within = frozenset(port for port in reserved if range.includes(port))
        if len(within) == range.size:
            raise ValueError(f"every port of the range {range} is reserved")
        return super().__new__(cls, range, within)

    @property
    def capacity(self) -> int:
        """How many ports the pool holds."""
        return self.range.size - len(self.reserved)

    @property
    def spans(self) -> list[PortRange]:
        """The pool as ranges without a reserved port, in ascending order."""
        spans, first = [], self.range.first
        for port in [*sorted(self.reserved), self.range.last + 1]:
            if first < port:
                spans.append(PortRange(first, port - 1))
            first = port + 1
        return spans

    @property
    def first_choice_capacity(self) -> int:
        """How many ports of the pool connect() tries in its first pass."""
        reserved = sum(map(self.range.is_first_choice, self.reserved))
        return self.range.first_choice_size - reserved

    @property
    def may_lose_one(self) -> bool:
        """Whether the kernel can overlook a port.

        Linux rounds the number of ports down to an even one before it walks them,
        so with an odd number the walk can end one short.
        kernel: ``remaining &= ~1U`` in ``__inet_hash_connect()`` and
        ``inet_csk_find_open_port()``.
        """
        return self.range.size % self.range.step != 0 and self.range.size > 1

    def includes(self, port: int) -> bool:
        """Whether the kernel may choose this port by itself."""
        return self.range.includes(port) and port not in self.reserved


def parse_port_list(text: str) -> frozenset[int]:
    """Ports of a list such as ``8080,40000-40010``; empty text is no port.

    The format of ``ip_local_reserved_ports`` (kernel:
    ``proc_do_large_bitmap()``). ``ValueError`` for anything else.
    """
    ports: set[int] = set()
    for part in text.strip().split(",") if text.strip() else ():
        first, dash, last = part.strip().partition("-")
        bounds = (first, last if dash else first)
        if not all(re.fullmatch(r"[0-9]{1,5}", bound) for bound in bounds):
            raise ValueError(f"{text.strip()!r} is not a list of ports")
        span = PortRange(int(bounds[0]), int(bounds[1]))
        ports.update(range(span.first, span.last + 1))
    return frozenset(ports)


def format_port_list(ports: Iterable[int]) -> str:
    """The same list as short as can be: ``8080,40000-40010``."""
    spans: list[list[int]] = []
    for port in sorted(ports):
        if spans and spans[-1][-1] == port - 1:
            spans[-1][1:] = [port]
        else:
            spans.append([port])
    return ",".join("-".join(map(str, span)) for span in spans)
