"""Measures the cost of each network namespace of ``--all-netns``."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from socket import socket
from statistics import median
from typing import Callable, NamedTuple

from tests.benchmarks.measuring import ALL_NETNS, Run, move_in, run
from tests.support.farm import Farm, Plan
from tests.support.namespace import run_inside

SCENE = "namespaces"
NAMESPACES = 200
ROUNDS = 7
OTHER_SOCKETS = (0, 100_000)
"""Numbers of sockets in the host's own namespace. They matter because the kernel has
one table for all namespaces."""


class NamespaceCost(NamedTuple):
    """The cost of one namespace."""

    kind: str
    other_sockets: int
    wall_seconds: float
    cpu_seconds: float


def measure_namespaces(tools: Path) -> list[NamespaceCost]:
    """Measure the cost of each kind of namespace."""
    # in a worker, because a process can't leave its namespaces
    in_a_host = partial(move_in, host=True)
    with ProcessPoolExecutor(1, get_context("fork"), in_a_host) as pool:
        return pool.submit(_measure, partial(run, ALL_NETNS, tools)).result()


def _measure(check: Callable[[], Run]) -> list[NamespaceCost]:
    return [cost for others in OTHER_SOCKETS for cost in _costs(others, check)]


def _costs(other_sockets: int, check: Callable[[], Run]) -> Iterator[NamespaceCost]:
    names = [f"n{number}" for number in range(NAMESPACES)]
    with Farm(Plan(other_sockets)):
        alone = _median(check)

        def cost(kind: str) -> NamespaceCost:
            total = _median(check)
            return NamespaceCost(
                kind,
                other_sockets,
                (total.wall_seconds - alone.wall_seconds) / NAMESPACES,
                (total.cpu_seconds - alone.cpu_seconds) / NAMESPACES,
            )

        for name in names:
            subprocess.run(["ip", "netns", "add", name], check=True)
        yield cost("empty")
        # with one socket, the check cannot skip the walk of the table
        held = [run_inside([f"/run/netns/{name}"], socket) for name in names]
        yield cost("with a socket")
        for each in held:
            each.close()
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=True)


def _median(check: Callable[[], Run]) -> Run:
    return Run(*map(median, zip(*(check() for _ in range(ROUNDS)))))
