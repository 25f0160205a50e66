"""A day of the check in a few minutes: each state right, no sample lost, no file left.

``python -m tests.e2e.soak 2000`` makes 2,000 runs over 24 simulated hours with one
state file, in a namespace of its own. The load follows the day, with noise and jumps.
A fifth of the runs are killed at a random moment (SIGKILL). Only the clocks of the
program are moved on; the sockets, the kernel and the file are real.
"""

from __future__ import annotations

import math
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from check_ephemeral_port.model.forecast.trend import MOST_POINTS, Point
from check_ephemeral_port.system.state_file import decode_history
from tests.support.namespace import run_in_namespace
from tests.support.plugin_process import PROGRAM, with_stub
from tests.support.sockets import bind_udp

PORTS, CAPACITY = "40000-40199", 200
DAY_SECONDS = 24 * 60 * 60
KILLED_SHARE = 0.2
LIMIT_SECONDS = 7200
WARNING, CRITICAL = 80, 90
CLOCKS = """
import os, time
moved = float(os.environ["MOVED_SECONDS"])
real_time, real_clock = time.time, time.clock_gettime
time.time = lambda: real_time() + moved
time.clock_gettime = lambda clock: real_clock(clock) + moved
"""


class Outcome(NamedTuple):
    """What happened in all runs."""

    states: Counter[int]
    """Finished runs by their exit code; all were right."""
    killed: int
    saved: int
    """Killed runs that had already saved their sample."""
    left_over: int
    """Unfinished files of killed runs, which the next run removed."""
    largest_bytes: int

    def __str__(self) -> str:
        finished = sum(self.states.values())
        return (
            f"{finished + self.killed} runs: {self.killed} killed, of which"
            f" {self.saved} had saved their sample and {self.left_over} left a file"
            f" behind that a later run removed; {finished} finished, all in the right"
            " state"
            f" ({self.states[0]} OK, {self.states[1]} WARNING, {self.states[2]}"
            f" CRITICAL), no sample lost; state file at most {self.largest_bytes} bytes"
        )


class Soak:
    """Repeated runs in the namespace of the caller, with files in a folder."""

    def __init__(self, runs: int, folder: Path, seed: int) -> None:
        self._runs = runs
        self._chance = random.Random(seed)
        self._held: list[socket.socket] = []
        self._points: Sequence[Point] = ()
        self._folder = folder / "state"
        self._folder.mkdir()
        self._file = self._folder / "file"
        self._environment = with_stub(folder, "sitecustomize", CLOCKS)
        self._usual_seconds = 0.2

    def run(self) -> Outcome:
        """Make all runs. ``AssertionError`` as soon as one goes wrong."""
        states: Counter[int] = Counter()
        killed = saved = left_over = largest = 0
        for number in range(self._runs):
            self._hold(self._load(number / self._runs))
            process = self._start(number * DAY_SECONDS / self._runs)
            if number and self._chance.random() < KILLED_SHARE:
                files = len(os.listdir(self._folder))
                killed += 1
                saved += self._kill(process)
                left_over += max(0, len(os.listdir(self._folder)) - files)
            else:
                states[self._finish(process)] += 1
            largest = max(largest, self._file.stat().st_size)
        return Outcome(states, killed, saved, left_over, largest)

    def _load(self, day: float) -> int:
        curve = 0.5 - 0.45 * math.cos(2 * math.pi * day)
        if self._chance.random() < 0.02:  # a deployment, a burst
            curve = self._chance.random()
        return min(CAPACITY, max(0, round(CAPACITY * self._chance.gauss(curve, 0.03))))

    def _hold(self, count: int) -> None:
        while len(self._held) < count:
            self._held.append(bind_udp())
        while len(self._held) > count:
            self._held.pop().close()

    def _start(self, moved_seconds: float) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [PROGRAM, "--state-file", str(self._file), "--protocol", "udp"],
            env={**self._environment, "MOVED_SECONDS": str(moved_seconds)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def _kill(self, process: subprocess.Popen[str]) -> bool:
        """Whether it had saved its sample by then."""
        time.sleep(self._chance.uniform(0, 1.1) * self._usual_seconds)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        before, self._points = self._points, self._read()
        if self._points == before:
            return False
        self._assert_one_more_than(before)
        return True

    def _finish(self, process: subprocess.Popen[str]) -> int:
        """Its exit code."""
        begin = time.monotonic()
        output, _ = process.communicate(timeout=60)
        self._usual_seconds += 0.1 * (time.monotonic() - begin - self._usual_seconds)
        used = len(self._held)
        percent = used * 100 / CAPACITY
        right = 2 if percent > CRITICAL else 1 if percent > WARNING else 0
        assert process.returncode == right, (process.returncode, used, output)
        assert output.count("\n") == 1 and f" udp_sockets={used};" in output, output
        before, self._points = self._points, self._read()
        self._assert_one_more_than(before)
        assert os.listdir(self._folder) == [self._file.name]
        return process.returncode

    def _read(self) -> Sequence[Point]:
        (series,) = decode_history(self._file.read_bytes()).values()
        return series.points

    def _assert_one_more_than(self, before: Sequence[Point]) -> None:
        expected = [*before, self._points[-1]][-MOST_POINTS:]
        assert [*self._points] == expected, "a sample is lost"
        assert self._points[-1].used == len(self._held)


def soak(runs: int, folder: Path, seed: int = 1) -> Outcome:
    """Make the runs in the namespace of the caller, which has :data:`PORTS`."""
    return Soak(runs, folder, seed).run()


def main() -> None:
    """Make the runs that the command line asks for, and print what happened."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 2000

    def body() -> None:
        with tempfile.TemporaryDirectory() as folder:
            print(soak(runs, Path(folder)), flush=True)

    failure = run_in_namespace(PORTS, body, limit_seconds=LIMIT_SECONDS)
    if failure:
        sys.exit(failure)


if __name__ == "__main__":
    main()
