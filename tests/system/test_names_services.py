"""Names of services."""

import socket

from check_ephemeral_port.system.names import service_names


def test_each_protocol_has_the_name_that_the_system_gives_it():
    for port in (22, 53, 123, 514):
        for protocol, name in service_names(port, ["tcp", "udp"]).items():
            assert name == socket.getservbyport(port, protocol)


def test_a_port_without_a_service_has_no_name():
    assert service_names(60840, ["tcp", "udp"]) == {}
