"""Filters for the sockets that the kernel lists.

A filter is a sequence of operations. Each one jumps forward: by one distance if it is
true for a socket, and by another if it is false. The kernel lists the socket if the
jumps end exactly at the end of the filter. A jump 4 bytes past the end excludes it.

Source: kernel, ``inet_diag_bc_run()`` and ``inet_diag_bc_audit()``. The audit follows
the 'if true' jumps, and each 'if false' jump must end on that path. So 'if true' always
jumps to the next operation here. An 'or' needs the operation ``_JUMP``, which always
takes its 'if false' jump.
"""

from __future__ import annotations

from _socket import AF_INET, AF_INET6
from collections.abc import Sequence
from struct import Struct

from ...model.connections import pack_address
from ...model.ports import PortRange
from ...model.sockets import Endpoint

_JUMP, _AUTO, _REMOTE = 1, 6, 8
_LOCAL_PORT_GE, _LOCAL_PORT_LE = 2, 3
_REMOTE_PORT_GE, _REMOTE_PORT_LE = 4, 5

_OPERATION = Struct("=BBH")  # inet_diag_bc_op: code, jump if true, jump if false
_HOST = Struct("=BBxxl")  # inet_diag_hostcond: family, prefix length, port


def on_local_ports(
    spans: Sequence[PortRange], remotes: Sequence[Endpoint] = ()
) -> bytes:
    """Sockets whose local port lies in one of the spans, which are in ascending order.

    With ``remotes``, only sockets that are connected to one of these.
    """
    connected = _connected_to(remotes)
    return _local_port_in(spans, len(connected)) + connected


def with_named_port(spans: Sequence[PortRange]) -> bytes:
    """The same, only sockets for which bind() named the port. TIME_WAIT is left out.

    kernel: ``INET_DIAG_BC_AUTO``, ``SOCK_BINDPORT_LOCK``.
    """
    # true: jump past the end; false: skip that jump
    not_auto = _OPERATION.pack(_AUTO, 4, 8) + _OPERATION.pack(_JUMP, 4, 8)
    return _local_port_in(spans, len(not_auto)) + not_auto


def with_ports(spans: Sequence[PortRange]) -> bytes:
    """Sockets whose local or remote port lies in one of the spans."""
    local = _LOCAL_PORT_GE, _LOCAL_PORT_LE
    remote = _REMOTE_PORT_GE, _REMOTE_PORT_LE
    operations = b""
    for at_least, at_most in (remote, local):
        for span in spans:
            if operations:  # true: jump to the end; false: skip that jump, try the next
                operations = _OPERATION.pack(_JUMP, 4, 4 + len(operations)) + operations
            # false: skip the rest of this test, and its jump or the end
            first = _port(at_least, 8, 20, span.first)
            operations = first + _port(at_most, 8, 12, span.last) + operations
    return operations


def _local_port_in(spans: Sequence[PortRange], following: int) -> bytes:
    operations, rest = b"", 16 * len(spans)
    for span in spans[:-1]:
        operations += _port(_LOCAL_PORT_GE, 8, rest + following + 4, span.first)
        # true: try the next span; false: the port lies in this span
        operations += _port(_LOCAL_PORT_GE, 8, rest - 8, span.last + 1)
        rest -= 16
    final = spans[-1]
    operations += _port(_LOCAL_PORT_GE, 8, 16 + following + 4, final.first)
    return operations + _port(_LOCAL_PORT_LE, 8, 8 + following + 4, final.last)


def _port(code: int, if_true: int, if_false: int, port: int) -> bytes:
    # the port follows in the last field of a second, empty operation
    return _OPERATION.pack(code, if_true, if_false) + _OPERATION.pack(0, 0, port)


def _connected_to(remotes: Sequence[Endpoint]) -> bytes:
    operations = b""
    for remote in remotes:
        address = pack_address(remote.address)
        family = AF_INET if len(address) == 4 else AF_INET6
        host = _HOST.pack(family, 8 * len(address), remote.port) + address
        length = _OPERATION.size + len(host)
        if operations:  # true: jump to the end; false: skip that jump, try the next
            host += _OPERATION.pack(_JUMP, 4, 4 + len(operations))
        operations = _OPERATION.pack(_REMOTE, length, length + 4) + host + operations
    return operations
