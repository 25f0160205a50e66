"""One connect(): each outcome, caused by real sockets and routes."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
import subprocess
import threading
import time
from contextlib import contextmanager

import pytest

from check_ephemeral_port.model.port.remote import Outcome
from check_ephemeral_port.system import remote_probe
from check_ephemeral_port.system.errors import SystemReadError
from check_ephemeral_port.system.remote_probe import probe_remote_port
from tests.support.namespace import add_address, add_route, set_sysctl, write_hosts
from tests.support.sockets import full_listener, held_tcp_ports, listen

CLONE_NEWNS, MS_BIND = 0x20000, 0x1000

FOREVER = 1e6
"""Seconds; longer than a test can take."""

ALONE = pytest.mark.namespace(ports="40000-40999")


def probe(host="127.0.0.1", port=5000, ip_version=None, limit_seconds=5.0):
    begin = time.perf_counter()
    report = probe_remote_port(host, port, ip_version, limit_seconds)
    inside = sum(attempt.seconds for attempt in report.attempts)
    assert 0 < inside <= time.perf_counter() - begin
    return report


def resolve_by(tmp_path, hosts):
    """From now on this process resolves names from this text only."""
    write_hosts(tmp_path, hosts)
    libc = ctypes.CDLL(None)
    assert libc.unshare(CLONE_NEWNS) == 0
    assert libc.mount(str(tmp_path).encode(), b"/etc", None, MS_BIND, None) == 0


@ALONE
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_open(address):
    with listen(address):
        (attempt,) = probe(address).attempts
    assert (attempt.address, attempt.outcome) == (address, Outcome.OPEN)
    assert attempt.reason is None


@ALONE
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_closed(address):
    (attempt,) = probe(address).attempts
    assert (attempt.address, attempt.outcome) == (address, Outcome.CLOSED)


@ALONE
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_filtered_if_there_is_no_answer_in_time(address):
    with full_listener(address):
        (attempt,) = probe(address, limit_seconds=1.0).attempts
    # without the limit, the kernel goes on for two minutes: tcp_syn_retries
    assert attempt.outcome is Outcome.FILTERED and attempt.seconds > 0.9


PEER = """
until [ "$(readlink /proc/$0/ns/net)" != "$(readlink /proc/self/ns/net)" ]
do sleep 0.05; done
ip link add here type veth peer name there netns $0
ip addr add 198.51.100.5/24 dev here
ip link set here up
nsenter --target $0 --net sh -c '
    ip addr add 198.51.100.7/24 dev there
    ip link set there up
    echo 1 > /proc/sys/net/ipv4/ip_forward
    ip route add blackhole 203.0.113.0/24
    ip route add unreachable 203.0.113.128/25'
