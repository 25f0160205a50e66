"""The recorder counts what failed without a free port, exactly, and nothing else.

The truth is what the system calls return. Each test records only its own destination,
because other programs of this machine fail as well.
"""

import errno
import os
import socket
import subprocess
import threading
from contextlib import contextmanager

import pytest

from check_ephemeral_port.model.failed.counts import (
    BIND,
    TAKEN,
    TCP_CONNECT,
    UDP,
    failed_since,
)
from check_ephemeral_port.model.sockets import Endpoint
from check_ephemeral_port.system.recorder.definitions import WAYS
from check_ephemeral_port.system.recorder.details import read_groups
from check_ephemeral_port.system.recorder.reading import SUFFIXES, read_counts
from check_ephemeral_port.system.recorder.switch import switch_on
from check_ephemeral_port.system.silent_connect import settle_ports
from tests.support.namespace import CLONE_NEWNET, add_route, set_sysctl, unshare
from tests.support.needs import skip_without
from tests.support.recorder import clear, instance, own_port, path, record_only
from tests.support.sockets import (
    EXHAUSTED,
    bind,
    bind_udp,
    connect,
    connect_udp,
    connect_without_waiting,
    full_listener,
    held_connections,
    held_sockets,
    held_tcp_ports,
    held_udp_ports,
    in_slice,
    listen,
)

RECORDED = pytest.mark.namespace(ports="40000-40039", recorder=True)
IPPROTO_MPTCP = 262
IP_RECVERR = 11
ATTEMPTS = 3


@contextmanager
def recorded():
    """A recorder of connects to one port. The list gets the number of failures."""
    switch_on()
    failures: list[int] = []
    port = own_port()
    record_only(port)
    begin = read_counts(path())
    yield port, failures
    failures.append(failed_since(begin, read_counts(path()))[0])


def failures_of(operation, times=ATTEMPTS):
    """How often the kernel refuses the operation because no port is free."""
    failed = 0
    for _ in range(times):
        try:
            operation().close()
        except OSError as error:
            failed += error.errno in EXHAUSTED
    return failed


def non_blocking(remote):
    return connect_without_waiting(remote)


def with_source(remote):
    return connect(remote, "127.0.0.1")


def mapped(remote):
    return connect((f"::ffff:{remote[0]}", remote[1]))


def in_a_slice(remote):
    return connect(remote, options=[in_slice(40010, 40019)])


def by_fast_open(remote):
    client = socket.socket()
    try:
        client.sendto(b"x", socket.MSG_FASTOPEN, remote)
    except OSError:
        client.close()
        raise
    return client


def by_mptcp(remote):
    with socket.socket(proto=IPPROTO_MPTCP) as client:
        client.connect(remote)


def slice_socket():
    client = socket.socket()
    client.setsockopt(*in_slice(40010, 40019))
    return client


NEED_A_NEWER_KERNEL = {
    in_a_slice: slice_socket,
    by_mptcp: lambda: socket.socket(proto=IPPROTO_MPTCP),
}


@pytest.fixture(
    params=[
        *(connect, non_blocking, with_source, mapped, by_fast_open),
        *NEED_A_NEWER_KERNEL,
    ],
    ids=lambda operation: operation.__name__,
)
def operation(request):
    """Each way of connecting that this kernel has."""
    try:
        NEED_A_NEWER_KERNEL.get(request.param, socket.socket)().close()
    except OSError as error:
        skip_without(f"a newer kernel ({error})", "run on a newer kernel")
    return request.param


@RECORDED
def test_every_way_of_connecting_is_counted(operation):
    with recorded() as (port, failures), held_connections(40, ("127.0.0.1", port)):
        assert failures_of(lambda: operation(("127.0.0.1", port))) == ATTEMPTS
    assert failures == [ATTEMPTS]


