"""Decoding the answers of the kernel: real bytes, and any bytes."""

import socket
import sys
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_ephemeral_port.model.ports import PortRange
from check_ephemeral_port.model.sockets import TCP, UDP, TcpState
from check_ephemeral_port.system.sockets.inet_diag import decode_chunk
from tests.support.needs import need_linux
from tests.support.sock_diag import ask_kernel


@pytest.fixture(autouse=True, scope="module")
def linux():
    need_linux()


def real_chunk():
    with socket.socket(socket.AF_INET6) as server, socket.socket() as idle:
        server.bind(("::", 0))
        server.listen()
        idle.bind(("127.0.0.1", 0))
        with socket.create_connection(("127.0.0.1", server.getsockname()[1])):
            return ask_kernel(socket.AF_INET6, TCP) + ask_kernel(socket.AF_INET, TCP)


REAL = real_chunk() if sys.platform == "linux" else b""


def test_the_kernel_sends_only_ports_of_the_range():
    with socket.socket() as inside, socket.socket() as outside:
        inside.bind(("127.0.0.1", 0))
        outside.bind(("127.0.0.1", 0))
        port = inside.getsockname()[1]
        data = ask_kernel(socket.AF_INET, TCP, PortRange(port, port))
    (entry,) = decode_chunk(data, TCP).entries
    assert (entry.local, entry.state) == (("127.0.0.1", port), TcpState.BOUND)
    assert entry.device == 0 and entry.inode


@pytest.mark.parametrize("v6only", [False, True])
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_v6only_is_decoded(v6only, kind):
    protocol = TCP if kind == socket.SOCK_STREAM else UDP
    with socket.socket(socket.AF_INET6, kind) as holder:
        holder.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
        holder.bind(("::", 0))
        port = holder.getsockname()[1]
        data = ask_kernel(socket.AF_INET6, protocol, PortRange(port, port))
    (entry,) = decode_chunk(data, protocol).entries
    assert entry.v6only is v6only


def test_a_refusal_carries_its_errno():
    body = pack("=l", -13) + bytes(16)
    chunk = decode_chunk(pack("=LHHLL", 16 + len(body), 2, 0, 0, 0) + body, TCP)
    assert (chunk.done, chunk.error) == (True, 13)


def test_an_attribute_without_a_value_is_an_error():
    listener = pack("=BB", socket.AF_INET6, 10) + bytes(70)
    body = listener + pack("=HH", 4, 11)
    with pytest.raises(ValueError, match="malformed sock_diag"):
        decode_chunk(pack("=LHHLL", 16 + len(body), 20, 0, 0, 0) + body, TCP)


def test_an_interrupted_dump_is_noticed():
    assert decode_chunk(pack("=LHHLL", 16, 3, 0x10, 0, 0), TCP).interrupted


def decode_or_value_error(data, protocol):
    try:
        decode_chunk(data, protocol)
    except ValueError:
        pass


@given(st.binary(max_size=400), st.sampled_from([TCP, UDP]))
def test_any_bytes_are_decoded_or_raise_a_value_error(data, protocol):
    decode_or_value_error(data, protocol)
    header = pack("=LHHLL", 16 + len(data), 20, 0, 0, 0)
    decode_or_value_error(header + data, protocol)


@given(st.lists(st.tuples(st.integers(0, len(REAL) - 1), st.integers(0, 255))))
def test_damaged_real_bytes_are_decoded_or_raise_a_value_error(changes):
    data = bytearray(REAL)
    for position, value in changes:
        data[position] = value
    decode_or_value_error(bytes(data), TCP)


@given(st.integers(0, len(REAL)))
def test_truncated_real_bytes_are_decoded_or_raise_a_value_error(length):
    decode_or_value_error(REAL[:length], TCP)
