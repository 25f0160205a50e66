"""Sockets that are bound to a device are counted among themselves."""

import socket
from contextlib import ExitStack

import pytest

from tests.support.namespace import add_link
from tests.support.plugin_process import check
from tests.support.sockets import (
    SERVER,
    connect,
    held_sockets,
    listen,
    on_device,
    open_sockets,
    successes_until_refused,
)

ALONE = pytest.mark.namespace(ports="40000-40039")
SERVER_NAME = f"{SERVER[0]}:{SERVER[1]}"


def connect_on_lo():
    return connect(SERVER, options=[on_device("lo")])


@ALONE
@pytest.mark.parametrize("sampler", ["sock_diag", "auto"])
def test_a_full_destination_on_a_device_is_critical_and_named(sampler):
    with listen(), held_sockets(*open_sockets(40, connect_on_lo)):
        run = check("--sampler", sampler)
        assert run.exit_code == 2
        assert (
            f"100% of 40 ports to {SERVER_NAME} on lo used, above 90%, none"
            in run.status
        )
        assert successes_until_refused(lambda: connect(SERVER)) == 40


@ALONE
def test_sockets_without_a_device_take_ports_from_those_with_one():
    with ExitStack() as stack:
        stack.enter_context(listen())
        stack.enter_context(held_sockets(*open_sockets(10, connect_on_lo)))
        stack.enter_context(held_sockets(*open_sockets(15, lambda: connect(SERVER))))
        run = check("-d", SERVER_NAME)
        on_lo = run.perfdata[f"tcp_connect_{SERVER_NAME}%lo_free"]
        assert on_lo == successes_until_refused(connect_on_lo)
    assert run.perfdata[f"tcp_connect_{SERVER_NAME}_free"] == 25


@ALONE
def test_a_destination_can_be_watched_on_one_device():
    with listen(), held_sockets(*open_sockets(10, connect_on_lo)):
        run = check("-d", "127.0.0.1%lo:5000", "-d", "localhost%lo:5000")
        for name in ("127.0.0.1", "localhost"):
            assert run.perfdata[f"tcp_connect_{name}%lo:5000_free"] == 30
        absent = check("-d", "127.0.0.1%absent:5000")
    assert (
        absent.stdout
        == "EPHEMERAL_PORT UNKNOWN - there is no network device 'absent'\n"
    )


@ALONE
def test_psutil_does_not_see_the_device_so_the_bounds_are_wide():
    with listen(), held_sockets(*open_sockets(20, connect_on_lo)):
        run = check("--sampler", "psutil", "-vv", "-d", SERVER_NAME)
        low, high = run.free_bounds("tcp_connect")
        assert low <= 20 and high == 40


@ALONE
def test_link_local_connections_are_counted_by_link():
    for link in ("east", "west"):
        add_link(link, "fe80::1/64")

    def connect_over(link):
        client = socket.socket(socket.AF_INET6)
        client.connect(("fe80::1", 5000, 0, socket.if_nametoindex(link)))
        return client

    with ExitStack() as stack:
        server = stack.enter_context(socket.socket(socket.AF_INET6))
        server.bind(("::", 5000))
        server.listen(100)
        east = open_sockets(30, lambda: connect_over("east"))
        stack.enter_context(held_sockets(*east))
        run = check("-v", "-d", "[fe80::1%east]:5000", "-d", "[fe80::1%west]:5000")
        label = "tcp_connect_[fe80:0000:0000:0000:0000:0000:0000:0001%{}]:5000_free"
        assert run.perfdata[label.format("east")] == 10
        assert run.perfdata[label.format("west")] == 40
        assert "[fe80::1%east]:5000 from fe80::1" in run.stdout
        everything = check()
        assert "75% of 40 ports to [fe80::1%east]:5000 used" in everything.status
        assert successes_until_refused(lambda: connect_over("east")) == 10


@ALONE
def test_a_device_that_does_not_exist_is_one_clear_line():
    run = check("-d", "[fe80::1%nowhere]:443")
    assert run.exit_code == 3
    assert run.stdout.count("\n") == 1 and "nowhere" in run.stdout
