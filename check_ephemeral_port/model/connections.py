"""TCP connections, counted by destination while they are read.

A busy host can have half a million connections. To make an object for each would take
longer than the kernel needs to list them. The rules need only the local ports of each
destination, so a connection takes two bytes here.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from .sockets import TCP, Destination, Endpoint, SocketEntry, TcpState, is_ipv6

PackedDestination = bytes
"""Remote port, source address and remote address, in network byte order.

The bytes are in the order in which the kernel sends them. An IPv4 source is followed by
12 zero bytes. An IPv4 key has 22 bytes, an IPv6 key 34. If the connection is bound to a
device, its index follows in 4 bytes."""

PackedPorts = bytearray
"""Port numbers one after the other, two bytes each, in network byte order."""

PortsByDestination = defaultdict[PackedDestination, PackedPorts]

TIME_WAIT_SECONDS = 60
"""Duration of TIME_WAIT (kernel: ``TCP_TIMEWAIT_LEN``, a constant)."""

IPV4_KEY_BYTES, IPV6_KEY_BYTES, DEVICE_BYTES = 22, 34, 4
PIECE_BYTES = 65536
NO_VRF = 0
"""Stands for the sockets outside of all VRFs; see :mod:`.vrf`."""
_V4_MAPPED_SOURCE = bytes(10) + b"\xff\xff"
_SWAP = array("H", b"\0\1")[0] != 1


class Connections:
    """The local ports of TCP connections, by destination."""

    def __init__(self) -> None:
        self.held: PortsByDestination = defaultdict(bytearray)
        """All connections that are not in the other table."""
        self.time_wait: PortsByDestination = defaultdict(bytearray)
        """Connections in TIME_WAIT that are old enough for connect() to take them over
        if the rules allow it."""
        self.devices: set[int] = set()
        """Indices of the devices that connections are bound to."""
        self.vrf_of: Mapping[int, int] = {}
        """See :mod:`.vrf`; set after the last connection is counted."""
        self.states: defaultdict[TcpState, int] = defaultdict(int)
        """Number of connections by state."""

    def __len__(self) -> int:
        return sum(self.states.values())

    def take(
        self, entries: Iterable[SocketEntry], least_age_seconds: float
    ) -> list[SocketEntry]:
        """Count the entries that are connections, and return the others.

        ``least_age_seconds``: see :meth:`.settings.ConnectRules.least_age_seconds`.
        """
        others = []
        for entry in entries:
            if entry.protocol == TCP and entry.remote and entry.state:
                self.add(entry, least_age_seconds)
            else:
                others.append(entry)
        return others

    def add(self, entry: SocketEntry, least_age_seconds: float) -> None:
        """Count one connection."""
        assert entry.state and entry.destination
        self.states[entry.state] += 1
        if entry.device:
            self.devices.add(entry.device)
        table = self.held
        if entry.state is TcpState.TIME_WAIT and is_old_enough(
            entry.time_wait_age_seconds, least_age_seconds
        ):
            table = self.time_wait
        table[pack_destination(entry.destination)] += entry.local.port.to_bytes(
            2, "big"
        )

    def join_v4_mapped(self) -> None:
        """Count connections between v4-mapped IPv6 addresses as IPv4 connections. To
        the kernel they are the same."""
        for table in (self.held, self.time_wait):
            mapped = [
                key
                for key in table
                if len(key) >= IPV6_KEY_BYTES and key[2:14] == _V4_MAPPED_SOURCE
            ]
            for key in mapped:
                table[key[:2] + key[14:18] + bytes(12) + key[30:]] += table.pop(key)

    def sizes(self) -> Iterator[tuple[int, PackedDestination]]:
        """How many connections are in the way of a connect() to each destination,
        TIME_WAIT included."""
        for key, ports in self.held.items():
            size = (len(ports) + len(self.time_wait.get(key, b""))) // 2
            yield size + self._from_other_keys(key), key
        for key, ports in self.time_wait.items():
            if key not in self.held:
                yield len(ports) // 2 + self._from_other_keys(key), key

    def _from_other_keys(self, key: PackedDestination) -> int:
        return sum(len(self.ports(other)) for other in self.other_keys(key))

    def other_keys(self, key: PackedDestination) -> Iterator[PackedDestination]:
        """The keys whose connections are in the way of a connect() to this destination,
        other than its own key.

        To one on a device, these are the same destination without a device, and the
        same on the VRF of the device. kernel: ``inet_bound_dev_eq()``.
        """
        if len(key) in (IPV4_KEY_BYTES, IPV6_KEY_BYTES):
            return
        device, base = device_of(key), without_device(key)
        yield base
        vrf = self.vrf_of.get(device, device)
        if vrf != device:
            yield base + vrf.to_bytes(DEVICE_BYTES, "big")

    def any_destination(self) -> Destination | None:
        """One of the destinations; ``None`` if there is none."""
        for table in (self.held, self.time_wait):
            for key in table:
                return unpack_destination(key)
        return None

    def ports(self, key: PackedDestination) -> array[int]:
        """The ports to one destination, TIME_WAIT included."""
        return port_numbers(self.held.get(key, b"") + self.time_wait.get(key, b""))

    def ports_by_source(self) -> Iterator[tuple[bytes, PackedPorts]]:
        """The ports of each local address, once for each connection that holds them.

        A busy address comes in several pieces: all its ports at once would take as much
        memory as the tables."""
        found: dict[bytes, PackedPorts] = defaultdict(bytearray)
        for table in (self.held, self.time_wait):
            for key, ports in table.items():
                source = packed_source(key)
                piece = found[source]
                piece += ports
                if len(piece) > PIECE_BYTES:
                    yield source, found.pop(source)
        yield from found.items()


def is_old_enough(age_seconds: float | None, least_age_seconds: float) -> bool:
    """Whether a TIME_WAIT is old enough for connect() to take it over.

    If the age is unknown, the answer is yes: TIME_WAIT lasts 60 times as long as the
    usual delay, so the delay has most likely passed.
    """
    return age_seconds is None or age_seconds >= least_age_seconds


def longest_expiry_ms(least_age_seconds: float) -> float:
    """The same rule as a limit in milliseconds: a TIME_WAIT is old enough if it expires
    in at most this time."""
    return (TIME_WAIT_SECONDS - least_age_seconds) * 1000


def port_numbers(packed: bytes | PackedPorts) -> array[int]:
    """Unpack port numbers."""
    numbers = array("H", packed)
    if _SWAP:
        numbers.byteswap()
    return numbers


def without_device(key: PackedDestination) -> PackedDestination:
    """The same destination for sockets that are not bound to a device."""
    return key[: IPV4_KEY_BYTES if len(key) < IPV6_KEY_BYTES else IPV6_KEY_BYTES]


def device_of(key: PackedDestination) -> int:
    """The index of the device within a packed destination; 0 for none."""
    return int.from_bytes(key[len(without_device(key)) :], "big")


def packed_source(key: PackedDestination) -> bytes:
    """The source address within a packed destination."""
    return key[2:6] if len(key) < IPV6_KEY_BYTES else key[2:18]


def packed_remote(key: PackedDestination) -> bytes:
    """The remote port and address within a packed destination."""
    return key[:2] + without_device(key)[18:]


def pack_destination(destination: Destination) -> PackedDestination:
    """Pack a destination into a key."""
    remote = pack_remote(destination.remote)
    source = pack_address(destination.source)
    key = remote[:2] + source.ljust(16, b"\0") + remote[2:]
    device = destination.device
    return key + device.to_bytes(DEVICE_BYTES, "big") if device else key


def pack_remote(remote: Endpoint) -> bytes:
    """Pack a remote port and address, as :func:`packed_remote` returns them."""
    return remote.port.to_bytes(2, "big") + pack_address(remote.address)


def unpack_destination(key: PackedDestination) -> Destination:
    """Unpack a destination from its key."""
    port = int.from_bytes(key[:2], "big")
    remote = Endpoint(address_text(without_device(key)[18:]), port)
    return Destination(address_text(packed_source(key)), remote, device_of(key))


def pack_address(text: str) -> bytes:
    """Pack an address into 4 or 16 bytes."""
    if not is_ipv6(text):
        return bytes(map(int, text.split(".")))
    from ipaddress import IPv6Address  # late: loading takes as long as an IPv4 check

    return IPv6Address(text).packed


def address_text(packed: bytes) -> str:
    """The canonical text of an address of 4 or 16 bytes."""
    if len(packed) == 4:
        return ".".join(map(str, packed))
    from ipaddress import IPv6Address

    return str(IPv6Address(packed))
