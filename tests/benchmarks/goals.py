"""The scenes to measure, and the goals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Callable, NamedTuple

from tests.benchmarks.measuring import Scene
from tests.support.farm import Plan

AUTO, BY_PSUTIL, BY_SOCK_DIAG = "check", "check, psutil", "check, sock_diag"
SAMPLERS = (BY_PSUTIL, BY_SOCK_DIAG)
SS, SS_WITH_HOLDERS, PSUTIL = "ss -Htan", "ss -Htanp", "psutil"
PSUTIL_WALK, PSUTIL_START = "psutil, walk", "psutil, start"
MINIMAL, DUMP, ALARM = "minimal check", "C program", "check, alarm"
PYTHON = "python"
IDLE = "idle"
PARTS = (AUTO, DUMP, PYTHON)
NEVER, CLEAR, CAUSE = "check, never", "check, clear", "check, cause"
HOLDING = "check, by holding"
BETWEEN, BETWEEN_HOLDING = "check, 47", "check, 47, by holding"
PROBES = (NEVER, CLEAR, BETWEEN, BETWEEN_HOLDING, ALARM, CAUSE)
PROCESSES = 500
SHARED = "14,116 ports unclear"

SCENES = {
    IDLE: Scene(Plan(0), 15, (AUTO, BY_SOCK_DIAG, BY_PSUTIL, MINIMAL)),
    "server": Scene(Plan(200), 15, (*PARTS, MINIMAL, BY_PSUTIL), PROCESSES),
    "big-server": Scene(Plan(200), 15, (AUTO, BY_PSUTIL, MINIMAL), 4 * PROCESSES),
    "2k": Scene(Plan(2_000), 9, SAMPLERS),
    "3k": Scene(Plan(3_000), 9, SAMPLERS),
    "5k": Scene(Plan(5_000), 9, SAMPLERS),
    "10k": Scene(Plan(10_000), 15, (AUTO, SS, SS_WITH_HOLDERS)),
    "100k": Scene(Plan(100_000), 7, (*PARTS, SS, SS_WITH_HOLDERS, PSUTIL)),
    "500k": Scene(Plan(500_000), 5, (*PARTS, SS, PSUTIL)),
    "destinations": Scene(Plan(500_000, destinations=250_000), 5, (AUTO, DUMP)),
    "time-wait": Scene(Plan(500_000, time_wait_share=0.5), 5, (AUTO, SS, DUMP)),
    "holders": Scene(
        Plan(100_000), 7, (AUTO, ALARM, PSUTIL_WALK, PSUTIL_START), PROCESSES
    ),
    "600-probe": Scene(Plan(600, destinations=30), 9, (NEVER, AUTO)),
    "26k-probe": Scene(
        Plan(52_000, 10, ports_shared=False), 9, (NEVER, CLEAR, AUTO, HOLDING)
    ),
    "100k-probe": Scene(Plan(100_000), 7, PROBES),
    "500k-probe": Scene(Plan(500_000), 5, PROBES),
}

Cost = Callable[[str, str], float]
"""The cost of a command in a scene."""


class Goal(NamedTuple):
    """A row of the table with the goals."""

    case: str
    against: str
    at_most: str
    """The goal; empty if the figure is for information."""
    figure: Callable[[Cost], float]
    """Computes a ratio of CPU or wall times, or the peak in MiB."""
    is_peak: bool = False


def _ratio(case: str, scene: str, command: str, peer: str, at_most: str = "") -> Goal:
    return Goal(
        case, peer, at_most, lambda cost: cost(scene, command) / cost(scene, peer)
    )


def _peak(case: str, scene: str, at_most: str) -> Goal:
    return Goal(
        case, "peak memory", at_most, lambda cost: cost(scene, AUTO), is_peak=True
    )


def _probes(case: str, scene: str, asked: str, held: str) -> Iterator[Goal]:
    yield _ratio(f"{case}; state clear", scene, CLEAR, NEVER)
    yield _ratio(f"{case}; not clear, port by port", scene, asked, NEVER)
    yield _ratio(f"{case}; not clear, by holding", scene, held, NEVER)


def _least(case: str, scene: str, peer: str) -> Goal:
    """The kernel's list and a run on an idle host."""

    def figure(cost: Cost) -> float:
        return (cost(scene, DUMP) + cost(IDLE, BY_SOCK_DIAG)) / cost(scene, peer)

    return Goal(f"the least for {case}", peer, "", figure)


