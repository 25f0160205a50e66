"""A set of many ports in little memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .ports import MAX_PORT, PortRange


class PortSet:
    """Port numbers, a byte for each that there may be.

    A ``set`` takes 64 bytes and more for each that there is, which on a busy host is
    as much memory as all the rest of the check.
    """

    __slots__ = ("_flags",)

    def __init__(self, ports: Iterable[int] = ()) -> None:
        self._flags = bytearray(MAX_PORT + 1)
        self.update(ports)

    def __bool__(self) -> bool:
        return 1 in self._flags

    def __len__(self) -> int:
        # counting takes ten times as long as finding nothing
        return self._flags.count(1) if self else 0

    def __contains__(self, port: int) -> bool:
        return self._flags[port] == 1

    def __iter__(self) -> Iterator[int]:
        port = self._flags.find(1)
        while port >= 0:
            yield port
            port = self._flags.find(1, port + 1)

    def update(self, ports: Iterable[int]) -> None:
        """Add the ports."""
        if isinstance(ports, PortSet):
            self._flags = (
                _flags(self._number | ports._number) if self else ports._flags[:]
            )
            return
        flags = self._flags
        for port in ports:
            flags[port] = 1

    def without(self, ports: Iterable[int]) -> PortSet:
        """The set less these ports."""
        rest = PortSet()
        if isinstance(ports, PortSet):
            if self:
                rest._flags = _flags(self._number & ~ports._number)
            return rest
        rest._flags = flags = self._flags[:]
        for port in ports:
            flags[port] = 0
        return rest

    @property
    def _number(self) -> int:
        # all flags at once: one by one they would take a hundred times as long
        return int.from_bytes(self._flags, "little")

    def count_first_choice(self, range: PortRange) -> int:
        """How many of the ports connect() tries in its first pass."""
        return self._flags[range.first : range.last + 1 : range.step].count(1)


def _flags(number: int) -> bytearray:
    return bytearray(number.to_bytes(MAX_PORT + 1, "little"))
