"""The wire format of Linux's socket diagnostics: bytes in, bytes out.

Source: ``include/uapi/linux/inet_diag.h``, ``sock_diag.h`` and ``netlink.h``, and
sock_diag(7). Nothing in here talks to the kernel.
"""

from __future__ import annotations

# not socket: that makes enums of its constants, which takes a twentieth of a run
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
"""Every state there is, bound but idle sockets (bit 13, Linux 6.8) included; older
kernels pass over bits that they don't know."""
LISTENERS = 1 << 10
"""The state of TCP sockets that listen. To ask for it alone costs next to nothing."""

NLM_F_MULTI, NLM_F_DUMP_INTR = 0x2, 0x10
_NLM_F_REQUEST, _NLM_F_DUMP = 0x1, 0x300
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_TCPDIAG_GETSOCK, _SOCK_DIAG_BY_FAMILY = 18, 20
SOCKET_MESSAGES = (_TCPDIAG_GETSOCK, _SOCK_DIAG_BY_FAMILY)
_INET_DIAG_REQ_BYTECODE, _INET_DIAG_SKV6ONLY = 1, 11

# A message about a socket is a struct nlmsghdr, a struct inet_diag_msg and attributes:
#
#   offset   0         4      6       8          12
#            length    type   flags   sequence   port_id
#           16        17      18      19
#            family    state  timer   retransmits
#           20        22      24      40         56       60       68
#            local_    remote_ local_  remote_    device   cookie   expires_
#            port      port    address address                      ms
#           72        76      80      84         88
#            receive_  send_   uid     inode      attributes
#            queue     queue
#
# Ports and addresses are in network byte order. IPv4 addresses are the first 4 of 16
# bytes. So the remote port, the local address and the remote address of an IPv4 socket
# lie one after the other, with zeros between them.
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
"""Where each field begins."""
_CODES = dict(_MESSAGE_FIELDS)
for _name, _code in _MESSAGE_FIELDS:
    OFFSETS[_name] = calcsize("=" + "".join(list(_CODES.values())[: len(OFFSETS)]))
MESSAGE_BYTES = calcsize("=" + "".join(_CODES.values()))
"""The shortest message about a socket."""


def message_format(*wanted: str, length: int = MESSAGE_BYTES) -> str:
    """The format that takes the wanted fields out of a message of this length.

    ``remote_port:22s`` takes 22 bytes from the start of a field.
    """
    codes, end = "", 0
    for field in wanted:
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
    7: TcpState.BOUND,  # a closed socket is listed only if it is bound
    8: TcpState.CLOSE_WAIT,
    9: TcpState.LAST_ACK,
    10: TcpState.LISTEN,
    11: TcpState.CLOSING,
    12: TcpState.SYN_RECV,  # TCP_NEW_SYN_RECV: a request not yet accepted
    13: TcpState.BOUND,  # TCP_BOUND_INACTIVE
}


class Chunk(NamedTuple):
    """What one read from the kernel held."""

    entries: list[SocketEntry]
    done: bool
    """The kernel has nothing more to say."""
    interrupted: bool
    """The tables changed while the kernel walked them."""
    error: int = 0
    """The errno by which the kernel refused the request."""


def dump_request(
    family: int, protocol: str, wanted: bytes, states: int = ALL_STATES
) -> bytes:
    """Ask for the sockets of a family and protocol.

    ``wanted`` is one of the filters of :mod:`.inet_diag_filter`, ``states`` a bit for
    each of the kernel's TCP states.
    """
    request = _REQUEST.pack(family, IP_PROTOCOLS[protocol], 0, states)
    return _message(_SOCK_DIAG_BY_FAMILY, request, wanted)


def tcp_dump_request(wanted: bytes, states: int = ALL_STATES) -> bytes:
    """The same for all of TCP, IPv4 and IPv6 in one walk of the kernel's table.

    kernel: ``inet_diag_dump_compat()``, an old interface that may go some day.
    """
    request = _OLD_REQUEST.pack(0, 0, 0, 0, states, 0)
    return _message(_TCPDIAG_GETSOCK, request, wanted)


def _message(kind: int, request: bytes, wanted: bytes) -> bytes:
    attribute = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(wanted), _INET_DIAG_REQ_BYTECODE)
    length = _HEADER.size + len(request) + len(attribute) + len(wanted)
    header = _HEADER.pack(length, kind, _NLM_F_REQUEST | _NLM_F_DUMP, 0, 0)
    return header + request + attribute + wanted


def decode_chunk(data: bytes, protocol: str) -> Chunk:
    """The sockets in what the kernel sent; ``ValueError`` if it is malformed."""
    entries = []
    done, interrupted, refusal = False, False, 0
    try:
        for kind, flags, message in _messages(data):
            interrupted = interrupted or bool(flags & NLM_F_DUMP_INTR)
            if kind in SOCKET_MESSAGES:
                entries.append(_decode_message(message, protocol))
            elif kind in (_NLMSG_DONE, _NLMSG_ERROR):
                done = True
                # both carry a negative errno, 0 if all is well
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


# where there are many connections, most go to the same few
_remote = lru_cache(maxsize=1024)(_endpoint)


@lru_cache(maxsize=4096)
def _address(family: int, address: bytes) -> str:
    size = 4 if family == AF_INET else 16
    return plain_address(inet_ntop(family, address[:size]))


def _v6only(message: bytes) -> bool | None:
    # the kernel tells of listening and unconnected sockets only
    offset = MESSAGE_BYTES
    while offset + _ATTRIBUTE.size <= len(message):
        length, kind = _ATTRIBUTE.unpack_from(message, offset)
        if kind == _INET_DIAG_SKV6ONLY:
            return message[offset + _ATTRIBUTE.size] != 0
        if length < _ATTRIBUTE.size:
            raise ValueError(f"malformed sock_diag attribute: length {length}")
        offset += (length + 3) & ~3
    return None
