"""Connections, counted by destination."""

from array import array

import pytest

from check_ephemeral_port.model.connect import destination_filter, shared_ports
from check_ephemeral_port.model.connections import (
    Connections,
    address_text,
    is_old_enough,
    longest_expiry_ms,
    pack_address,
    pack_destination,
    unpack_destination,
)
from check_ephemeral_port.model.sample import sum_up
from check_ephemeral_port.model.settings import ConnectRules
from check_ephemeral_port.model.sockets import (
    Destination,
    Endpoint,
    SocketListing,
    TcpState,
)
from tests.support.builders import (
    SEES_ALL,
    THEM,
    UDP,
    US,
    bound,
    connected,
    sample,
    waiting,
)

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


def test_a_listing_becomes_a_sample():
    unknown = connected(40002, state=None)
    udp = connected(40003, protocol=UDP)
    entries = [connected(40000), unknown, udp, bound(40001)]
    listing = SocketListing(entries, SEES_ALL, "here", 7, ["a note"], 17.5)
    rules = ConnectRules(reuse_delay_seconds=None)
    seen = sum_up(listing, rules)
    assert seen.entries == [unknown, udp, bound(40001)]
    assert len(seen.connections) == 1
    assert seen[2:] == (SEES_ALL, "here", 7, ["a note"])
    # TIME_WAIT that began in this second of the monotonic clock is too young
    for age, old in ((0.3, False), (0.6, True)):
        found = sum_up(listing._replace(entries=[waiting(40000, age=age)]), rules)
        assert bool(found.connections.time_wait) is old
        assert bool(found.connections.held) is not old


def test_the_devices_of_connections_are_known():
    entries = [connected(40000 + n, device=n) for n in (0, 4, 7)]
    assert sample(*entries, connected(40001, device=None)).connections.devices == {4, 7}


def test_the_size_of_a_destination_is_what_is_in_its_way():
    entries = [connected(40000), waiting(40002), connected(40004, device=7)]
    entries += [waiting(40000 + n, remote="192.0.2.8") for n in range(3)]
    entries.append(waiting(40006, device=9))
    connections = sample(*entries).connections
    to_them = Destination(US, Endpoint(THEM, 443))
    sizes = {unpack_destination(key): f"{size}" for size, key in connections.sizes()}
    assert sizes == {
        to_them: "2",
        to_them._replace(device=7): "3",  # and those without a device
        to_them._replace(device=9): "3",
        Destination(US, Endpoint("192.0.2.8", 443)): "3",
    }
    ports = connections.ports(pack_destination(to_them))
    assert [*ports] == [40000, 40002]
    assert [*connections.ports(b"unknown")] == []


@pytest.mark.parametrize("one", [connected, waiting])
def test_any_destination(one):
    assert sample(bound(40001)).connections.any_destination() is None
    destination = Destination(US, Endpoint(THEM, 443))
    assert sample(one(40000)).connections.any_destination() == destination


def test_a_busy_address_comes_in_pieces():
    found = Connections()
    ports = array("H", range(40000))
    ports.byteswap()
    for table in (found.held, found.time_wait):
        for n in range(2):
            table[pack_destination(Destination(US, Endpoint(THEM, n)))] += ports
            table[pack_destination(Destination("::1", Endpoint("::1", n)))] += b"\0\7"
    pieces = [(source, len(packed) // 2) for source, packed in found.ports_by_source()]
    us, loopback = pack_address(US), pack_address("::1")
    assert pieces == [(us, 40000)] * 4 + [(loopback, 4)]


def test_ports_that_one_address_uses_several_times_are_shared():
    entries = [connected(40000), connected(40000, "192.0.2.8"), connected(40001)]
    entries += [waiting(40002), connected(40002, "192.0.2.8")]
    entries += [connected(port, local="198.51.100.6") for port in (40000, 40001)]
    assert [*shared_ports(sample(*entries).connections)] == [40000, 40002]


def test_a_shared_port_is_found_in_different_pieces():
    found = Connections()
    for n, first in enumerate((0, 39999)):
        ports = array("H", range(first, first + 40000 - 20000 * n))
        ports.byteswap()
        found.held[pack_destination(Destination(US, Endpoint(THEM, n)))] += ports
    assert [*shared_ports(found)] == [39999]


OTHERS = [
    Destination(US, Endpoint(THEM, 443)),
    Destination(US, Endpoint(THEM, 443), 7),
    Destination(US, Endpoint(THEM, 80)),
    Destination("198.51.100.6", Endpoint(THEM, 443)),
]


@pytest.mark.parametrize(
    "wanted, passing",
    [
        ((US,), [0, 1, 2]),
        ((None, [Endpoint(THEM, 443)]), [0, 1, 3]),
        (("0.0.0.0", [Endpoint(THEM, 443)]), [0, 1, 3]),
        (("::", [Endpoint(THEM, 443), Endpoint(THEM, 80)]), [0, 1, 2, 3]),
        ((US, [Endpoint(THEM, 443)]), [0, 1]),
        ((US, [Endpoint(THEM, 443)], 0), [0]),
        ((None, [Endpoint(THEM, 443)], 7), [1]),
        ((US, []), []),
    ],
)
def test_a_destination_is_wanted_by_its_source_remote_and_device(wanted, passing):
    passes = destination_filter(*wanted)
    assert passes
    found = [n for n, one in enumerate(OTHERS) if passes(pack_destination(one))]
    assert found == passing


@pytest.mark.parametrize("source", [None, "0.0.0.0", "::"])
def test_without_a_wish_every_destination_is_wanted(source):
    assert destination_filter(source) is None


def test_all_sockets_of_a_sample_are_counted_once():
    seen = sample(connected(40000), waiting(40002), waiting(40004), bound(40001))
    assert seen.size == 4
    assert len(seen.connections) == 3
    assert seen.connections.states == {TcpState.ESTABLISHED: 1, TcpState.TIME_WAIT: 2}
