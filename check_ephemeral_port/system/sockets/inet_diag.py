"""The wire format of Linux's socket diagnostics.

Source: ``include/uapi/linux/inet_diag.h``, ``sock_diag.h`` and ``netlink.h``, and
sock_diag(7). This module only encodes and decodes bytes.
"""

from __future__ import annotations

# not socket: its enums take 5% of the time of a run
from _socket import AF_INET, AF_INET6, inet_ntop
from collections.abc import Iterator
from functools import lru_cache
from struct import Struct, calcsize
from struct import error as StructError

from ...model.connections import TIME_WAIT_SECONDS
from ...model.records import NamedTuple
from ...model.sockets import TCP, UDP, Endpoint, SocketEntry, TcpState, plain_address

NETLINK_SOCK_DIAG = 4
IP_PROTOCOLS = {TCP: 6, UDP: 17}
ALL_STATES = (1 << 14) - 1
"""All TCP states, and bound but idle sockets (bit 13, Linux 6.8). Older kernels ignore
unknown bits."""
CONNECTIONS = ALL_STATES & ~(1 << 13 | 1 << 10)
"""TCP connections. For all states, the kernel walks two more tables, which takes a
fifth of the time (``inet_diag_dump_icsk()``)."""
LISTENERS = 1 << 10
"""Listening TCP sockets. A request for this state alone costs almost nothing."""

NLM_F_MULTI, NLM_F_DUMP_INTR = 0x2, 0x10
_NLM_F_REQUEST, _NLM_F_DUMP = 0x1, 0x300
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_TCPDIAG_GETSOCK, _SOCK_DIAG_BY_FAMILY = 18, 20
SOCKET_MESSAGES = (_TCPDIAG_GETSOCK, _SOCK_DIAG_BY_FAMILY)
_INET_DIAG_REQ_BYTECODE, _INET_DIAG_SKV6ONLY = 1, 11

# A message about a socket is a struct nlmsghdr, a struct inet_diag_msg and attributes:
#
#   offset   0             4             6               8                12
#            length        type          flags           sequence         port_id
#           16            17            18              19
#            family        state         timer           retransmits
#           20            22            24              40
#            local_port    remote_port   local_address   remote_address
#           56            60            68
#            device        cookie        expires_ms
#           72            76            80              84               88
#            receive_queue send_queue    uid             inode            attributes
#
# Ports and addresses are in network byte order. An IPv4 address takes the first 4 of 16
# bytes; the rest is zero. The remote port, the local address and the remote address
# follow one another, so one slice of the message is the key of a destination.
_MESSAGE_FIELDS = (
    ("length", "L"),
    ("type", "H"),
    ("flags", "H"),
    ("sequence", "L"),
    ("port_id", "L"),
    ("family", "B"),
    ("state", "B"),
    ("timer", "B"),
    ("retransmits", "B"),
    ("local_port", "2s"),
    ("remote_port", "2s"),
    ("local_address", "16s"),
    ("remote_address", "16s"),
    ("device", "L"),
    ("cookie", "8s"),
    ("expires_ms", "L"),
    ("receive_queue", "L"),
    ("send_queue", "L"),
    ("uid", "L"),
    ("inode", "L"),
)
OFFSETS: dict[str, int] = {}
"""The offset of each field in bytes."""
_CODES = dict(_MESSAGE_FIELDS)
for _name, _code in _MESSAGE_FIELDS:
    OFFSETS[_name] = calcsize("=" + "".join(list(_CODES.values())[: len(OFFSETS)]))
MESSAGE_BYTES = calcsize("=" + "".join(_CODES.values()))
"""The length of a message without attributes."""


def message_format(*fields: str, length: int = MESSAGE_BYTES) -> str:
    """A :mod:`struct` format that extracts these fields from a message of this length.

    ``remote_port:22s`` extracts 22 bytes from the start of that field.
    """
    codes, end = "", 0
    for field in fields:
        name, _, code = field.partition(":")
        code = code or _CODES[name]
        codes += f"{OFFSETS[name] - end}x{code}"
        end = OFFSETS[name] + calcsize("=" + code)
    return f"{codes}{length - end}x"


_HEADER = Struct("=LHHLL")  # length, type, flags, sequence, port id
_REQUEST = Struct("=BBBxL48x")  # inet_diag_req_v2: family, protocol, ext, states, id
_OLD_REQUEST = Struct("=BBBB48xLL")  # inet_diag_req: family, ..., ext, id, states, dbs
_ATTRIBUTE = Struct("=HH")  # length, type
_ERROR = Struct("=l")
_MESSAGE = Struct(
    "="
    + message_format(
        *("family", "state", "local_port", "remote_port", "local_address"),
        *("remote_address", "device", "expires_ms", "uid", "inode"),
    )
)

