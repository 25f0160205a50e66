"""TCP connections, summed up by destination while they are read.

A busy host has half a million of them, and an object for each would cost more than
the kernel needs to list them all. What decides is which local ports are held, for
each destination; so two bytes are all that is kept of a connection.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator

from .sockets import TCP, Destination, Endpoint, SocketEntry, TcpState, is_ipv6

PackedDestination = bytes
"""The remote port, the source address and the remote address, as the kernel sends
them: in network byte order, and the source of IPv4 filled up with 12 zero bytes. So
the length tells IPv4 (22 bytes) from IPv6 (34)."""

PackedPorts = bytearray
"""Port numbers one after the other, two bytes each, in network byte order."""

PortsByDestination = defaultdict[PackedDestination, PackedPorts]

TIME_WAIT_SECONDS = 60
"""How long TIME_WAIT lasts (kernel: ``TCP_TIMEWAIT_LEN``, a constant)."""

IPV4_KEY_BYTES, IPV6_KEY_BYTES = 22, 34
PIECE_BYTES = 65536
_V4_MAPPED_SOURCE = bytes(10) + b"\xff\xff"
_SWAP = array("H", b"\0\1")[0] != 1


class Connections:
    """The local ports of connections."""

    def __init__(self) -> None:
        self.held: PortsByDestination = defaultdict(bytearray)
        """Of all that are in neither of the other two."""
        self.time_wait: PortsByDestination = defaultdict(bytearray)
        """In TIME_WAIT, for so long that connect() may take them over if the rules
        allow it."""
        self.on_device: PortsByDestination = defaultdict(bytearray)
        """Bound to a device (SO_BINDTODEVICE), which leaves the 4-tuple to others."""
        self.states: defaultdict[TcpState, int] = defaultdict(int)
        """Connections by state."""

    def __len__(self) -> int:
        return sum(self.states.values())

    def take(
        self, entries: Iterable[SocketEntry], reuse_delay_seconds: float
    ) -> list[SocketEntry]:
        """Count those that are connections; the others come back."""
        others = []
        for entry in entries:
            if entry.protocol == TCP and entry.remote and entry.state:
                self.add(entry, reuse_delay_seconds)
            else:
                others.append(entry)
        return others

    def add(self, entry: SocketEntry, reuse_delay_seconds: float) -> None:
        """Count one connection."""
        assert entry.state and entry.destination
        self.states[entry.state] += 1
        if entry.device:
            table = self.on_device
        elif entry.state is TcpState.TIME_WAIT and is_old_enough(
            entry.time_wait_age_seconds, reuse_delay_seconds
        ):
            table = self.time_wait
        else:
            table = self.held
        table[pack_destination(entry.destination)] += entry.local.port.to_bytes(
            2, "big"
        )

    def join_v4_mapped(self) -> None:
        """Count connections between v4-mapped IPv6 addresses as the IPv4 ones that they
        are to the kernel."""
        for table in (self.held, self.time_wait, self.on_device):
            mapped = [
                key
                for key in table
                if len(key) == IPV6_KEY_BYTES and key[2:14] == _V4_MAPPED_SOURCE
            ]
            for key in mapped:
                table[key[:2] + key[14:18] + bytes(12) + key[30:]] += table.pop(key)

    def sizes(self) -> Iterator[tuple[int, PackedDestination]]:
        """How many connections each destination has, TIME_WAIT included."""
        for key, ports in self.held.items():
            waiting = self.time_wait.get(key)
            yield (len(ports) + (len(waiting) if waiting else 0)) // 2, key
        for key, ports in self.time_wait.items():
            if key not in self.held:
                yield len(ports) // 2, key

    def ports(self, key: PackedDestination) -> array[int]:
        """The ports of one destination, TIME_WAIT included."""
        return port_numbers(self.held.get(key, b"") + self.time_wait.get(key, b""))

    def ports_by_source(self) -> Iterator[tuple[bytes, PackedPorts]]:
        """The ports of each local address, as often as connections hold them; of busy
        addresses in several pieces, since all at once would take as much memory as the
        tables."""
        found: dict[bytes, PackedPorts] = defaultdict(bytearray)
        for table in (self.held, self.time_wait, self.on_device):
            for key, ports in table.items():
                source = packed_source(key)
                piece = found[source]
                piece += ports
                if len(piece) > PIECE_BYTES:
                    yield source, found.pop(source)
        yield from found.items()


def is_old_enough(age_seconds: float | None, reuse_delay_seconds: float) -> bool:
    """Whether connect() can take over a TIME_WAIT of this age.

    TIME_WAIT lasts 60 times as long as the usual delay. So the delay has most likely
    passed if the age is unknown.
    kernel: ``tcp_twsk_unique()``.
    """
    return age_seconds is None or age_seconds >= reuse_delay_seconds


def longest_expiry_ms(reuse_delay_seconds: float) -> float:
    """The same rule for the milliseconds until a TIME_WAIT expires: with at most this
    many, it is old enough."""
    return (TIME_WAIT_SECONDS - reuse_delay_seconds) * 1000


def port_numbers(packed: bytes | PackedPorts) -> array[int]:
    """The numbers of packed ports."""
    numbers = array("H", packed)
    if _SWAP:
        numbers.byteswap()
    return numbers


def packed_source(key: PackedDestination) -> bytes:
    """The source address within a packed destination."""
    return key[2:6] if len(key) == IPV4_KEY_BYTES else key[2:18]


def packed_remote(key: PackedDestination) -> bytes:
    """The remote port and address within a packed destination."""
    return key[:2] + key[18:]


def pack_destination(destination: Destination) -> PackedDestination:
    """The key of a destination."""
    remote = pack_remote(destination.remote)
    source = pack_address(destination.source)
    return remote[:2] + source.ljust(16, b"\0") + remote[2:]


def pack_remote(remote: Endpoint) -> bytes:
    """A remote port and address, as :func:`packed_remote` gives them."""
    return remote.port.to_bytes(2, "big") + pack_address(remote.address)


def unpack_destination(key: PackedDestination) -> Destination:
    """The destination that a key stands for."""
    port = int.from_bytes(key[:2], "big")
    remote = Endpoint(address_text(key[18:]), port)
    return Destination(address_text(packed_source(key)), remote)


def pack_address(text: str) -> bytes:
    """An address of 4 or 16 bytes, from its text."""
    if not is_ipv6(text):
        return bytes(map(int, text.split(".")))
    from ipaddress import IPv6Address  # late: takes as long as a whole IPv4 check

    return IPv6Address(text).packed


def address_text(packed: bytes) -> str:
    """An address in canonical text, from its 4 or 16 bytes."""
    if len(packed) == 4:
        return ".".join(map(str, packed))
    from ipaddress import IPv6Address

    return str(IPv6Address(packed))