@RECORDED
def test_ipv6_is_counted():
    with recorded() as (port, failures), held_connections(40, ("::1", port)):
        assert failures_of(lambda: connect(("::1", port))) == ATTEMPTS
    assert failures == [ATTEMPTS]


@RECORDED
def test_the_same_socket_is_counted_each_time():
    with recorded() as (port, failures), held_connections(40, ("127.0.0.1", port)):
        with socket.socket() as client:
            for _ in range(ATTEMPTS):
                assert client.connect_ex(("127.0.0.1", port)) == errno.EADDRNOTAVAIL
    assert failures == [ATTEMPTS]


@RECORDED
def test_reserved_and_bound_ports_are_causes_too():
    with recorded() as (port, failures), listen(port=port):
        with held_tcp_ports(40):
            assert failures_of(lambda: connect(("127.0.0.1", port))) == ATTEMPTS
        set_sysctl("ip_local_reserved_ports", "40000-40039")
        assert failures_of(lambda: connect(("127.0.0.1", port))) == ATTEMPTS
    assert failures == [2 * ATTEMPTS]


@RECORDED
def test_threads_other_users_and_other_namespaces_are_counted():
    with recorded() as (port, failures), held_connections(40, ("127.0.0.1", port)):
        remote = ("127.0.0.1", port)
        threads = [threading.Thread(target=failures_of, args=[lambda: connect(remote)])]
        threads[0].start()
        threads[0].join()
        assert in_child(lambda: fail_as_other_user(remote))
        assert in_child(lambda: fail_in_namespace(port))
    assert failures == [3 * ATTEMPTS]


def fail_as_other_user(remote):
    os.setuid(1)
    return failures_of(lambda: connect(remote))


def fail_in_namespace(port):
    unshare(CLONE_NEWNET)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    set_sysctl("ip_local_port_range", "50000 50001")
    with held_connections(2, ("127.0.0.1", port)):
        return failures_of(lambda: connect(("127.0.0.1", port)))


def in_child(task):
    """Whether the task of a child returns the number of attempts."""
    child = os.fork()
    if child == 0:
        os._exit(0 if task() == ATTEMPTS else 1)
    return os.waitpid(child, 0)[1] == 0


def refused(port):
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED


def refused_ipv6(port):
    with socket.socket(socket.AF_INET6) as client:
        assert client.connect_ex(("::1", port)) == errno.ECONNREFUSED


def unreachable(port):
    with socket.socket() as client:
        assert client.connect_ex(("192.0.2.7", port)) == errno.ENETUNREACH


def prohibited(port):
    add_route("prohibit", "192.0.2.0/24")
    with socket.socket() as client:
        assert client.connect_ex(("192.0.2.7", port)) == errno.EACCES


def blackhole(port):
    add_route("blackhole", "192.0.2.0/24")
    with socket.socket() as client:
        assert client.connect_ex(("192.0.2.7", port)) == errno.EINVAL


def drop_all_packets():
    """Give the loopback device a queue that is always full."""
    command = ["tc", "qdisc", "add", "dev", "lo", "root", "pfifo", "limit", "0"]
    subprocess.run(command, check=True)


def filtered(port):
    with listen(port=port), socket.socket() as client:
        drop_all_packets()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 100)
        assert client.connect_ex(("127.0.0.1", port)) == errno.ETIMEDOUT


def no_buffer_space(port):
    drop_all_packets()
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        with pytest.raises(OSError, match="No buffer space"):
            client.sendto(b"x", ("127.0.0.1", port))


def closed_while_pending(port):
    with full_listener(port=port):
        connect_without_waiting(("127.0.0.1", port)).close()


def timed_out(port):
    with full_listener(port=port), socket.socket() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 100)
        assert client.connect_ex(("127.0.0.1", port)) == errno.ETIMEDOUT


def given_port_taken(port):
    with listen(port=port), connect(("127.0.0.1", port)) as first:
        with socket.socket() as second:
            second.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            second.bind(first.getsockname())
            outcome = second.connect_ex(("127.0.0.1", port))
            assert outcome == errno.EADDRNOTAVAIL