TIME_WAIT = 6
TCP_STATES: dict[int, TcpState] = {
    1: TcpState.ESTABLISHED,
    2: TcpState.SYN_SENT,
    3: TcpState.SYN_RECV,
    4: TcpState.FIN_WAIT1,
    5: TcpState.FIN_WAIT2,
    TIME_WAIT: TcpState.TIME_WAIT,
    7: TcpState.BOUND,  # TCP_CLOSE: listed only if the socket is bound
    8: TcpState.CLOSE_WAIT,
    9: TcpState.LAST_ACK,
    10: TcpState.LISTEN,
    11: TcpState.CLOSING,
    12: TcpState.SYN_RECV,  # TCP_NEW_SYN_RECV: the handshake is not complete
    13: TcpState.BOUND,  # TCP_BOUND_INACTIVE
}


class Chunk(NamedTuple):
    """The content of one answer of the kernel."""

    entries: list[SocketEntry]
    done: bool
    """The dump is complete."""
    interrupted: bool
    """The socket tables changed during the dump."""
    error: int = 0
    """The errno with which the kernel refused the request; 0 if it did not."""


def dump_request(
    family: int, protocol: str, socket_filter: bytes, states: int = ALL_STATES
) -> bytes:
    """A request for the sockets of an address family and a protocol.

    ``socket_filter`` comes from :mod:`.inet_diag_filter`; ``states`` has a bit for each
    of the kernel's TCP states.
    """
    request = _REQUEST.pack(family, IP_PROTOCOLS[protocol], 0, states)
    return _message(_SOCK_DIAG_BY_FAMILY, request, socket_filter)


def tcp_dump_request(socket_filter: bytes, states: int = ALL_STATES) -> bytes:
    """A request for TCP sockets of IPv4 and IPv6, in one walk of the kernel's table.

    Source: kernel, ``inet_diag_dump_compat()``. The interface is old; future kernels
    could drop it.
    """
    request = _OLD_REQUEST.pack(0, 0, 0, 0, states, 0)
    return _message(_TCPDIAG_GETSOCK, request, socket_filter)


def _message(kind: int, request: bytes, socket_filter: bytes) -> bytes:
    attribute = _ATTRIBUTE.pack(
        _ATTRIBUTE.size + len(socket_filter), _INET_DIAG_REQ_BYTECODE
    )
    length = _HEADER.size + len(request) + len(attribute) + len(socket_filter)
    header = _HEADER.pack(length, kind, _NLM_F_REQUEST | _NLM_F_DUMP, 0, 0)
    return header + request + attribute + socket_filter


def decode_chunk(data: bytes, protocol: str) -> Chunk:
    """Decode an answer of the kernel. Raises ``ValueError`` if it is malformed."""
    entries = []
    done, interrupted, refusal = False, False, 0
    try:
        for kind, flags, message in _messages(data):
            interrupted = interrupted or bool(flags & NLM_F_DUMP_INTR)
            if kind in SOCKET_MESSAGES:
                entries.append(_decode_message(message, protocol))
            elif kind in (_NLMSG_DONE, _NLMSG_ERROR):
                done = True
                # both contain a negative errno, or 0 for success
                if len(message) > _HEADER.size:
                    refusal = -_ERROR.unpack_from(message, _HEADER.size)[0]
    except (StructError, KeyError, IndexError) as error:
        raise ValueError(f"malformed sock_diag message: {error!r}") from None
    return Chunk(entries, done, interrupted, refusal)


def _messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    offset = 0
    while offset < len(data):
        length, kind, flags, _, _ = _HEADER.unpack_from(data, offset)
        if not _HEADER.size <= length <= len(data) - offset:
            raise ValueError(f"malformed sock_diag message: length {length}")
        yield kind, flags, data[offset : offset + length]
        offset += (length + 3) & ~3


def _decode_message(message: bytes, protocol: str) -> SocketEntry:
    family, state, sport, dport, src, dst, device, expires_ms, uid, inode = (
        _MESSAGE.unpack_from(message)
    )
    tcp_state = TCP_STATES[state] if protocol == TCP else None
    return SocketEntry(
        protocol,
        _endpoint(family, src, sport),
        _remote(family, dst, dport) if dport != b"\0\0" else None,
        tcp_state,
        _v6only(message) if family == AF_INET6 else None,
        TIME_WAIT_SECONDS - expires_ms / 1000 if state == TIME_WAIT else None,
        device,
        inode,
        uid,
    )


def _endpoint(family: int, address: bytes, port: bytes) -> Endpoint:
    return Endpoint(_address(family, address), int.from_bytes(port, "big"))


# cached: on busy hosts most connections go to a few endpoints
_remote = lru_cache(maxsize=1024)(_endpoint)


@lru_cache(maxsize=4096)
def _address(family: int, address: bytes) -> str:
    size = 4 if family == AF_INET else 16
    return plain_address(inet_ntop(family, address[:size]))


def _v6only(message: bytes) -> bool | None:
    # only listening and unconnected sockets have it: inet_diag_msg_attrs_fill()
    offset = MESSAGE_BYTES
    while offset + _ATTRIBUTE.size <= len(message):
        length, kind = _ATTRIBUTE.unpack_from(message, offset)
        if kind == _INET_DIAG_SKV6ONLY:
            return message[offset + _ATTRIBUTE.size] != 0
        if length < _ATTRIBUTE.size:
            raise ValueError(f"malformed sock_diag attribute: length {length}")
        offset += (length + 3) & ~3
    return None
