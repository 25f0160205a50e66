"""Asks connect() which ports it can have, without sending a packet.

Linux shows nowhere whether a connected socket was bound first. But connect() knows: it
chooses its port before it sends anything, and two options of TCP Fast Open make it stop
there. ``TCP_FASTOPEN_CONNECT`` (Linux 4.11) delays the SYN until the first write, and
``TCP_FASTOPEN_NO_COOKIE`` (Linux 4.15) makes that work for a peer without a cookie. The
socket is closed at once, which frees its port. No packet, no counter, no conntrack
entry and no TIME_WAIT remains. No privilege is needed.

The experiment connects to port 0 of a loopback address. No program uses this
destination, so no connection is in the way: connect() is refused only if it can share
no port. To ask the port table of a VRF, it connects to port 0 of an address in the VRF.
Source: kernel, ``__inet_hash_connect()``, ``tcp_sendmsg_fastopen()``.

It does not work if the client bit of ``net.ipv4.tcp_fastopen`` is off, if TCP Fast Open
has detected a black hole and is off for a while, or if the loopback device is down.
"""

# what Windows' types lack is not reached there
# mypy: disable-error-code="attr-defined"

from __future__ import annotations

import _socket  # not socket: see inet_diag
import errno
import struct
import sys
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing

from ..model.sockets import Destination, Endpoint
from .errors import SystemReadError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TCP_FASTOPEN_CONNECT = 30
TCP_FASTOPEN_NO_COOKIE = 34
IP_BIND_ADDRESS_NO_PORT = 24
IP_LOCAL_PORT_RANGE = 51
"""Narrows the choice of one socket, from Linux 6.3 on; see ip(7)."""

OUTSIDE = Destination("", Endpoint("127.0.0.1", 0))
"""A destination outside of VRFs that no program has."""
CHECK_TIME_EVERY = 256
"""Least number of ports between two checks of the time."""


class NotSilent(SystemReadError):
    """This kernel, or its configuration, cannot make the experiment."""


def settle_ports(
    ports: Iterable[int],
    limit_seconds: float,
    is_enough: Callable[[Mapping[int, bool]], bool] = lambda _: False,
    neighbor: Destination | None = None,
) -> Mapping[int, bool]:
    """For each port, whether it is bound, so that connect() cannot share it.

    To ask the port table of a VRF, pass any destination inside as ``neighbor``.

    Tries port by port where the kernel can narrow the choice to one port. Elsewhere it
    holds ports until connect() is refused, or until ``is_enough`` says so about what is
    known so far. Ports for which the time or the descriptors are too few are missing in
    the result.
    Raises :class:`NotSilent`.
    """
    to = OUTSIDE
    if neighbor:
        to = neighbor._replace(remote=neighbor.remote._replace(port=0))
    if _can_choose_port():
        return settle_one_by_one(ports, limit_seconds, to)
    return settle_by_holding(ports, limit_seconds, is_enough, to)


def _can_choose_port() -> bool:
    try:
        with closing(_silent_socket(OUTSIDE)) as client:
            _choose_port(client, 1)
    except OSError as error:
        if error.errno == errno.ENOPROTOOPT:  # before Linux 6.3
            return False
        raise _not_silent(error) from None
    return True


def settle_one_by_one(
    ports: Iterable[int], limit_seconds: float, to: Destination = OUTSIDE
) -> Mapping[int, bool]:
    """See :func:`settle_ports`. Takes about 7 us a port. Other programs notice nothing.

    Raises :class:`NotSilent`.
    """
    bound: dict[int, bool] = {}
    end = time.monotonic() + limit_seconds
    address = _socket_address(to)
    try:
        for port in ports:
            if len(bound) % CHECK_TIME_EVERY == 0 and time.monotonic() > end:
                break
            with closing(_silent_socket(to)) as client:
                _choose_port(client, port)
                bound[port] = not _gets_port(client, address)
    except OSError as error:
        raise _not_silent(error) from None
    return bound