ip route add 203.0.113.0/24 via 198.51.100.7
"""
"""Makes the process ``$0`` a router in its own network namespace. The router refuses
connections to itself. It silently drops packets to one half of 203.0.113.0/24, and
reports the other half as unreachable."""


@contextmanager
def a_peer():
    """A router at 198.51.100.7, in front of 203.0.113.0/24."""
    peer = subprocess.Popen(["unshare", "--net", "sleep", "60"])
    try:
        subprocess.run(["sh", "-ec", PEER, str(peer.pid)], check=True)
        yield
    finally:
        peer.kill()
        peer.wait()


@ALONE
def test_filtered_if_a_peer_drops_the_packets():
    with a_peer():
        assert probe("198.51.100.7").telling.outcome is Outcome.CLOSED
        (attempt,) = probe("203.0.113.7", limit_seconds=1.0).attempts
    assert attempt.outcome is Outcome.FILTERED and attempt.seconds > 0.9


@ALONE
def test_unreachable_at_once_if_a_router_says_so():
    with a_peer():
        (attempt,) = probe("203.0.113.200").attempts
    assert attempt.outcome is Outcome.UNREACHABLE
    assert attempt.reason == os.strerror(errno.EHOSTUNREACH)


@ALONE
@pytest.mark.parametrize("kind", ["unreachable", "prohibit", "blackhole"])
def test_unreachable_gives_the_reason_of_the_system(kind):
    add_route(kind, "192.0.2.0/24")
    (attempt,) = probe("192.0.2.7").attempts
    assert attempt.outcome is Outcome.UNREACHABLE
    words = {
        "unreachable": errno.EHOSTUNREACH,
        "prohibit": errno.EACCES,
        "blackhole": errno.EINVAL,
    }
    assert attempt.reason == os.strerror(words[kind])


@ALONE
@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7"])
def test_unreachable_without_any_route(address):
    (attempt,) = probe(address).attempts
    assert attempt.outcome is Outcome.UNREACHABLE
    assert attempt.reason == "Network is unreachable"


@pytest.mark.parametrize(
    "host, ip_version",
    [("no-such-host.invalid", None), ("192.0.2.7", 6), ("2001:db8::7", 4)],
)
def test_a_name_without_an_address_is_an_error(host, ip_version):
    with pytest.raises(SystemReadError, match=f"cannot resolve '{host}'"):
        probe(host, ip_version=ip_version)


def test_resolving_that_takes_all_the_time_is_an_error():
    with pytest.raises(SystemReadError, match="^resolving '127.0.0.1' took all the"):
        probe(limit_seconds=0)


@ALONE
def test_an_exhausted_range_is_an_error_of_this_host():
    set_sysctl("ip_local_port_range", "40000 40001")
    with listen(), held_tcp_ports(2):
        with pytest.raises(SystemReadError, match="no ephemeral port"):
            probe()


@ALONE
def test_a_connection_to_itself_is_not_an_open_port():
    set_sysctl("ip_local_port_range", "40000 40000")
    (attempt,) = probe(port=40000).attempts
    assert attempt.outcome is Outcome.CLOSED
    assert "itself" in attempt.reason


@ALONE
def test_addresses_are_tried_in_turn_until_one_is_open(tmp_path):
    hosts = "".join(f"127.0.0.{n} db.example.com\n" for n in (2, 3, 4))
    with listen("127.0.0.3"):
        resolve_by(tmp_path, hosts)
        report = probe("db.example.com")
    assert [(a.address, a.outcome) for a in report.attempts] == [
        ("127.0.0.2", Outcome.CLOSED),
        ("127.0.0.3", Outcome.OPEN),
    ]
    assert report.telling.address == "127.0.0.3"


@ALONE
def test_an_address_without_answer_leaves_time_for_the_others(tmp_path):
    with full_listener("127.0.0.2"), listen("127.0.0.3"):
        resolve_by(tmp_path, "127.0.0.2 db.example.com\n127.0.0.3 db.example.com\n")
        report = probe("db.example.com", limit_seconds=2.0)
    assert [a.outcome for a in report.attempts] == [Outcome.FILTERED, Outcome.OPEN]
    assert report.attempts[0].seconds > 0.9  # half of the limit


@ALONE
def test_closed_wins_over_unreachable_if_no_address_is_open(tmp_path):
    add_route("unreachable", "192.0.2.0/24")
    resolve_by(tmp_path, "192.0.2.7 db.example.com\n127.0.0.3 db.example.com\n")
    report = probe("db.example.com")
    assert {a.outcome for a in report.attempts} == {
        Outcome.UNREACHABLE,
        Outcome.CLOSED,
    }
    assert report.telling.address == "127.0.0.3"


@ALONE
@pytest.mark.parametrize("ip_version, address", [(4, "127.0.0.2"), (6, "2001:db8::2")])
def test_only_one_version_of_ip(tmp_path, ip_version, address):
    add_address("2001:db8::2/128")
    with listen("127.0.0.2"), listen("2001:db8::2"):
        resolve_by(tmp_path, "127.0.0.2 db.example.com\n2001:db8::2 db.example.com\n")
        report = probe("db.example.com", ip_version=ip_version)
    assert [a.address for a in report.attempts] == [address]


def received_after_banner(banner_after_seconds, reply):
    """What a server receives that sends a banner and then waits for the client."""
    server = listen()
    received: list[bytes | OSError] = []

    def serve():
        connection = server.accept()[0]
        time.sleep(banner_after_seconds)
        connection.sendall(reply)
        try:
            received.append(connection.recv(100))
            time.sleep(0.1)
            connection.sendall(b"bye")
        except OSError as error:
            received.append(error)
        connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    assert probe().telling.outcome is Outcome.OPEN
    thread.join()
    return received


@ALONE
@pytest.mark.parametrize("banner_after_seconds", [0, 0.1])
def test_a_server_that_sends_first_gets_no_reset(banner_after_seconds):
    reply = b"220 mail.example.com ready\r\n" * 5000
    assert received_after_banner(banner_after_seconds, reply) == [b""]
    counters = subprocess.run(
        [
            "nstat",
            "-asz",
            "TcpOutRsts",
            "TcpExtTCPAbortOnData",
            "TcpExtTCPAbortOnClose",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    counted = [line.split()[:2] for line in counters.stdout.splitlines()[1:]]
    assert len(counted) == 3 and all(value == "0" for _, value in counted)


@ALONE
@pytest.mark.parametrize("closing, limit", [(0.2, FOREVER), (FOREVER, 2)])
def test_the_wait_for_a_server_that_never_closes_ends(monkeypatch, closing, limit):
    monkeypatch.setattr(remote_probe, "CLOSING_SECONDS", closing)
    with listen():
        assert probe(limit_seconds=limit).telling.outcome is Outcome.OPEN


@ALONE
def test_a_server_that_resets_every_connection_is_open():
    server = listen()
    close_with_reset = struct.pack("ii", 1, 0)

    def serve():
        for _ in range(50):
            connection = server.accept()[0]
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, close_with_reset)
            connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    assert {probe().telling.outcome for _ in range(50)} == {Outcome.OPEN}
    thread.join()


@ALONE
def test_only_one_connection_is_made():
    server = listen()
    probe()
    server.accept()[0].close()
    server.setblocking(False)
    with pytest.raises(BlockingIOError):
        server.accept()
