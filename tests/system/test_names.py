"""Names of hosts and services, without a name server."""

import socket

import pytest

from check_ephemeral_port.model.sockets import Endpoint
from check_ephemeral_port.system.errors import SystemReadError
from check_ephemeral_port.system.names import resolve, service_names, service_port


@pytest.mark.parametrize(
    "host, address",
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:DB8:0::1", "2001:db8::1"),
    ],
)
def test_an_address_needs_no_name_service(host, address):
    assert resolve(host, 443) == (Endpoint(address, 443),)


def test_localhost_resolves_to_this_host():
    assert Endpoint("127.0.0.1", 80) in resolve("localhost", 80)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 70, "..", "1.2.3.4.5"])
def test_a_name_that_does_not_resolve_is_an_error(host):
    with pytest.raises(SystemReadError, match="cannot resolve"):
        resolve(host, 443)


def test_service_names_are_those_of_the_system():
    for port in (22, 53, 123, 514):
        for protocol, name in service_names(port, ["tcp", "udp"]).items():
            assert name == socket.getservbyport(port, protocol)


def test_a_port_without_a_service_has_no_name():
    assert service_names(60840, ["tcp", "udp"]) == {}


def test_the_port_of_a_service_is_that_of_the_system():
    assert service_port("ssh") == socket.getservbyname("ssh", "tcp")
    # for UDP only
    assert service_port("syslog") == socket.getservbyname("syslog", "udp")


@pytest.mark.parametrize("name", ["no-such-service", "x\0y", "\udcff"])
def test_a_service_that_the_system_does_not_know_is_an_error(name):
    with pytest.raises(SystemReadError, match="the system knows no tcp service "):
        service_port(name, ["tcp"])
