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

from check_ephemeral_port.model.settling import CHEAP_PORTS
from tests.benchmarks.goals import (
    AUTO,
    BY_SOCK_DIAG,
    DUMP,
    GOALS,
    IDLE,
    PROCESSES,
    PYTHON,
    Cost,
)
from tests.benchmarks.measuring import OPEN_FILES, Run
from tests.benchmarks.namespaces import NAMESPACES, NamespaceCost
from tests.benchmarks.recorder import PAIRS, RecorderCost, RecorderCosts

Medians = Mapping[str, Mapping[str, Run]]
"""Median costs by scene and command."""

GOAL_HEAD = ["case", "against", "at most", "CPU", "wall"]
MEDIAN_HEAD = ["scene", "command", "CPU, ms", "wall, ms", "peak, MiB"]
RECORDER_HEAD = ["loop", "on / off", "quartiles"]
PART_HEAD = ["scene", "Python", "start of check", "kernel", "rest", "total"]
NAMESPACE_HEAD = ["namespace", "other sockets", "CPU, ms", "wall, ms"]
PAGE = """\
What the check costs
====================

How much time and memory a run takes, compared with ``ss``, psutil and a C program.
For administrators of busy hosts.

Measured by ``make bench`` on {date}.
{machine}.
{versions}.

The check and its peers ran as whole processes, in turn, in the same network namespace.
A row shows the ratio of their medians, or the peak memory of the check. *At most* is
the goal: a larger figure misses it. Rows without a goal are for information.

A minimal check imports nagiosplugin and argparse, and does nothing. The kernel's list
and the start of the check set a limit: *the least* is the C program plus a run on an
idle host.

The sockets are both ends of loopback connections, so half of them use a port of the
ephemeral range. Unless the row says otherwise, there are just enough destinations to
keep each below half of the range, nothing alarms, and no holder is looked up.

{goals}

Why the goals are not lower:

- *10,000 sockets*: the start of the check alone takes 1.4x.
- *100,000* and *500,000 sockets*: we wished for 0.50x and 0.33x. The least is above
  that, or so near that little would remain for counting. A fifth of the kernel's time
  is a walk over all bound sockets, which finds the idle ones. No other list has them.
- *half in TIME_WAIT*: we wished for 0.45x. Half of the time is the kernel's list. Two
  requests, one of them for TIME_WAIT, took as long as one.

C program
    ``tests/benchmarks/dump.c`` asks the kernel for the same sockets with the same
    filter and discards them: the least that such a list can cost.
psutil
    A process that calls ``psutil.net_connections("tcp")`` once.
processes
    Each is idle and has {open_files} open files.
half in TIME_WAIT
    250,000 sockets in TIME_WAIT, all on ephemeral ports, and both ends of 125,000
    connections. The kernel lists the former several times faster than the latter.
cost of a socket
    The cost of a run minus that of a run on an idle host (``--sampler sock_diag``),
    divided by the number of sockets. 1x is linear.
ports unclear
    Nothing shows whether these were bound before they connected; see
    ``contrib/docs/counting.rst``. The peer is a run with ``--probe never``. *State
    clear*: the state is the same in any case, so the check asks for nothing. With at
    most {cheap_ports} unclear ports, as on the host with 600 sockets, it does. *Not
    clear*: the state rests on the experiment, *port by port*, or *by holding*, as on a
    kernel before Linux 6.3: a filter refuses the option that ``setsockopt()`` has had
    since then.
holders
    The cost of a run that alarms minus that of a run that doesn't, compared with
    psutil's walk over all processes: ``psutil.net_connections("unix")``, which does
    little else, minus the start of psutil. The host has {processes} idle processes.

Where the time goes
-------------------

CPU time of a run, in ms: the start of Python; the rest of a run on an idle host, which
is mostly loading modules; the kernel's list, as in the C program; and the rest, such as
counting.

{parts}

Namespaces
----------

The cost of ``--all-netns`` per network namespace: a run with {namespaces} namespaces
minus a run without them, divided by their number. For each namespace, the kernel walks
one table with the sockets of all, so a namespace costs more if the others have more
sockets. If a counter shows that a namespace has no sockets, the check skips the walk.

{namespace_costs}

Recorder
--------

What ``--recorder on`` costs: the CPU time of each loop while it is on, divided by that
while it is off. Median and quartiles of {pairs} pairs.

{recorder_costs}

A run reads the counts of all {cpus} CPUs in {reading_ms} ms.

Medians
-------

{medians}
"""


def page(
    medians: Medians,
    namespace_costs: Sequence[NamespaceCost] = (),
    recorder_costs: RecorderCosts | None = None,
) -> str:
    """The page with all results."""
    recorder = recorder_costs or RecorderCosts([], 0, 0)
    return PAGE.format(
        date=date.today(),
        machine=_machine(),
        versions=_versions(),
        goals=_table([GOAL_HEAD, *_goal_rows(medians)]),
        parts=_table([PART_HEAD, *_part_rows(medians)]),
        namespace_costs=_table([NAMESPACE_HEAD, *map(_namespace_row, namespace_costs)]),
        namespaces=NAMESPACES,
        pairs=PAIRS,
        recorder_costs=_table([RECORDER_HEAD, *map(_recorder_row, recorder.loops)]),
        cpus=recorder.cpus,
        reading_ms=f"{recorder.reading_seconds * 1000:.2f}",
        medians=_table([MEDIAN_HEAD, *_median_rows(medians)]),
        processes=PROCESSES,
        open_files=OPEN_FILES,
        cheap_ports=CHEAP_PORTS,
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
        except KeyError:  # a scene that was not measured
            continue
        yield [goal.case, goal.against, goal.at_most, *figures]


def _part_rows(medians: Medians) -> Iterator[list[str]]:
    for scene, runs in medians.items():
        if PYTHON not in runs or IDLE not in medians:
            continue
        here = (runs[command] for command in (PYTHON, DUMP, AUTO))
        measured = *here, medians[IDLE][BY_SOCK_DIAG]
        python, kernel, total, idle = (run.cpu_seconds * 1000 for run in measured)
        parts = (python, idle - python, kernel, total - idle - kernel, total)
        yield [scene, *(f"{part:.1f}" for part in parts)]


def _median_rows(medians: Medians) -> Iterator[list[str]]:
    for scene, runs in medians.items():
        for command, run in runs.items():
            figures = (run.cpu_seconds * 1000, run.wall_seconds * 1000, run.peak_mib)
            yield [scene, command, *(f"{figure:.1f}" for figure in figures)]


def _namespace_row(cost: NamespaceCost) -> list[str]:
    figures = (cost.cpu_seconds * 1000, cost.wall_seconds * 1000)
    others = f"{cost.other_sockets:,}"
    return [cost.kind, others, *(f"{figure:.2f}" for figure in figures)]


def _recorder_row(cost: RecorderCost) -> list[str]:
    low, median, high = (f"{ratio:.3f}" for ratio in cost.quartiles)
    return [cost.loop, f"{median}x", f"{low} to {high}"]


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
