"""Addresses and socket entries."""

import pytest

from check_ephemeral_port.model.sockets import (
    Destination,
    endpoint,
    is_loopback,
    is_wildcard,
)
from tests.support.builders import THEM, US, bound, connected


@pytest.mark.parametrize(
    "address, text",
    [
        ("192.0.2.7", "192.0.2.7:443"),
        ("::ffff:192.0.2.7", "192.0.2.7:443"),
        ("2001:db8::1", "[2001:db8::1]:443"),
        ("fe80::1%eth0", "[fe80::1]:443"),
        ("::", "[::]:443"),
        ("::ffff:c000:207", "[::ffff:c000:207]:443"),
        ("64:ff9b::192.0.2.7", "[64:ff9b::192.0.2.7]:443"),
        ("fe80::1%a%b", "[fe80::1]:443"),
    ],
)
def test_an_endpoint_is_written_without_zone_and_mapping(address, text):
    assert str(endpoint(address, 443)) == text


def test_loopback_and_wildcard():
    assert is_loopback("127.9.9.9") and is_loopback("::1")
    assert not is_loopback("192.0.2.7") and not is_loopback("::")
    assert is_wildcard("0.0.0.0") and is_wildcard("::") and not is_wildcard(US)


def test_only_a_connected_socket_has_a_destination():
    assert connected(40000).destination == Destination(US, endpoint(THEM, 443))
    assert bound(40000).destination is None
    for device in (None, 0, 7):
        assert connected(40000, device=device).destination.device == (device or 0)
