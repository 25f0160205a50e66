"""Other programs get their ports while the check asks the kernel for ports."""

import mmap
import os
import signal
import time
from contextlib import contextmanager

import pytest

from check_ephemeral_port.system.silent_connect import (
    NotSilent,
    settle_by_holding,
    settle_one_by_one,
)
from tests.support.needs import skip_without
from tests.support.sockets import (
    bind,
    connect,
    held_sockets,
    listen,
    open_sockets,
    reset_at_close,
)

pytestmark = pytest.mark.slow

PORTS = "40000-40099"
EVERY = range(40000, 40100)
USED = 85
"""Ports of connections to one address, so few remain."""
BUSY = ("127.0.0.2", 5000)
OTHER = ("127.0.0.3", 5000)
EXPERIMENTS = 50
OPERATIONS = 1000
"""Least number of each: if one is slow, there are more of the others."""
PAUSE_SECONDS = 0.02


def connect_once():
    with listen(*OTHER) as server:
        while True:
            with connect(OTHER, "127.0.0.1") as client, server.accept()[0]:
                reset_at_close(client)
            yield


def bind_once():
    while True:
        with bind():
            yield


@contextmanager
def bystander(operations):
    """A process that repeats one operation. The two counts are how often that
    succeeded, and how often it failed."""
    counts = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("Q")
    child = os.fork()
    if child == 0:
        _repeat(operations, counts)
    try:
        yield counts
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _repeat(operations, counts):
    try:
        while True:
            try:
                for _ in operations():
                    counts[0] += 1
            except OSError:  # the generator is over: begin another
                counts[1] += 1
    finally:
        os._exit(1)


def during(experiment):
    """How bind() and connect() of others fare while experiments are made, and the
    number of these."""
    with listen(*BUSY):
        used = open_sockets(USED, lambda: connect(BUSY, "127.0.0.1"))
        with held_sockets(*used), bystander(bind_once) as binds:
            with bystander(connect_once) as connects:
                count = 0
                while count < EXPERIMENTS or min(binds[0], connects[0]) < OPERATIONS:
                    assert len(experiment(EVERY, 5)) == len(EVERY)
                    count += 1
                    time.sleep(PAUSE_SECONDS)
    return tuple(binds[:2]), tuple(connects[:2]), count


@pytest.mark.namespace(ports=PORTS)
def test_no_bind_and_no_connect_fails_while_ports_are_asked_one_by_one():
    try:
        binds, connects, _ = during(settle_one_by_one)
    except NotSilent as error:
        skip_without(f"Linux 6.3 ({error})", "run on a newer kernel")
    assert (binds[1], connects[1]) == (0, 0)


@pytest.mark.namespace(ports=PORTS)
def test_no_connect_fails_while_all_ports_are_held():
    # a bind() that comes while all ports are held fails: contrib/docs/counting.rst
    binds, connects, count = during(settle_by_holding_all)
    print(f"{count} experiments; bind(0): {binds[1]} of {sum(binds)} failed;", end=" ")
    print(f"connect(): {connects[1]} of {sum(connects)} failed")
    assert connects[1] == 0


def settle_by_holding_all(ports, limit_seconds):
    # a port that is not in the pool is never seen, so it goes on until refused
    settled = {**settle_by_holding([*ports, 1], limit_seconds)}
    del settled[1]
    return settled