def _growth(cost: Cost) -> float:
    idle = cost(IDLE, BY_SOCK_DIAG)
    few, many = cost("10k", AUTO) - idle, cost("500k", AUTO) - idle
    return (many / 500_000) / (few / 10_000)


def _holders(cost: Cost) -> float:
    search = cost("holders", ALARM) - cost("holders", AUTO)
    walk = cost("holders", PSUTIL_WALK) - cost("holders", PSUTIL_START)
    return search / walk


GOALS = (
    _ratio("idle host", IDLE, AUTO, MINIMAL, "1.1x"),
    _ratio("idle host, --sampler sock_diag", IDLE, BY_SOCK_DIAG, MINIMAL, "1.1x"),
    _ratio("200 sockets, 500 processes", "server", AUTO, MINIMAL, "1.3x"),
    _ratio("200 sockets, 2,000 processes", "big-server", AUTO, MINIMAL, "1.3x"),
    _ratio("10,000 sockets", "10k", AUTO, SS, "2.7x"),
    _ratio("100,000 sockets", "100k", AUTO, SS, "0.58x"),
    _least("100,000 sockets", "100k", SS),
    _ratio("500,000 sockets", "500k", AUTO, SS, "0.44x"),
    _least("500,000 sockets", "500k", SS),
    _ratio("500,000 sockets, half in TIME_WAIT", "time-wait", AUTO, SS, "0.49x"),
    _ratio("100,000 sockets", "100k", AUTO, PSUTIL, "0.09x"),
    _ratio("500,000 sockets", "500k", AUTO, PSUTIL, "0.055x"),
    _ratio("500,000 sockets", "500k", AUTO, DUMP, "1.35x"),
    _peak("500,000 sockets, few destinations", "500k", "15 MiB"),
    _peak("500,000 sockets, 250,000 destinations", "destinations", "59 MiB"),
    Goal("cost of a socket at 500,000", "the same at 10,000", "linear", _growth),
    Goal("holders, 100,000 sockets", "psutil's walk", "0.35x", _holders),
    _ratio("100,000 sockets", "100k", AUTO, DUMP),
    _ratio("500,000 sockets, 250,000 destinations", "destinations", AUTO, DUMP),
    _ratio("500,000 sockets, half in TIME_WAIT", "time-wait", AUTO, DUMP),
    _ratio("the C program, 100,000 sockets", "100k", DUMP, PSUTIL),
    _ratio("the C program, 500,000 sockets", "500k", DUMP, PSUTIL),
    _ratio("10,000 sockets", "10k", AUTO, SS_WITH_HOLDERS),
    _ratio("100,000 sockets", "100k", AUTO, SS_WITH_HOLDERS),
    _ratio("idle host, --sampler psutil", IDLE, BY_PSUTIL, MINIMAL),
    _ratio("500 processes, --sampler psutil", "server", BY_PSUTIL, MINIMAL),
    _ratio("2,000 processes, --sampler psutil", "big-server", BY_PSUTIL, MINIMAL),
    _ratio("2,000 sockets, --sampler psutil", "2k", *SAMPLERS),
    _ratio("3,000 sockets, --sampler psutil", "3k", *SAMPLERS),
    _ratio("5,000 sockets, --sampler psutil", "5k", *SAMPLERS),
    _ratio("600 sockets, 290 ports unclear", "600-probe", AUTO, NEVER),
    *_probes("26,000 ports unclear", "26k-probe", AUTO, HOLDING),
    *_probes(f"100,000 sockets, {SHARED}", "100k-probe", BETWEEN, BETWEEN_HOLDING),
    *_probes(f"500,000 sockets, {SHARED}", "500k-probe", BETWEEN, BETWEEN_HOLDING),
    _ratio(f"100,000 sockets, {SHARED}; cause of an alarm", "100k-probe", CAUSE, ALARM),
)