def no_source_address(port):
    subprocess.run(["ip", "-6", "addr", "del", "::1/128", "dev", "lo"], check=True)
    with socket.socket(socket.AF_INET6) as client:
        assert client.connect_ex(("2001:db8::7", port)) != 0


def already_connected(port):
    with listen(port=port), connect(("127.0.0.1", port)) as client:
        assert client.connect_ex(("127.0.0.1", port)) == errno.EISCONN


def ordinary(port):
    with listen(port=port) as server:
        for _ in range(200):
            with connect(("127.0.0.1", port)) as client, server.accept()[0]:
                client.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"
                )


@RECORDED
@pytest.mark.parametrize(
    "operation",
    [
        refused,
        refused_ipv6,
        unreachable,
        prohibited,
        blackhole,
        filtered,
        no_buffer_space,
        closed_while_pending,
        timed_out,
        given_port_taken,
        no_source_address,
        already_connected,
        ordinary,
    ],
)
def test_other_failures_and_successes_are_not_counted(operation):
    with recorded() as (port, failures):
        operation(port)
    assert failures == [0]


@RECORDED
def test_the_experiment_of_the_check_is_not_counted():
    switch_on()
    with held_tcp_ports(40):
        begin = read_counts(path())
        bound = settle_ports(range(40000, 40040), 5)
        now = read_counts(path())
    assert set(bound.values()) == {True}
    # others can fail meanwhile, but nobody connects to port 0
    _, after = failed_since(begin, now)
    groups = read_groups(path(), TCP_CONNECT, (after, now.at_seconds))
    assert 0 not in {group.destination.port for group in groups}


@RECORDED
def test_a_burst_on_two_cpus_with_a_reader_in_between():
    cpus = sorted(os.sched_getaffinity(0))[:2]
    each = 100_000 // len(cpus)
    with recorded() as (port, failures), held_connections(40, ("127.0.0.1", port)):
        children = [fail_on_cpu(cpu, port, each) for cpu in cpus]
        last, summed = None, 0
        while children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid:
                assert status == 0
                children.remove(pid)
            now = read_counts(path())
            summed += failed_since(last, now)[0]
            last = now
        groups = read_groups(path(), TCP_CONNECT)
    assert failures == [100_000]
    assert summed == 100_000
    # the ring keeps the newest of them
    assert 500 * len(cpus) < sum(group.failures for group in groups) < 50_000
    assert {group.destination for group in groups} == {Endpoint("127.0.0.1", port)}


def fail_on_cpu(cpu, port, times):
    child = os.fork()
    if child == 0:
        os.sched_setaffinity(0, [cpu])
        remote, failed = ("127.0.0.1", port), 0
        with socket.socket() as client:
            for _ in range(times):
                failed += client.connect_ex(remote) == errno.EADDRNOTAVAIL
        os._exit(0 if failed == times else 1)
    return child


@RECORDED
@pytest.mark.parametrize("cleared", ["trace", "buffer_size_kb"])
def test_a_cleared_record_is_neither_negative_nor_counted_twice(cleared):
    with recorded() as (port, _), held_connections(40, ("127.0.0.1", port)):
        remote = ("127.0.0.1", port)
        failures_of(lambda: connect(remote), 5)
        before = read_counts(path())
        (instance() / cleared).write_text("64\n")
        empty = read_counts(path())
        assert failed_since(before, empty)[0] == 0
        for times in (2, 5, 9):
            clear()
            failures_of(lambda: connect(remote), times)
            now = read_counts(path())
            assert failed_since(before, now)[0] == times
            before = now


