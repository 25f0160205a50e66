"""What the check predicts is what the kernel then does: the plain situations."""

import pytest

from tests.kernel.sockets import (
    SERVER_PORT,
    bind,
    bind_udp,
    connect,
    listen,
    open_sockets,
    successes_until_refused,
)
from tests.namespace import add_address, set_sysctl
from tests.plugin_process import check

SERVER = ("127.0.0.1", SERVER_PORT)
DESTINATION = f"{SERVER[0]}:{SERVER[1]}"


@pytest.mark.namespace(ports="40000-40039")
@pytest.mark.parametrize("held", [0, 1, 13, 39, 40])
def test_one_destination(held):
    server = listen()
    clients = open_sockets(held, lambda: connect(SERVER))
    predicted = check("-d", DESTINATION).perfdata["tcp_connect_free"]
    assert predicted == successes_until_refused(lambda: connect(SERVER)) == 40 - held
    assert server and len(clients) == held


@pytest.mark.namespace(ports="40000-40039")
def test_many_destinations_share_the_ports():
    servers = [listen(f"127.0.0.{n}") for n in range(1, 11)]
    clients = [
        connect((f"127.0.0.{n}", SERVER_PORT), source="127.0.0.1")
        for n in range(1, 11)
        for _ in range(n)
    ]
    run = check()
    assert run.perfdata["tcp_sockets"] == len(clients) == 55
    assert "127.0.0.10:5000" in run.status
    assert run.perfdata["tcp_connect_free"] == 30
    for n, server in enumerate(servers, 1):
        remote = server.getsockname()
        watched = check("-d", f"{remote[0]}:{remote[1]}", "--source", "127.0.0.1")
        left = successes_until_refused(lambda: connect(remote, source="127.0.0.1"))
        assert watched.perfdata["tcp_connect_free"] == left == 40 - n


@pytest.mark.namespace(ports="40000-40039")
def test_udp_needs_wholly_free_ports():
    clients = open_sockets(17, bind_udp)
    predicted = check().perfdata["udp_bind_free"]
    assert predicted == successes_until_refused(bind_udp) == 40 - len(clients)


@pytest.mark.namespace(ports="40000-40039")
def test_reserved_ports_are_not_in_the_pool():
    set_sysctl("ip_local_reserved_ports", "40000-40009,40020,50000")
    server = listen()
    clients = open_sockets(5, lambda: connect(SERVER))
    run = check("-d", DESTINATION)
    assert run.perfdata_fields["tcp_connect_free"] == "24;;;0;29"
    assert successes_until_refused(lambda: connect(SERVER)) == 24
    assert server and clients


@pytest.mark.namespace(ports="40000-40039")
def test_a_listener_in_the_range_takes_its_port_from_everybody():
    servers = [listen(), *(listen("127.0.0.2", port) for port in (40001, 40002))]
    clients = open_sockets(6, lambda: connect(SERVER))
    run = check("-d", DESTINATION)
    left = successes_until_refused(lambda: connect(SERVER))
    assert run.perfdata["tcp_connect_free"] == left == 32
    assert servers and clients


@pytest.mark.namespace(ports="40000-40039")
def test_accepted_connections_cost_nothing_but_the_listening_port():
    server = listen(port=40004)
    remote = server.getsockname()
    clients = open_sockets(9, lambda: connect(remote))
    accepted = [server.accept()[0] for _ in clients]
    run = check("-d", "127.0.0.1:40004")
    left = successes_until_refused(lambda: connect(remote))
    assert run.perfdata["tcp_connect_free"] == left == 30
    run = check("-d", DESTINATION)
    other = listen()
    assert run.perfdata["tcp_connect_free"] == successes_until_refused(
        lambda: connect(other.getsockname())
    )
    assert accepted


@pytest.mark.namespace(ports="40000-40039")
def test_ipv6():
    add_address("2001:db8::1/128")
    server = listen("2001:db8::1")
    remote = server.getsockname()[:2]
    clients = open_sockets(11, lambda: connect(remote))
    run = check("-d", "[2001:db8::1]:5000")
    assert run.perfdata["tcp_connect_free"] == 29
    assert successes_until_refused(lambda: connect(remote)) == 29
    assert "to [2001:db8::1]:5000 used" in run.status
    assert clients


@pytest.mark.namespace(ports="40000-40039")
@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_bind_needs_wholly_free_ports(address):
    server = listen()
    clients = open_sockets(7, lambda: connect(SERVER))
    bound = open_sockets(4, bind)
    run = check("--source", address)
    left = successes_until_refused(lambda: bind(address))
    assert run.perfdata["tcp_bind_free"] == left
    assert server and clients and bound
