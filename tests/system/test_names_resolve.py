"""Host names to addresses, without asking anyone."""

import pytest

from check_ephemeral_port.model.sockets import Endpoint
from check_ephemeral_port.system.errors import SystemReadError
from check_ephemeral_port.system.names import resolve


@pytest.mark.parametrize(
    "host, address",
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:DB8:0::1", "2001:db8::1"),
    ],
)
def test_literals_are_taken_as_they_are(host, address):
    assert resolve(host, 443) == (Endpoint(address, 443),)


def test_localhost_is_of_this_host():
    assert Endpoint("127.0.0.1", 80) in resolve("localhost", 80)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 70, "..", "1.2.3.4.5"])
def test_what_does_not_resolve_is_named(host):
    with pytest.raises(SystemReadError, match="cannot resolve"):
        resolve(host, 443)
