"""Counts the TCP connections in the kernel's answers, as fast as Python can.

Pure, like :mod:`.inet_diag`, which makes an object of every socket. Here a connection
costs one step of a loop: its local port, two bytes, is put to those of its
destination, whose key is a slice of the message.
"""

from __future__ import annotations

from socket import AF_INET
from struct import Struct
from struct import error as StructError
from struct import iter_unpack, pack

from ..model.connections import IPV4_KEY_BYTES, IPV6_KEY_BYTES, Connections
from ..model.sockets import TCP, SocketEntry, TcpState
from .inet_diag import (
    MESSAGE_BYTES,
    NLM_F_MULTI,
    SOCKET_MESSAGES,
    TCP_STATES,
    TIME_WAIT_SECONDS,
    Chunk,
    decode_chunk,
)

# length, type and flags; family, state, local port, key of an IPv4 destination, device,
# expires
_START_OF_MESSAGE = Struct("=L4s8xBB2x2s22s12xL8xL")
_OF_A_SOCKET = {pack("=HH", kind, NLM_F_MULTI) for kind in SOCKET_MESSAGES}
"""Type and flags of an ordinary message."""
_UNCONNECTED = {
    number
    for number, state in TCP_STATES.items()
    if state in (TcpState.LISTEN, TcpState.BOUND)
}
_TIME_WAIT = 6
_KEY = 22
"""Where the key of a destination begins."""
_SAME = (0, 1, 4, 5, 6, 7, 16, 17, 56, 57, 58, 59)
"""Bytes of length, type, flags, family, state and device: if they are the same in all
messages, these needn't be looked at one by one."""


def tally_chunk(
    data: bytes, connections: Connections, reuse_delay_seconds: float
) -> Chunk:
    """Count connections; the entries of the result are the sockets that are none.

    ``ValueError`` if the data is malformed.
    """
    try:
        if _tally_alike(data, connections):
            return Chunk([], done=False, interrupted=False)
        return _tally_mixed(data, connections, reuse_delay_seconds)
    except (StructError, KeyError, IndexError) as error:
        raise ValueError(f"malformed sock_diag message: {error!r}") from None


def _tally_alike(data: bytes, connections: Connections) -> bool:
    """Count connections of one family and state, none on a device nor in TIME_WAIT;
    ``False`` if they are anything else."""
    if len(data) < MESSAGE_BYTES:
        return False
    length, head, family, state, _, _, device, _ = _START_OF_MESSAGE.unpack_from(data)
    if (
        head not in _OF_A_SOCKET
        or state == _TIME_WAIT
        or state in _UNCONNECTED
        or device
        or length < MESSAGE_BYTES
        or length % 4
        or len(data) % length
    ):
        return False
    count = len(data) // length
    if any(data[n::length].count(data[n]) != count for n in _SAME):
        return False
    held = connections.held
    key_bytes = IPV4_KEY_BYTES if family == AF_INET else IPV6_KEY_BYTES
    layout = f"20x2s{key_bytes}s{length - _KEY - key_bytes}x"
    for port, key in iter_unpack(layout, data):
        held[key] += port
    connections.states[TCP_STATES[state]] += count
    return True


def _tally_mixed(
    data: bytes, connections: Connections, reuse_delay_seconds: float
) -> Chunk:
    entries: list[SocketEntry] = []
    held, waiting = connections.held, connections.time_wait
    waiting_ms = (TIME_WAIT_SECONDS - reuse_delay_seconds) * 1000
    counts = [0] * (max(TCP_STATES) + 1)
    unpack = _START_OF_MESSAGE.unpack_from
    offset, last = 0, len(data) - MESSAGE_BYTES
    while offset <= last:
        length, head, family, state, port, key, device, expires_ms = unpack(
            data, offset
        )
        if head not in _OF_A_SOCKET or length < MESSAGE_BYTES:
            break
        if state in _UNCONNECTED:
            entries += decode_chunk(data[offset : offset + length], TCP).entries
        else:
            counts[state] += 1
            if family != AF_INET:
                key = data[offset + _KEY : offset + _KEY + IPV6_KEY_BYTES]
            if device:
                connections.on_device[key] += port
            elif state == _TIME_WAIT and expires_ms <= waiting_ms:
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
    entries += connections.take(rest.entries, reuse_delay_seconds)
    return rest._replace(entries=entries)
