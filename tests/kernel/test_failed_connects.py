"""The recorder counts what failed without a free port, exactly, and nothing else.

The truth is what the system calls return. Each test records only its own destination,
because other programs of this machine fail as well.
"""

import errno
import os
import socket
import subprocess

import pytest

from check_ephemeral_port.model.failed.counts import TAKEN, TCP_CONNECT, failed_since
from check_ephemeral_port.model.sockets import Endpoint
from check_ephemeral_port.system.recorder.details import read_groups
from check_ephemeral_port.system.recorder.reading import SUFFIXES, read_counts
from check_ephemeral_port.system.recorder.switch import switch_on
from check_ephemeral_port.system.silent_connect import settle_ports
from tests.kernel.failures import (
    ATTEMPTS,
    CHOSEN_PORT,
    FAILURES,
    PORTS,
    bind_taken_port,
    connect_from_taken_port,
    failures_of,
    make,
    recorded,
)
from tests.support.needs import skip_without
from tests.support.recorder import clear, instance, own_port, path
from tests.support.sockets import connect, held_connections, held_tcp_ports

RECORDED = pytest.mark.namespace(ports=PORTS, recorder=True)


@pytest.fixture(params=FAILURES, ids=lambda each: f"{each.name}, {each.kind}")
def failure(request):
    """Each way to fail that this kernel has."""
    try:
        request.param.needs().close()
    except OSError as error:
        skip_without(f"a newer kernel ({error})", "run on a newer kernel")
    return request.param


@RECORDED
def test_each_lack_of_a_port_is_counted_and_nothing_else(failure):
    outcome = make(failure)
    assert outcome.has_to_count in (0, 1, ATTEMPTS)
    # this kernel can refuse to record all kinds but one
    can_lack = failure.kind != TCP_CONNECT and outcome.counted is None
    assert can_lack or outcome.counted == outcome.has_to_count


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
    port = own_port()
    with (
        recorded(TCP_CONNECT, port) as failures,
        held_connections(40, ("127.0.0.1", port)),
    ):
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
    port = own_port()
    with recorded(TCP_CONNECT, port), held_connections(40, ("127.0.0.1", port)):
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
    port = own_port()
    with recorded(TCP_CONNECT, port), held_connections(40, ("127.0.0.1", port)):
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


@RECORDED
def test_a_chosen_port_that_is_taken_is_named():
    port = own_port()
    with recorded(TAKEN, port) as failures:
        assert bind_taken_port() == ATTEMPTS
        assert connect_from_taken_port(port) == 1
        folder = path() + SUFFIXES[TAKEN]
        groups = read_groups(folder, TAKEN) if os.path.exists(folder) else []
    if failures:
        here = [group for group in groups if group.requester.namespace == "own"]
        bound, connected = sorted(here, key=lambda group: -group.failures)
        assert (bound.failures, bound.source) == (ATTEMPTS, f"port {CHOSEN_PORT}")
        assert (connected.failures, connected.destination) == (1, None)