@RECORDED
def test_the_requester_is_named_while_it_lives_and_after():
    with recorded() as (port, _), held_connections(40, ("127.0.0.1", port)):
        failures_of(lambda: connect(("127.0.0.1", port)))
        (group,) = read_groups(path(), TCP_CONNECT)
        name = open("/proc/self/comm").read().strip()
        assert group.requester == (name, "root", "own")
        assert (group.destination, group.source) == (("127.0.0.1", port), "127.0.0.1")
        script = (
            "import socket, os; open('/proc/self/comm', 'w').write('bad | name');"
            f"socket.socket().connect_ex(('127.0.0.1', {port})); os.sched_yield()"
        )
        subprocess.run(["python3", "-c", script], check=True)
        later = (group.last_seconds, float("inf"))
        groups = read_groups(path(), TCP_CONNECT, later)
    assert [group.requester for group in groups] == [("bad | name", None, None)]


@contextmanager
def recorded_here(*kinds):
    """A recorder of these kinds, only of this namespace. Gets those that the kernel
    records; the mapping gets the number of failures of each."""
    is_on = {kind.kind for kind in switch_on() if kind.is_on}
    assert TCP_CONNECT in is_on
    own, failures = os.stat("/proc/self/ns/net").st_ino, {}
    for kind in kinds:
        if kind in is_on:
            event = instance(SUFFIXES[kind]) / "events" / instance().name / kind
            try:
                here = f"{WAYS[kind].filter} && net == {own}"
                (event / "filter").write_text(here)
                failures[kind] = 0
            except OSError:  # a kprobe does not record the namespace
                continue
    yield failures
    for kind in failures:
        counts = read_counts(path() + SUFFIXES[kind])
        failures[kind] = failed_since(None, counts)[0]


@RECORDED
def test_bind_and_udp_are_counted_where_the_kernel_can():
    with recorded_here(BIND, UDP, TAKEN) as failures:
        with held_tcp_ports(40), held_udp_ports(40):
            assert failures_of(bind) == failures_of(listen_unbound) == ATTEMPTS
            assert failures_of(bind_udp) == ATTEMPTS
            assert failures_of(lambda: connect_udp(("127.0.0.1", 9))) == ATTEMPTS
    expected = {BIND: 2 * ATTEMPTS, UDP: 2 * ATTEMPTS, TAKEN: 0}
    assert failures == {kind: expected[kind] for kind in failures}


@RECORDED
def test_a_chosen_port_that_is_taken_is_told_apart_where_the_kernel_can():
    port = own_port()
    with recorded_here(BIND, UDP, TAKEN) as failures:
        record_only(port)
        before = read_counts(path())
        with bind_taken() as taken, bind_taken(socket.SOCK_DGRAM):
            assert failures_of(lambda: bind_given(taken)) == ATTEMPTS
            udp = socket.SOCK_DGRAM
            assert failures_of(lambda: bind_given(taken, udp)) == ATTEMPTS
        given_port_taken(port)
        assert failed_since(before, read_counts(path()))[0] == 0
        if TAKEN in failures:
            groups = read_groups(path() + SUFFIXES[TAKEN], TAKEN)
            here = [group for group in groups if group.requester.namespace == "own"]
            chosen, other = sorted(here, key=lambda group: -group.failures)
            assert (chosen.failures, chosen.source) == (2 * ATTEMPTS, "port 5001")
            assert other.failures == 1
    expected = {BIND: 0, UDP: 0, TAKEN: 2 * ATTEMPTS + 1}
    assert failures == {kind: expected[kind] for kind in failures}


@RECORDED
def test_without_buffer_space_no_lack_of_udp_ports_is_counted():
    with recorded_here(UDP) as failures:
        no_buffer_space(9)
    assert set(failures.values()) <= {0}


@contextmanager
def bind_taken(kind=socket.SOCK_STREAM):
    server = socket.socket(type=kind)
    server.bind(("127.0.0.1", 5001))
    with held_sockets(server):
        yield server.getsockname()


def bind_given(address, kind=socket.SOCK_STREAM):
    with socket.socket(type=kind) as client:
        client.bind(address)


def listen_unbound():
    with socket.socket() as server:
        server.listen()
