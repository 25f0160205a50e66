"""Measures what a look into one of many network namespaces costs."""

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
"""Of the host's own namespace: the kernel walks one table for all."""


class LookCost(NamedTuple):
    """What a look into one namespace takes."""

    kind: str
    other_sockets: int
    wall_seconds: float
    cpu_seconds: float


def measure_namespaces(tools: Path) -> list[LookCost]:
    """The costs, by kind of namespace."""
    # in a worker, since a process can't leave its namespaces
    in_a_host = partial(move_in, host=True)
    with ProcessPoolExecutor(1, get_context("fork"), in_a_host) as pool:
        return pool.submit(_measure, partial(run, ALL_NETNS, tools)).result()


def _measure(check: Callable[[], Run]) -> list[LookCost]:
    return [cost for others in OTHER_SOCKETS for cost in _beside(others, check)]


def _beside(other_sockets: int, check: Callable[[], Run]) -> Iterator[LookCost]:
    names = [f"n{number}" for number in range(NAMESPACES)]
    with Farm(Plan(other_sockets)):
        alone = _median(check)

        def cost(kind: str) -> LookCost:
            total = _median(check)
            return LookCost(
                kind,
                other_sockets,
                (total.wall_seconds - alone.wall_seconds) / NAMESPACES,
                (total.cpu_seconds - alone.cpu_seconds) / NAMESPACES,
            )

        for name in names:
            subprocess.run(["ip", "netns", "add", name], check=True)
        yield cost("empty")
        # one is enough for the look not to be left out
        held = [run_inside([f"/run/netns/{name}"], socket) for name in names]
        yield cost("with a socket")
        for each in held:
            each.close()
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=True)


def _median(check: Callable[[], Run]) -> Run:
    return Run(*map(median, zip(*(check() for _ in range(ROUNDS)))))
