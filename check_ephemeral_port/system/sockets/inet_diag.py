"""The wire format of Linux's socket diagnostics: bytes in, bytes out.

Source: ``include/uapi/linux/inet_diag.h``, ``sock_diag.h`` and ``netlink.h``, and
sock_diag(7). Nothing in here talks to the kernel.
"""

from __future__ import annotations

# not socket: that makes enums of its constants, which takes a twentieth of a run
from _socket import AF_INET, AF_INET6, inet_ntop
from collections.abc import Iterator
from functools import lru_cache
from struct import Struct
from struct import error as StructError

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

_NLMSGHDR = Struct("=LHHLL")  # length, type, flags, sequence, port id
_REQUEST = Struct("=BBBxL48x")  # inet_diag_req_v2: family, protocol, ext, states, id
_OLD_REQUEST = Struct("=BBBB48xLL")  # inet_diag_req: family, ..., ext, id, states, dbs
_ATTRIBUTE = Struct("=HH")  # length, type
_ERROR = Struct("=l")
# inet_diag_msg: family, state; ports, addresses, device; expires, uid, inode
_MESSAGE = Struct("=BB2x2s2s16s16sL8xL8xLL")

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
MESSAGE_BYTES = _NLMSGHDR.size + _MESSAGE.size
"""The shortest message that tells of a socket."""

TIME_WAIT_SECONDS = 60
"""kernel: ``TCP_TIMEWAIT_LEN``, a constant."""


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
    length = _NLMSGHDR.size + len(request) + len(attribute) + len(wanted)
    header = _NLMSGHDR.pack(length, kind, _NLM_F_REQUEST | _NLM_F_DUMP, 0, 0)
    return header + request + attribute + wanted


def decode_chunk(data: bytes, protocol: str) -> Chunk:
    """The sockets in what the kernel sent; ``ValueError`` if it is malformed."""
    entries = []
    done, interrupted, refusal = False, False, 0
    try:
        for kind, flags, body in _messages(data):
            interrupted = interrupted or bool(flags & NLM_F_DUMP_INTR)
            if kind in SOCKET_MESSAGES:
                entries.append(_decode_message(body, protocol))
            elif kind in (_NLMSG_DONE, _NLMSG_ERROR):
                done = True
                # both carry a negative errno, 0 if all is well
                refusal = -_ERROR.unpack_from(body)[0] if body else 0
    except (StructError, KeyError, IndexError) as error:
        raise ValueError(f"malformed sock_diag message: {error!r}") from None
    return Chunk(entries, done, interrupted, refusal)


def _messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    offset = 0
    while offset < len(data):
        length, kind, flags, _, _ = _NLMSGHDR.unpack_from(data, offset)
        if not _NLMSGHDR.size <= length <= len(data) - offset:
            raise ValueError(f"malformed sock_diag message: length {length}")
        yield kind, flags, data[offset + _NLMSGHDR.size : offset + length]
        offset += (length + 3) & ~3


def _decode_message(body: bytes, protocol: str) -> SocketEntry:
    family, state, sport, dport, src, dst, device, expires_ms, uid, inode = (
        _MESSAGE.unpack_from(body)
    )
    tcp_state = TCP_STATES[state] if protocol == TCP else None
    return SocketEntry(
        protocol,
        _endpoint(family, src, sport),
        _remote(family, dst, dport) if dport != b"\0\0" else None,
        tcp_state,
        _v6only(body) if family == AF_INET6 else None,
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


def _v6only(body: bytes) -> bool | None:
    # the kernel tells of listening and unconnected sockets only
    offset = _MESSAGE.size
    while offset + _ATTRIBUTE.size <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, offset)
        if kind == _INET_DIAG_SKV6ONLY:
            return body[offset + _ATTRIBUTE.size] != 0
        if length < _ATTRIBUTE.size:
            raise ValueError(f"malformed sock_diag attribute: length {length}")
        offset += (length + 3) & ~3
    return None
