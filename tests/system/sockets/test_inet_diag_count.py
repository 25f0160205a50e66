"""Counting gives the same result as listing, for real bytes and for any bytes."""

import socket
from collections import Counter
from copy import deepcopy
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_ephemeral_port.model.connections import (
    Connections,
    port_numbers,
    unpack_destination,
)
from check_ephemeral_port.model.sample import sum_up
from check_ephemeral_port.model.settings import ConnectRules
from check_ephemeral_port.model.sockets import SocketListing, TcpState
from check_ephemeral_port.system.sockets.inet_diag import NLM_F_DUMP_INTR, decode_chunk
from check_ephemeral_port.system.sockets.inet_diag_count import ConnectionCounter
from tests.support.builders import SEES_ALL
from tests.support.sock_diag import assert_counts_as_many_as_are_listed

ADDRESSES = {
    socket.AF_INET: ["127.0.0.1", "198.51.100.5", "192.0.2.7"],
    socket.AF_INET6: ["::1", "2001:db8::7", "::ffff:192.0.2.7"],
}
STATES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]

OLD_AT_30_SECONDS = ConnectRules(reuse_delay_seconds=30)


def message(family, state, port, device, expires_ms, padding):
    """A message of the kernel about one socket."""
    local, remote = ADDRESSES[family][0], ADDRESSES[family][port % 3]
    if "ffff" in remote:
        local = remote
    packed = [socket.inet_pton(family, a).ljust(16, b"\0") for a in (local, remote)]
    remote_port = 0 if state in (7, 10, 13) else 443
    body = pack("=BBxx", family, state) + pack(">HH", port, remote_port)
    body += b"".join(packed) + pack("=L8xL16x", device, expires_ms)
    # one attribute and its padding
    body += pack("=HH", 4 + 4 * padding, 8) + bytes(4 * padding)
    return pack("=LHHLL", 16 + len(body), 20, 2, 0, 0) + body


MESSAGES = st.builds(
    message,
    st.sampled_from(sorted(ADDRESSES)),
    st.sampled_from(STATES),
    st.integers(40000, 40005),
    st.sampled_from([0, 0, 3]),
    st.integers(0, 60000),
    st.integers(0, 2),
)
DONE = pack("=LHHLLl", 20, 3, 2, 0, 0, 0)


def counted(connections):
    tables = (connections.held, connections.time_wait)
    return [
        {unpack_destination(key): sorted(port_numbers(p)) for key, p in table.items()}
        for table in tables
    ], {state: n for state, n in connections.states.items() if n}


def assert_counted_as_listed(data):
    listed = decode_chunk(data, "tcp").entries
    connections = Connections()
    counter = ConnectionCounter(connections, OLD_AT_30_SECONDS)
    # the second time, the counter knows the lengths of the messages
    for times in (1, 2):
        chunk = counter.read(data)
        listing = SocketListing(
            entries=listed * times, visibility=SEES_ALL, sampler="list"
        )
        expected = sum_up(listing, OLD_AT_30_SECONDS)
        assert Counter(chunk.entries * times) == Counter(expected.entries)
        so_far = deepcopy(connections)
        so_far.join_v4_mapped()
        assert counted(so_far) == counted(expected.connections)
    return chunk


@given(st.lists(MESSAGES, min_size=1, max_size=20), st.booleans())
def test_counting_is_the_same_as_listing(messages, last):
    chunk = assert_counted_as_listed(b"".join(messages) + (DONE if last else b""))
    assert chunk.done == last


def test_messages_of_two_lengths_are_counted_by_length():
    """As on a host with many sockets in TIME_WAIT, some of them young."""
    connected = message(socket.AF_INET, 1, 40000, 0, 0, 2)
    waiting, young = (
        message(socket.AF_INET, 6, 40001, 0, expires_ms, 0)
        for expires_ms in (20_000, 59_000)
    )
    connections = Connections()
    counter = ConnectionCounter(connections, OLD_AT_30_SECONDS)
    data = connected + waiting * 2 + connected * 2 + young + waiting
    counter.read(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ConnectionCounter, "_count_one_by_one", None)
        counter.read(data)
    assert [len(ports) for ports in connections.held.values()] == [2 * 2 * 3, 2 * 2]
    assert [len(ports) for ports in connections.time_wait.values()] == [2 * 2 * 3]
    assert connections.states == {TcpState.ESTABLISHED: 6, TcpState.TIME_WAIT: 8}


def test_a_message_that_contains_the_start_of_another_is_one_message():
    # the field of the inode has the start of another message
    long, short = (message(socket.AF_INET, 1, 40000, 0, 0, n) for n in (2, 0))
    tricky = bytearray(long)
    tricky[84:88] = short[:4]
    assert_counted_as_listed(bytes(tricky) + short + bytes(tricky) * 2 + long)


@given(MESSAGES, st.integers(1, 30))
def test_messages_that_are_all_alike(one, count):
    assert_counted_as_listed(one * count)


def test_one_device_among_messages_that_are_alike_is_noticed():
    plain, on_device = (
        message(socket.AF_INET, 1, 40000, device, 0, 1) for device in (0, 256)
    )
    connections = Connections()
    ConnectionCounter(connections, ConnectRules()).read(plain * 3 + on_device + plain)
    assert sorted(map(len, connections.held.values())) == [2, 8]
    assert connections.devices == {256}
    assert connections.states == {TcpState.ESTABLISHED: 5}


@pytest.mark.parametrize("others", [b"", DONE])
@pytest.mark.parametrize("position", range(3))
def test_an_interruption_is_noticed_in_any_message(position, others):
    plain = message(socket.AF_INET, 1, 40000, 0, 0, 1)
    data = bytearray(plain * 3 + others)
    data[position * len(plain) + 6] |= NLM_F_DUMP_INTR
    assert assert_counted_as_listed(bytes(data)).interrupted


def count_or_value_error(data):
    try:
        assert_counts_as_many_as_are_listed(data)
    except ValueError:
        pass


@given(st.binary(max_size=400))
def test_any_bytes_are_counted_or_raise_a_value_error(data):
    count_or_value_error(data)
    count_or_value_error(pack("=LHHLL", 16 + len(data), 20, 2, 0, 0) + data)


@given(st.lists(MESSAGES, min_size=1), st.data())
def test_damaged_messages_are_counted_or_raise_a_value_error(messages, data):
    broken = bytearray(b"".join(messages))
    for _ in range(data.draw(st.integers(1, 5))):
        position = data.draw(st.integers(0, len(broken) - 1))
        broken[position] = data.draw(st.integers(0, 255))
    count_or_value_error(bytes(broken))
    count_or_value_error(bytes(broken[: data.draw(st.integers(0, len(broken)))]))


def test_a_truncated_message_is_an_error():
    data = message(socket.AF_INET, 1, 40000, 0, 0, 2)
    with pytest.raises(ValueError, match="malformed sock_diag"):
        ConnectionCounter(Connections(), ConnectRules()).read(data[:-4])
