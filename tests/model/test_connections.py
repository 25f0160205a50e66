"""Connections, counted by destination."""

import pytest

from check_ephemeral_port.model.connections import (
    Connections,
    address_text,
    is_old_enough,
    longest_expiry_ms,
    pack_address,
    pack_destination,
    unpack_destination,
)
from check_ephemeral_port.model.sockets import Destination, Endpoint, TcpState
from tests.support.builders import THEM, US, bound, connected, sample, waiting

DESTINATIONS = [
    Destination(US, Endpoint(THEM, 443)),
    Destination(US, Endpoint(THEM, 65535), 7),
    Destination("2001:db8::1", Endpoint("2001:db8::2", 1)),
    Destination("::1", Endpoint("::1", 443), 2**31 - 1),
]


@pytest.mark.parametrize("destination", DESTINATIONS)
def test_a_destination_survives_its_packed_form(destination):
    assert unpack_destination(pack_destination(destination)) == destination


@pytest.mark.parametrize("address", [US, "0.0.0.0", "::", "2001:db8::1"])
def test_an_address_survives_its_packed_form(address):
    assert address_text(pack_address(address)) == address


def packed(address):
    return pack_address(address).ljust(16, b"\0")


def mapped(address):
    """An IPv4 address as the kernel shows it for an IPv6 socket."""
    return bytes(10) + b"\xff\xff" + pack_address(address)


def test_v4_mapped_connections_are_counted_as_ipv4():
    v4 = pack_destination(Destination(US, Endpoint(THEM, 443)))
    on_device = pack_destination(Destination(US, Endpoint(THEM, 443), 7))
    v6 = pack_destination(Destination("2001:db8::1", Endpoint("2001:db8::2", 443)))
    as_v6 = v4[:2] + mapped(US) + mapped(THEM)
    found = Connections()
    for table in (found.held, found.time_wait):
        table[v4] += b"\0\1"
        table[as_v6] += b"\0\2"
        table[as_v6 + on_device[-4:]] += b"\0\3"
        table[v6] += b"\0\4"
    found.join_v4_mapped()
    joined = {v4: b"\0\1\0\2", on_device: b"\0\3", v6: b"\0\4"}
    assert found.held == found.time_wait == joined


@pytest.mark.parametrize("least_age", [0.0, 0.99, 1.0, 60.0])
@pytest.mark.parametrize("age", [0.0, 0.99, 1.0, 59.0, 60.0])
def test_the_age_of_a_time_wait_shows_in_its_expiry(least_age, age):
    expires_ms = (60 - age) * 1000
    in_time = expires_ms <= longest_expiry_ms(least_age)
    assert in_time is is_old_enough(age, least_age)


def test_all_sockets_of_a_sample_are_counted_once():
    seen = sample(connected(40000), waiting(40002), waiting(40004), bound(40001))
    assert seen.size == 4
    assert len(seen.connections) == 3
    assert seen.connections.states == {TcpState.ESTABLISHED: 1, TcpState.TIME_WAIT: 2}
