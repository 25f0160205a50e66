"""Measures what the recorder of failed connects costs other programs, and a run.

Needs root, for tracefs.
"""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import tempfile
import time
from statistics import quantiles
from typing import Callable, NamedTuple

from check_ephemeral_port.system.recorder.reading import read_counts
from check_ephemeral_port.system.recorder.switch import switch_off, switch_on
from tests.benchmarks.measuring import end_with_parent
from tests.support.farm import PORTS
from tests.support.namespace import run_in_namespace, set_sysctl
from tests.support.plugin_process import PROGRAM
from tests.support.recorder import (
    new_name,
    own_port,
    path,
    record_only,
    remove_abandoned,
    remove_recorder,
    with_tracefs,
)
from tests.support.sockets import Address, connect, listen, reset_at_close

SCENE = "recorder"
PAIRS = 151
FEW = "40000 40001"
"""A range that takes no time to search."""
LIMIT_SECONDS = 600


class RecorderCost(NamedTuple):
    """The CPU time of a loop with the recorder, divided by that without it."""

    loop: str
    quartiles: tuple[float, float, float]
    """Lower quartile, median and upper quartile of all pairs."""


class RecorderCosts(NamedTuple):
    """What the recorder costs."""

    loops: list[RecorderCost]
    reading_seconds: float
    """The time in which a run reads the counts of all CPUs."""
    cpus: int


def measure_recorder() -> RecorderCosts:
    """Measure each loop with the recorder and without it, in turn."""
    remove_abandoned(SCENE)
    name = new_name(SCENE)
    with tempfile.TemporaryFile("w+") as file:

        def body() -> None:
            end_with_parent()
            json.dump(_measure(), file)
            file.flush()

        try:
            prepared = with_tracefs(name, body)
            failure = run_in_namespace(PORTS, prepared, LIMIT_SECONDS, users=True)
        finally:
            remove_recorder(name)
        if failure:
            raise RuntimeError(failure)
        file.seek(0)
        loops, reading_seconds, cpus = json.load(file)
    return RecorderCosts([RecorderCost(*each) for each in loops], reading_seconds, cpus)


def _measure() -> RecorderCosts:
    # not on all failures: those of other programs would make runs take longer
    remote = ("127.0.0.1", own_port())
    with listen(*remote) as server:
        loops = [
            _compare("getppid(), which is unrelated", _unrelated),
            _compare("one run of the check on an idle host", _check),
            _compare(
                "socket(), connect(), accept(), close()", lambda: _chat(server, remote)
            ),
        ]
    set_sysctl("ip_local_port_range", FEW)
    set_sysctl("ip_local_reserved_ports", FEW.replace(" ", "-"))
    loops.append(_compare("connect() that fails", lambda: _fail(remote)))
    switch_on()
    seconds = min(_seconds(lambda: read_counts(path())) for _ in range(1000))
    return RecorderCosts(loops, seconds, os.cpu_count() or 0)


def _compare(name: str, loop: Callable[[], object]) -> RecorderCost:
    loop()  # until caches are warm
    ratios = []
    for pair in range(PAIRS):
        seconds = {}
        # the second of a pair can profit from the first
        for is_on in (pair % 2 == 0, pair % 2 == 1):
            _switch(is_on)
            seconds[is_on] = _seconds(loop)
        ratios.append(seconds[True] / seconds[False])
    low, median, high = quantiles(ratios)
    return RecorderCost(name, (low, median, high))


def _seconds(task: Callable[[], object]) -> float:
    # CPU time: other load on the machine changes it less
    begin = _cpu_seconds()
    task()
    return _cpu_seconds() - begin


def _cpu_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _switch(is_on: bool) -> None:
    if is_on:
        switch_on()
        record_only(own_port())
    else:
        switch_off()


def _chat(server: socket.socket, remote: Address) -> None:
    for _ in range(1_000):
        with connect(remote) as client, server.accept()[0]:
            reset_at_close(client)


def _unrelated() -> None:
    for _ in range(200_000):
        os.getppid()


def _check() -> None:
    subprocess.run([PROGRAM], stdout=subprocess.DEVNULL, check=True)


def _fail(remote: Address) -> None:
    with socket.socket() as client:
        for _ in range(10_000):
            client.connect_ex(remote)
