"""The page that the benchmark prints, in reStructuredText."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path

from tests.benchmarks.goals import GOALS, IDLE_PROCESSES, Cost
from tests.benchmarks.measuring import OPEN_FILES, Run
from tests.benchmarks.namespaces import NAMESPACES, LookCost

Medians = Mapping[str, Mapping[str, Run]]
"""By scene and command."""

GOAL_HEAD = ["case", "against", "at most", "CPU", "wall"]
MEDIAN_HEAD = ["scene", "command", "CPU, ms", "wall, ms", "peak, MiB"]
LOOK_HEAD = ["namespace", "other sockets", "CPU, ms", "wall, ms"]
PAGE = """\
What the check costs
====================

Measured by ``make bench`` on {date}.
{machine}.
{versions}.

Whole processes, run in turn with their peers in a network namespace, the ratio of their
medians. The sockets are both ends of loopback connections, so half of them have a port
of the ephemeral range; unless said otherwise they go to as few destinations as keep
each below half of the range, nothing alarms, and no owner is looked up.

{goals}

C program
    ``tests/benchmarks/dump.c`` asks the kernel for the same sockets with the same
    filter, and throws them away: the least that it can take.
psutil
    A process that calls ``psutil.net_connections("tcp")`` once.
half in TIME_WAIT
    250,000 such sockets, all on ephemeral ports, and both ends of 125,000 connections.
    The kernel lists the former several times faster than the latter.
cost of a socket
    What a run takes beyond that on an idle host (``--sampler sock_diag``), divided by
    the sockets. Linear is 1x.
owners
    A run that alarms less one that doesn't, against ``psutil.net_connections("unix")``,
    which is little but psutil's walk over all processes, less the start of psutil.
    With {idle_processes} idle processes of {open_files} open files each.

Namespaces
----------

What ``--all-netns`` takes for each of {namespaces} network namespaces: a run with them
less one without, divided by their number. The kernel walks one table for the sockets of
all namespaces, so that a look costs the more the more sockets the others have; where a
counter says that there is none, there is no walk.

{looks}

Medians
-------

{medians}
"""


def page(medians: Medians, looks: Sequence[LookCost] = ()) -> str:
    """All that was measured."""
    return PAGE.format(
        date=date.today(),
        machine=_machine(),
        versions=_versions(),
        goals=_table([GOAL_HEAD, *_goal_rows(medians)]),
        looks=_table([LOOK_HEAD, *map(_look_row, looks)]),
        namespaces=NAMESPACES,
        medians=_table([MEDIAN_HEAD, *_median_rows(medians)]),
        idle_processes=IDLE_PROCESSES,
        open_files=OPEN_FILES,
    )


def _goal_rows(medians: Medians) -> Iterator[list[str]]:
    def cost_in(unit: str) -> Cost:
        return lambda scene, command: getattr(medians[scene][command], unit)

    for goal in GOALS:
        try:
            if goal.is_peak:
                figures = [f"{goal.figure(cost_in('peak_mib')):.1f} MiB", ""]
            else:
                units = ("cpu_seconds", "wall_seconds")
                figures = [f"{goal.figure(cost_in(unit)):.3g}x" for unit in units]
        except KeyError:  # a scene that was not asked for
            continue
        yield [goal.case, goal.against, goal.at_most, *figures]


def _median_rows(medians: Medians) -> Iterator[list[str]]:
    for scene, runs in medians.items():
        for command, run in runs.items():
            figures = (run.cpu_seconds * 1000, run.wall_seconds * 1000, run.peak_mib)
            yield [scene, command, *(f"{figure:.1f}" for figure in figures)]


def _look_row(look: LookCost) -> list[str]:
    figures = (look.cpu_seconds * 1000, look.wall_seconds * 1000)
    others = f"{look.other_sockets:,}"
    return [look.kind, others, *(f"{figure:.2f}" for figure in figures)]


def _table(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows)]
    rule = "  ".join("=" * width for width in widths)
    head, *body = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
        for row in rows
    ]
    return "\n".join([rule, head, rule, *body, rule])


def _machine() -> str:
    cpu = re.search("model name\t: (.*)", Path("/proc/cpuinfo").read_text())
    kind = cpu[1] if cpu else platform.machine()
    return f"{kind}, {os.cpu_count()} cores, Linux {platform.release()}"


def _versions() -> str:
    libraries = [f"{name} {version(name)}" for name in ("nagiosplugin", "psutil")]
    iproute2 = subprocess.check_output(["ss", "-V"], text=True).split()[-1]
    return ", ".join([f"Python {platform.python_version()}", *libraries, iproute2])
