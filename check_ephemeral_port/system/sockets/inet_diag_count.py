"""Counts the TCP connections in the kernel's answers, as fast as Python can.

:mod:`.inet_diag` makes an object of each socket, which is slow. This module keeps only
the two bytes of the local port. It appends them to the ports of the destination. The
key of a destination is a slice of the message; :mod:`.inet_diag` has a map of it.

The counter tries three ways, the fastest first:

1. *All alike*: all messages of a chunk have the same length, family and device, and
   all or none are in TIME_WAIT. Then ``struct``, ``map()`` and slices loop over them
   in less than half of the time of a Python loop.
2. *Sorted by length*: the chunk mixes IPv4 and IPv6, or connections and TIME_WAIT.
   ``re`` sorts the messages by length. The messages of each length are then all alike.
3. *One by one*: everything else, such as listeners among the connections.
"""

from __future__ import annotations

import re
from _socket import AF_INET
from array import array
from collections import deque
from collections.abc import Iterable
from functools import lru_cache
from itertools import repeat
from operator import getitem, iconcat
from struct import Struct, pack
from struct import error as StructError
from time import monotonic

from ...model.connections import (
    DEVICE_BYTES,
    IPV4_KEY_BYTES,
    IPV6_KEY_BYTES,
    Connections,
    PortsByDestination,
    longest_expiry_ms,
)
from ...model.settings import ConnectRules
from ...model.sockets import TCP, SocketEntry, TcpState
from .inet_diag import (
    MESSAGE_BYTES,
    NLM_F_MULTI,
    OFFSETS,
    SOCKET_MESSAGES,
    TCP_STATES,
    TIME_WAIT,
    Chunk,
    decode_chunk,
    message_format,
)

