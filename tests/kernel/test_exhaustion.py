"""The check predicts how many ports the kernel gives out, in simple situations."""

import pytest

from tests.support.namespace import add_address, set_sysctl
from tests.support.plugin_process import check
from tests.support.sockets import (
    SERVER_PORT,
    bind,
    bind_udp,
    connect,
    held_connections,
    held_sockets,
    held_tcp_ports,
    held_udp_ports,
    listen,
    open_sockets,
    successes_until_refused,
)

SERVER = ("127.0.0.1", SERVER_PORT)
DESTINATION = f"{SERVER[0]}:{SERVER[1]}"


@pytest.mark.namespace(ports="40000-40039")
@pytest.mark.parametrize("held", [0, 1, 13, 39, 40])
def test_one_destination(held):
    with held_connections(held):
        predicted = check("-d", DESTINATION).perfdata["tcp_connect_free"]
        free = successes_until_refused(lambda: connect(SERVER))
    assert predicted == free == 40 - held


@pytest.mark.namespace(ports="40000-40039")
def test_many_destinations_share_the_ports():
    servers = [listen(f"127.0.0.{n}") for n in range(1, 11)]
    clients = [
        connect((f"127.0.0.{n}", SERVER_PORT), source="127.0.0.1")
        for n in range(1, 11)
        for _ in range(n)
    ]
    with held_sockets(*servers, *clients):
        run = check()
        assert run.perfdata["tcp_sockets"] == len(clients) == 55
        assert "127.0.0.10:5000" in run.status
        assert run.perfdata["tcp_connect_free"] == 30
        for n, server in enumerate(servers, 1):
            remote = server.getsockname()
            watched = check("-d", f"{remote[0]}:{remote[1]}", "--source", "127.0.0.1")
            free = successes_until_refused(lambda: connect(remote, source="127.0.0.1"))
            assert watched.perfdata["tcp_connect_free"] == free == 40 - n


@pytest.mark.namespace(ports="40000-40039")
def test_udp_needs_ports_without_any_socket():
    with held_udp_ports(17):
        predicted = check().perfdata["udp_bind_free"]
        assert predicted == successes_until_refused(bind_udp) == 40 - 17


@pytest.mark.namespace(ports="40000-40039")
def test_reserved_ports_are_not_in_the_pool():
    set_sysctl("ip_local_reserved_ports", "40000-40009,40020,50000")
    with held_connections(5):
        run = check("-d", DESTINATION)
        assert run.perfdata_fields["tcp_connect_free"] == "24;;;0;29"
        assert successes_until_refused(lambda: connect(SERVER)) == 24


@pytest.mark.namespace(ports="40000-40039")
def test_the_port_of_a_listener_in_the_range_is_lost_for_every_destination():
    with listen("127.0.0.2", 40001), listen("127.0.0.2", 40002), held_connections(6):
        run = check("-d", DESTINATION)
        free = successes_until_refused(lambda: connect(SERVER))
    assert run.perfdata["tcp_connect_free"] == free == 32


@pytest.mark.namespace(ports="40000-40039")
def test_accepted_connections_use_no_port_but_that_of_the_listener():
    remote = ("127.0.0.1", 40004)
    with listen(*remote) as server, listen() as other:
        clients = open_sockets(9, lambda: connect(remote))
        with held_sockets(*clients, *(server.accept()[0] for _ in clients)):
            run = check("-d", "127.0.0.1:40004")
            free = successes_until_refused(lambda: connect(remote))
            assert run.perfdata["tcp_connect_free"] == free == 30
            run = check("-d", DESTINATION)
            assert run.perfdata["tcp_connect_free"] == successes_until_refused(
                lambda: connect(other.getsockname())
            )


@pytest.mark.namespace(ports="40000-40039")
def test_ipv6():
    add_address("2001:db8::1/128")
    remote = ("2001:db8::1", SERVER_PORT)
    with held_connections(11, remote):
        run = check("-d", "[2001:db8::1]:5000")
        assert run.perfdata["tcp_connect_free"] == 29
        assert successes_until_refused(lambda: connect(remote)) == 29
    assert "to [2001:db8::1]:5000 used" in run.status


@pytest.mark.namespace(ports="40000-40039")
@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_bind_needs_ports_without_any_socket(address):
    with held_connections(7), held_tcp_ports(4):
        run = check("--source", address)
        free = successes_until_refused(lambda: bind(address))
    assert run.perfdata["tcp_bind_free"] == free
