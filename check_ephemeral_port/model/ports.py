"""The ephemeral range, and the pool of ports from which the kernel chooses."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .records import NamedTuple

MAX_PORT = 65535
MAX_PARTS = 100
"""Maximum number of parts in a list of ports that a user asks for. The kernel gets a
filter with two operations for each."""


def parse_port(text: str) -> int:
    """Parse a port number. Raises ``ValueError`` if it isn't in 1-65535."""
    if re.fullmatch(r"[0-9]{1,5}", text) and 0 < int(text) <= MAX_PORT:
        return int(text)
    raise ValueError(f"{text!r} is not a port (1-{MAX_PORT})")


class _PortRangeFields(NamedTuple):
    first: int
    last: int
    step: int


class PortRange(_PortRangeFields):
    """A range of ports, such as the ephemeral range from which the system chooses.

    Both ends belong to the range. Raises ``ValueError`` unless
    0 <= first <= last <= 65535. ``step`` is the distance between two ports that
    connect() tries: 2 on Linux, which tries one half of the range before the other, and
    1 on systems that prefer no port.
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
        """Number of ports in the range, including reserved ports."""
        return self.last - self.first + 1

    def includes(self, port: int) -> bool:
        """Whether the port is in the range."""
        return self.first <= port <= self.last

    def is_first_choice(self, port: int) -> bool:
        """Whether connect() tries this port in its first pass.

        kernel: ``__inet_hash_connect()`` first tries the ports with the parity of the
        range's first port, then the others. ``inet_csk_find_open_port()``, which
        serves bind() to port 0, does the opposite.
        """
        return (port - self.first) % self.step == 0

    @property
    def first_choice_size(self) -> int:
        """Number of first-choice ports, including reserved ports."""
        return -(-self.size // self.step)

    def common(self, other: PortRange) -> PortRange | None:
        """The ports that are in both ranges; ``None`` if there are none."""
        first, last = max(self.first, other.first), min(self.last, other.last)
        return PortRange(first, last, self.step) if first <= last else None


class _PortPoolFields(NamedTuple):
    range: PortRange
    reserved: frozenset[int]


class PortPool(_PortPoolFields):
    """The ephemeral range minus the reserved ports: the ports that can be given out.

    Drops reserved ports outside of the range. If every port of the range is reserved,
    the pool is empty, and the system refuses every request for a port.
    """

    __slots__ = ()

    def __new__(cls, range: PortRange, reserved: Iterable[int] = ()) -> PortPool:
        within = frozenset(port for port in reserved if range.includes(port))
        return super().__new__(cls, range, within)

    @property
    def capacity(self) -> int:
        """Number of ports in the pool."""
        return self.range.size - len(self.reserved)

    @property
    def spans(self) -> list[PortRange]:
        """The pool as ranges without reserved ports, in ascending order."""
        spans, first = [], self.range.first
        for port in [*sorted(self.reserved), self.range.last + 1]:
            if first < port:
                spans.append(PortRange(first, port - 1))
            first = port + 1
        return spans

    @property
    def first_choice_capacity(self) -> int:
        """Number of first-choice ports in the pool."""
        reserved = sum(map(self.range.is_first_choice, self.reserved))
        return self.range.first_choice_size - reserved

    @property
    def may_lose_one(self) -> bool:
        """Whether the kernel can miss a free port.

        Linux rounds the number of ports down to an even number before it tries them. If
        the number is odd, it can stop one port too early.
        kernel: ``remaining &= ~1U`` in ``__inet_hash_connect()`` and
        ``inet_csk_find_open_port()``.
        """
        return self.range.size % self.range.step != 0 and self.range.size > 1

    def includes(self, port: int) -> bool:
        """Whether the kernel can choose this port by itself."""
        return self.range.includes(port) and port not in self.reserved


def parse_ports(text: str) -> tuple[PortRange | str, ...]:
    """Parse what a user asks for: ``443``, ``8000-8010,9000`` or ``https``.

    The name of a service stays a text. Raises ``ValueError``.
    """
    parts = text.split(",")
    if len(parts) > MAX_PARTS:
        raise ValueError(f"{len(parts)} ports or ranges are too many ({MAX_PARTS})")
    return tuple(_parse_part(part.strip()) for part in parts)


def _parse_part(text: str) -> PortRange | str:
    if is_service_name(text):
        return text
    first, dash, last = text.partition("-")
    try:
        span = parse_port(first), parse_port(last if dash else first)
    except ValueError:
        if dash and first:
            raise ValueError(f"{text!r} is not a range of ports") from None
        raise
    if span[0] > span[1]:
        raise ValueError(f"{text!r} is reversed: {first} is greater than {last}")
    return PortRange(*span)


def is_service_name(text: str) -> bool:
    """Whether the text can be the name of a service, such as ``https``.

    Source: RFC 6335, section 5.1. ``/etc/services`` of Debian also has ``_``, ``.`` and
    ``+`` in names.
    """
    name = re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z_.+-]{0,62}", text)
    return bool(name and re.search("[A-Za-z]", text))


def merged(ranges: Iterable[PortRange]) -> tuple[PortRange, ...]:
    """The same ports as ranges in ascending order, with gaps between them."""
    found: list[PortRange] = []
    for span in sorted(ranges):
        if found and span.first <= found[-1].last + 1:
            first, last = found[-1].first, max(found[-1].last, span.last)
            found[-1] = PortRange(first, last)
        else:
            found.append(span)
    return tuple(found)


def ports_in(spans: Iterable[PortRange]) -> frozenset[int]:
    """All ports of these ranges."""
    return frozenset(p for span in spans for p in range(span.first, span.last + 1))


def spans_text(spans: Iterable[PortRange]) -> str:
    """``8000-8010,9000``."""
    return ",".join(str(s.first) if s.first == s.last else str(s) for s in spans)


def parse_port_list(text: str) -> frozenset[int]:
    """Parse a list of ports such as ``8080,40000-40010``. Empty text means no port.

    This is the format of ``ip_local_reserved_ports`` (kernel:
    ``proc_do_large_bitmap()``). Raises ``ValueError`` if the text is malformed.
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
    """Write the shortest list of these ports, such as ``8080,40000-40010``."""
    spans: list[list[int]] = []
    for port in sorted(ports):
        if spans and spans[-1][-1] == port - 1:
            spans[-1][1:] = [port]
        else:
            spans.append([port])
    return ",".join("-".join(map(str, span)) for span in spans)
