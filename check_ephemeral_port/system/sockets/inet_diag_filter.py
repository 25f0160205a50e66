"""Filters that the kernel runs over its sockets before it tells of any.

A filter is made of operations that jump forward. A socket that comes out exactly at
the end is told of; one that jumps 4 bytes past the end is not.
Source: ``inet_diag_bc_run()`` and ``inet_diag_bc_audit()`` of the kernel. The audit
follows the branches 'if true' and wants every operation on that path, so these lead to
the next one, and 'or' is made of a jump, which always takes its branch 'if false'.
"""

from __future__ import annotations

from _socket import AF_INET, AF_INET6
from collections.abc import Sequence
from struct import Struct

from ...model.connections import pack_address
from ...model.ports import PortRange
from ...model.sockets import Endpoint

_JUMP, _REMOTE = 1, 8
_LOCAL_PORT_GE, _LOCAL_PORT_LE = 2, 3
_LOCAL_PORT_EQ, _REMOTE_PORT_EQ = 11, 12

_OPERATION = Struct("=BBH")  # inet_diag_bc_op: code, jump if true, jump if false
_HOST = Struct("=BBxxl")  # inet_diag_hostcond: family, prefix length, port


def on_local_ports(
    spans: Sequence[PortRange], remotes: Sequence[Endpoint] = ()
) -> bytes:
    """Sockets whose local port lies in one of the spans, which are in ascending order;
    ``remotes`` narrow them to those that are connected to one of these."""
    connected = _connected_to(remotes)
    return _local_port_in(spans, len(connected)) + connected


def with_port(port: int) -> bytes:
    """Sockets that have a port at either end, local or remote."""
    return (
        _port(_LOCAL_PORT_EQ, 8, 12, port)
        + _OPERATION.pack(_JUMP, 4, 12)
        + _port(_REMOTE_PORT_EQ, 8, 12, port)
    )


def _local_port_in(spans: Sequence[PortRange], following: int) -> bytes:
    operations, rest = b"", 16 * len(spans)
    for span in spans[:-1]:
        operations += _port(_LOCAL_PORT_GE, 8, rest + following + 4, span.first)
        # true: try the next span; false: it lies in this one
        operations += _port(_LOCAL_PORT_GE, 8, rest - 8, span.last + 1)
        rest -= 16
    final = spans[-1]
    operations += _port(_LOCAL_PORT_GE, 8, 16 + following + 4, final.first)
    return operations + _port(_LOCAL_PORT_LE, 8, 8 + following + 4, final.last)


def _port(code: int, if_true: int, if_false: int, port: int) -> bytes:
    # the port takes the place of a second operation's jump
    return _OPERATION.pack(code, if_true, if_false) + _OPERATION.pack(0, 0, port)


def _connected_to(remotes: Sequence[Endpoint]) -> bytes:
    operations = b""
    for remote in remotes:
        address = pack_address(remote.address)
        family = AF_INET if len(address) == 4 else AF_INET6
        host = _HOST.pack(family, 8 * len(address), remote.port) + address
        length = _OPERATION.size + len(host)
        if operations:  # true: out at the end; false: over that jump to the next
            host += _OPERATION.pack(_JUMP, 4, 4 + len(operations))
        operations = _OPERATION.pack(_REMOTE, length, length + 4) + host + operations
    return operations
