"""Runs the check and its peers in turn, in a farm, and measures what they cost."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.support.farm import PORTS, Children, Farm, Plan
from tests.support.namespace import enter_namespace
from tests.support.plugin_process import PROGRAM

HERE = Path(__file__).parent
PSUTIL_PEER = [sys.executable, str(HERE / "psutil_peer.py")]
ALL_NETNS = "check, --all-netns"
CLEAR = ["-w", "99", "-c", "99"]
"""Thresholds that leave no doubt about the state in any scene."""
BETWEEN = ["-w", "47"]
"""A threshold between the bounds of the usage if ports are shared."""
COMMANDS = {
    "check": [PROGRAM],
    ALL_NETNS: [PROGRAM, "--all-netns"],
    "check, sock_diag": [PROGRAM, "--sampler", "sock_diag"],
    "check, psutil": [PROGRAM, "--sampler", "psutil"],
    "check, alarm": [PROGRAM, "-w", "1", "--probe", "never"],
    "check, cause": [PROGRAM, "-w", "1"],
    "check, never": [PROGRAM, *CLEAR, "--probe", "never"],
    "check, clear": [PROGRAM, *CLEAR],
    "check, by holding": ["./without_port_range", PROGRAM],
    "check, 47": [PROGRAM, *BETWEEN],
    "check, 47, by holding": ["./without_port_range", PROGRAM, *BETWEEN],
    "python": [sys.executable, "-c", "pass"],
    "minimal check": [sys.executable, str(HERE / "minimal_check.py")],
    "ss -Htan": ["ss", "-Htan"],
    "ss -Htanp": ["ss", "-Htanp"],
    "psutil": [*PSUTIL_PEER, "tcp"],
    "psutil, walk": [*PSUTIL_PEER, "unix"],
    "psutil, start": [*PSUTIL_PEER, "nothing"],
    "C program": ["./dump"],
}
PR_SET_PDEATHSIG = 1  # prctl(2)
EXIT_CODES = {"check, alarm": 1, "check, cause": 1}
"""Expected exit codes other than 0."""
OPEN_FILES = 20
"""Number of open files of an idle process."""


class Scene(NamedTuple):
    """A host, and the commands that run on it."""

    plan: Plan
    rounds: int
    commands: tuple[str, ...]
    idle_processes: int = 0


class Run(NamedTuple):
    """The cost of one process."""

    wall_seconds: float
    cpu_seconds: float
    peak_mib: float


def compile_tools(folder: Path) -> Path:
    """Compile the C programs of this package into a folder, and return the folder."""
    for source in HERE.glob("*.c"):
        command = ["cc", "-O2", "-o", str(folder / source.stem), str(source)]
        subprocess.run(command, check=True)
    return folder


def measure_scene(scene: Scene, tools: Path) -> dict[str, Run]:
    """The median of each figure, by command."""
    # in a worker, because a process can't leave its namespaces
    with ProcessPoolExecutor(1, get_context("fork"), move_in) as pool:
        return pool.submit(_measure, scene, tools).result()


def move_in(host: bool = False) -> None:
    """Move a worker into a network namespace.

    ``host``: see :func:`tests.support.namespace.enter_namespace`.
    """
    # if the pool is killed, its workers must end
    end_with_parent()
    enter_namespace(PORTS, host)
    end_with_parent()  # again, because ``host`` starts another process


def end_with_parent() -> None:
    """Let the kernel end this process as soon as its parent ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _measure(scene: Scene, tools: Path) -> dict[str, Run]:
    runs: dict[str, list[Run]] = {name: [] for name in scene.commands}
    with Farm(scene.plan) as farm, Children() as idle:
        for _ in range(scene.idle_processes):
            idle.start(_open_files)
        idle.wait_until_ready()
        # in turn, so that other load on the machine affects all commands equally
        for _ in range(scene.rounds):
            for name in scene.commands:
                farm.refresh()
                runs[name].append(run(name, tools))
                farm.verify()
    return {name: Run(*map(median, zip(*costs))) for name, costs in runs.items()}


def run(name: str, tools: Path) -> Run:
    """Run one of the commands. Raises ``RuntimeError`` if it fails."""
    command = [str(tools / "measure"), *COMMANDS[name]]
    # cwd: the folder of ./dump
    output = subprocess.check_output(command, cwd=tools, text=True)
    wall, cpu, peak_kib, exit_code = output.split()
    if int(exit_code) != EXIT_CODES.get(name, 0):
        raise RuntimeError(f"{name} exits with {exit_code}")
    return Run(float(wall), float(cpu), int(peak_kib) / 1024)


def _open_files() -> list[object]:
    return [open("/dev/null") for _ in range(OPEN_FILES)]