# the key of a destination begins at the remote port, both for IPv4 and IPv6; type and
# flags are read as one value
_KEY = "remote_port"
_START_OF_MESSAGE = Struct(
    "="
    + message_format(
        *("length", "type:4s", "family", "state", "local_port"),
        *(f"{_KEY}:{IPV4_KEY_BYTES}s", "device", "expires_ms"),
    )
)
_SOCKET_HEADS = {pack("=HH", kind, NLM_F_MULTI) for kind in SOCKET_MESSAGES}
"""Type and flags of an ordinary message."""
_UNCONNECTED = bytes(
    number
    for number, state in TCP_STATES.items()
    if state in (TcpState.LISTEN, TcpState.BOUND)
)
_TIME_WAIT_ONLY = bytes([TIME_WAIT])
_CONNECTED = bytes({*TCP_STATES} - {*_UNCONNECTED, TIME_WAIT})
_COMMON_WORDS = [OFFSETS[name] // 4 for name in ("length", "type", "device")]
"""Offsets of the words of 4 bytes that are equal in messages that are alike. The flags
belong to that of ``type``."""
_MAX_LENGTHS = 4
"""One for connections and one for TIME_WAIT, each of IPv4 and of IPv6."""
_ROWS_STEP = 16
"""The number of messages per ``unpack()`` is rounded up to a multiple of this. So a few
cached formats are enough."""
_CONNECTIONS_ONLY = Chunk([], done=False, interrupted=False)


class ConnectionCounter:
    """Counts the connections of a dump, chunk by chunk."""

    def __init__(self, connections: Connections, rules: ConnectRules) -> None:
        self._connections = connections
        self._rules = rules
        self._least_age_seconds = 0.0
        self._reusable_ms = 0.0
        self._lengths: set[int] = set()
        self._runs: re.Pattern[bytes] | None = None

    def read(self, data: bytes) -> Chunk:
        """Count the connections. The result has all other sockets as entries.

        Raises ``ValueError`` if the data is malformed.
        """
        self._least_age_seconds = self._rules.least_age_seconds(monotonic())
        self._reusable_ms = longest_expiry_ms(self._least_age_seconds)
        try:
            if _are_alike(data):
                self._count_alike(data)
                return _CONNECTIONS_ONLY
            chunks = [self._count(part) for part in self._sorted_by_length(data)]
        except (StructError, KeyError, IndexError) as error:
            raise ValueError(f"malformed sock_diag message: {error!r}") from None
        return Chunk(
            [entry for chunk in chunks for entry in chunk.entries],
            any(chunk.done for chunk in chunks),
            any(chunk.interrupted for chunk in chunks),
            max(chunk.error for chunk in chunks),
        )

    def _sorted_by_length(self, data: bytes) -> list[bytes]:
        """The messages, one part for each length.

        If a message has a new length, all messages stay together in one part.
        """
        if self._runs:
            parts = list(map(b"".join, zip(*self._runs.findall(data))))
            if sum(map(len, parts)) == len(data):
                return parts
        self._lengths |= _lengths_of_connections(data)
        if 1 < len(self._lengths) <= _MAX_LENGTHS:
            self._runs = re.compile(b"".join(map(_run_pattern, self._lengths)))
        return [data]

    def _count(self, data: bytes) -> Chunk:
        if _are_alike(data):
            self._count_alike(data)
            return _CONNECTIONS_ONLY
        return self._count_one_by_one(data)

    def _count_alike(self, data: bytes) -> None:
        length, _, family, state, _, _, device, _ = _START_OF_MESSAGE.unpack_from(data)
        count = len(data) // length
        rows = -(-count // _ROWS_STEP) * _ROWS_STEP
        key_bytes = IPV4_KEY_BYTES if family == AF_INET else IPV6_KEY_BYTES
        ports_and_keys = _ports_and_keys(length, key_bytes, rows)
        fields = ports_and_keys.unpack(data.ljust(rows * length))[: 2 * count]
        ports, keys = fields[::2], fields[1::2]
        connections = self._connections
        if device:
            connections.devices.add(device)
            suffix = device.to_bytes(DEVICE_BYTES, "big")
            keys = tuple(key + suffix for key in keys)
        held, waiting = connections.held, connections.time_wait
        tables: Iterable[PortsByDestination] = repeat(held)
        if state == TIME_WAIT:
            expires_ms = array("I", data)[OFFSETS["expires_ms"] // 4 :: length // 4]
            if max(expires_ms) <= self._reusable_ms:
                tables = repeat(waiting)
            else:
                reusable_ms = self._reusable_ms
                tables = [waiting if ms <= reusable_ms else held for ms in expires_ms]
        # this does table[key] += port for each connection
        deque(map(iconcat, map(getitem, tables, keys), ports), maxlen=0)
        states = data[OFFSETS["state"] :: length]
        for number in {state} if states.count(state) == count else set(states):
            connections.states[TCP_STATES[number]] += states.count(number)

    def _count_one_by_one(self, data: bytes) -> Chunk:
        entries: list[SocketEntry] = []
        connections = self._connections
        held, waiting = connections.held, connections.time_wait
        counts = [0] * (max(TCP_STATES) + 1)
        reusable_ms = self._reusable_ms
        start_of_message = _START_OF_MESSAGE.unpack_from
        ipv6_key = OFFSETS[_KEY]
        end_of_ipv6_key = ipv6_key + IPV6_KEY_BYTES
        offset, last = 0, len(data) - MESSAGE_BYTES
        while offset <= last:
            length, head, family, state, port, key, device, expires_ms = (
                start_of_message(data, offset)
            )
            if head not in _SOCKET_HEADS or length < MESSAGE_BYTES:
                break
            if state in _UNCONNECTED:
                entries += decode_chunk(data[offset : offset + length], TCP).entries
            else:
                counts[state] += 1
                if family != AF_INET:
                    key = data[offset + ipv6_key : offset + end_of_ipv6_key]
                if device:
                    connections.devices.add(device)
                    key += device.to_bytes(DEVICE_BYTES, "big")
                if state == TIME_WAIT and expires_ms <= reusable_ms:
                    waiting[key] += port
                else:
                    held[key] += port
            offset += length
        if offset > len(data) or offset % 4:
            raise ValueError("malformed sock_diag message: cut short")
        for state, count in enumerate(counts):
            if count:
                connections.states[TCP_STATES[state]] += count
        rest = decode_chunk(data[offset:], TCP)
        entries += connections.take(rest.entries, self._least_age_seconds)
        return rest._replace(entries=entries)


def _are_alike(data: bytes) -> bool:
    """Whether all messages are connections of the same length, family and device, and
    either all or none of them are in TIME_WAIT."""
    if len(data) < MESSAGE_BYTES:
        return False
    length, head, family, state, *_ = _START_OF_MESSAGE.unpack_from(data)
    if length < MESSAGE_BYTES or length % 4 or len(data) % length:
        return False
    count = len(data) // length
    states = _TIME_WAIT_ONLY if state == TIME_WAIT else _CONNECTED
    words, step = array("I", data), length // 4
    return (
        head in _SOCKET_HEADS
        and not data[OFFSETS["state"] :: length].strip(states)
        and data[OFFSETS["family"] :: length] == bytes([family]) * count
        and all(words[n::step] == words[n : n + 1] * count for n in _COMMON_WORDS)
    )


@lru_cache(maxsize=64)
def _ports_and_keys(length: int, key_bytes: int, rows: int) -> Struct:
    """Extracts the local port and the destination key of each of ``rows`` messages."""
    fields = "local_port", f"{_KEY}:{key_bytes}s"
    return Struct(message_format(*fields, length=length) * rows)


def _lengths_of_connections(data: bytes) -> set[int]:
    lengths = set()
    offset, last = 0, len(data) - MESSAGE_BYTES
    while offset <= last:
        length, head, _, state, *_ = _START_OF_MESSAGE.unpack_from(data, offset)
        if head not in _SOCKET_HEADS or length < MESSAGE_BYTES:
            break
        if state not in _UNCONNECTED:
            lengths.add(length)
        offset += length
    return lengths


def _run_pattern(length: int) -> bytes:
    """Matches a run of messages of this length, or nothing; its group is the run."""
    start = pack("=L", length)
    return rb"((?s:%s.{%d})*)" % (re.escape(start), length - len(start))
