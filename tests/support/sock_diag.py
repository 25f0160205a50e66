"""The kernel's answers about sockets, as bytes, and what must be true of them."""

import socket

from check_ephemeral_port.model.connections import Connections
from check_ephemeral_port.model.ports import PortRange
from check_ephemeral_port.model.settings import ConnectRules
from check_ephemeral_port.system.sockets.inet_diag import (
    NETLINK_SOCK_DIAG,
    decode_chunk,
    dump_request,
)
from check_ephemeral_port.system.sockets.inet_diag_count import ConnectionCounter
from check_ephemeral_port.system.sockets.inet_diag_filter import on_local_ports

EVERY_PORT = PortRange(0, 65535)


def ask_kernel(family: int, protocol: str, *spans: PortRange) -> bytes:
    """The whole answer of the kernel, in one piece."""
    data = b""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as kernel:
        kernel.send(
            dump_request(family, protocol, on_local_ports(spans or [EVERY_PORT]))
        )
        while not data or not decode_chunk(data, protocol).done:
            data += kernel.recv(65536)
    return data


def assert_counts_as_many_as_are_listed(data: bytes) -> None:
    """The counter and the decoder find the same number of sockets.

    ``ValueError`` if one of them refuses the data. The other one need not refuse it,
    since the kernel never sends such data.
    """
    connections = Connections()
    counter = ConnectionCounter(connections, ConnectRules(reuse_delay_seconds=30))
    listed = decode_chunk(data, "tcp")
    for times in (1, 2):
        counted = counter.read(data)
        assert (
            len(counted.entries) * times + len(connections)
            == len(listed.entries) * times
        )
        assert counted[1:] == listed[1:]