def settle_by_holding(
    ports: Iterable[int],
    limit_seconds: float,
    is_enough: Callable[[Mapping[int, bool]], bool] = lambda _: False,
    to: Destination = OUTSIDE,
) -> Mapping[int, bool]:
    """See :func:`settle_ports`. Takes 10 to 17 us a port that connect() can share.

    While *all* of these are held, bind() to port 0 of other programs fails.
    Raises :class:`NotSilent`.
    """
    unseen, bound = {*ports}, dict[int, bool]()
    if is_enough(bound):
        return bound
    _raise_descriptor_limit()
    end, next_check = time.monotonic() + limit_seconds, CHECK_TIME_EVERY
    with closing(hold_ports(to)) as held:
        try:
            for number, port in enumerate(held, start=1):
                if port in unseen:
                    unseen.remove(port)
                    bound[port] = False
                if not unseen:
                    return bound
                if number == next_check:
                    if time.monotonic() > end or is_enough(bound):
                        return bound
                    next_check += max(CHECK_TIME_EVERY, number // 8)
        except NotSilent:  # no descriptor left: what is known stays true
            if not bound:
                raise
            return bound
    # connect() was refused: it cannot share any other port
    return {**bound, **dict.fromkeys(unseen, True)}


def _raise_descriptor_limit() -> None:
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def hold_ports(to: Destination = OUTSIDE) -> Generator[int, None, None]:
    """The ports that connect() can share, each held until the iterator is closed.

    It ends when connect() is refused: by then it has returned every port that connect()
    can share.
    Raises :class:`NotSilent`, also if the process has no descriptor left.
    """
    held: list[_socket.socket] = []
    address = _socket_address(to)
    try:
        while True:
            client = _silent_socket(to)
            held.append(client)
            if not _gets_port(client, address):
                return
            yield client.getsockname()[1]
    except OSError as error:
        raise _not_silent(error) from None
    finally:
        for client in held:
            client.close()


def finds_port(destination: Destination) -> bool | None:
    """Whether a connect() to this destination, from its source, finds a port now.

    It takes over a TIME_WAIT as a real connect() would. ``None`` if it cannot be tried.
    """
    address = _socket_address(destination)
    try:
        with closing(_silent_socket(destination)) as client:
            client.setsockopt(_socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            client.bind((destination.source, 0, *address[2:]))
            return _gets_port(client, address)
    except OSError:  # no route, no such address any more, no silent connect
        return None


def _socket_address(to: Destination) -> tuple[Any, ...]:
    return (*to.remote, 0, to.device) if to.remote.is_ipv6 else to.remote


def _silent_socket(to: Destination) -> _socket.socket:
    """A socket for a connect() to this destination, bound to its device."""
    if sys.platform != "linux":  # the options have other meanings there
        raise OSError(errno.EOPNOTSUPP, "Linux only")
    family = _socket.AF_INET6 if to.remote.is_ipv6 else _socket.AF_INET
    kind = _socket.SOCK_STREAM | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC
    client = _socket.socket(family, kind)
    try:
        if to.device:
            name = _socket.if_indextoname(to.device).encode()
            client.setsockopt(_socket.SOL_SOCKET, _socket.SO_BINDTODEVICE, name)
        client.setsockopt(_socket.IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1)
        client.setsockopt(_socket.IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, 1)
    except OSError:
        client.close()
        raise
    return client


def _choose_port(client: _socket.socket, port: int) -> None:
    # lower bound in the low half, upper bound in the high half: the same here
    only = struct.pack("=HH", port, port)
    client.setsockopt(_socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE, only)


def _gets_port(client: _socket.socket, remote: tuple[Any, ...]) -> bool:
    """Whether connect() finds a port; ``OSError`` if that cannot be found out."""
    outcome = client.connect_ex(remote)
    if outcome == errno.EADDRNOTAVAIL:
        return False
    if outcome:  # EINPROGRESS: it has sent a packet
        raise OSError(outcome, errno.errorcode.get(outcome, str(outcome)))
    return True


def _not_silent(error: OSError) -> NotSilent:
    if error.errno == errno.EINPROGRESS:
        return NotSilent("probe: TCP Fast Open is off for a while")
    if error.errno == errno.EOPNOTSUPP:
        return NotSilent("probe: net.ipv4.tcp_fastopen has the client off")
    return NotSilent(f"probe: {error.strerror}")
