"""The time limit holds even if the process is blocked."""

import subprocess
import sys
import threading
import time

import pytest

from check_ephemeral_port.system import deadline
from check_ephemeral_port.system.deadline import (
    Stopwatch,
    TookTooLong,
    within,
)
from check_ephemeral_port.system.errors import SystemReadError

PROGRAM = """
import os, sys
from check_ephemeral_port.system.deadline import Deadline, Stopwatch

def report_timeout():
    os.write(1, b"too late")
    return 3

deadline = Deadline(Stopwatch(0.2), report_timeout)
{}
deadline.reached_the_end()
print("done")
"""


@pytest.mark.parametrize(
    "blocked",
    [
        "os.read(os.pipe()[0], 1)",
        "while True: pass",
        "__import__('signal').sigwait([1])",
    ],
)
def test_a_blocked_process_is_ended(blocked):
    program = PROGRAM.format(blocked)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "too late", "")


SLOW_THREADS = """
import _thread, time
start = _thread.start_new_thread
def start_late(work, arguments):
    return start(lambda: (time.sleep(1.5), work()), arguments)
_thread.start_new_thread = start_late
"""


def test_a_thread_that_starts_late_is_waited_for():
    # as on a host that is stalled for a moment
    program = SLOW_THREADS + PROGRAM.replace("0.2", "30").format("")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"done\n", b"")


@pytest.mark.slow  # it waits for seconds
def test_the_report_of_a_stalled_host_is_waited_for():
    program = SLOW_THREADS + PROGRAM.replace("0.2", "4").format("while True: pass")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (3, b"too late", b"")


def test_the_process_ends_even_if_the_report_fails():
    program = PROGRAM.replace('os.write(1, b"too late")', "raise BrokenPipeError")
    program = program.format("while True: pass")
    done = subprocess.run([sys.executable, "-c", program], timeout=30)
    assert done.returncode == 3


def test_a_run_that_prints_its_result_is_not_interrupted():
    program = PROGRAM.replace("0.2", "2").format("") + "import time; time.sleep(2.3)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True)
    assert (done.returncode, done.stdout) == (0, b"done\n")


def test_a_task_within_its_time_gives_its_result_or_its_exception():
    assert within(10, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        within(10, lambda: 1 // 0)
    assert within(1e300, lambda: None) is None  # as long as the platform can wait


def test_a_task_that_hangs_is_left_behind():
    release = threading.Event()
    with pytest.raises(TookTooLong, match=r"^no answer within 0\.05 s$"):
        within(0.05, release.wait)
    release.set()


def test_a_task_needs_a_thread(monkeypatch):
    def refuse(*_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(deadline, "start_new_thread", refuse)
    with pytest.raises(SystemReadError, match="cannot start a thread"):
        within(10, lambda: 7)


def test_the_stopwatch_knows_the_time_that_remains():
    before, stopwatch = time.monotonic(), Stopwatch(100)
    remaining = stopwatch.remaining_seconds
    assert 100 - (time.monotonic() - before) <= remaining <= 100
    assert Stopwatch(0).remaining_seconds == Stopwatch(-1).remaining_seconds == 0
    assert Stopwatch(1e30).remaining_seconds > 1e6  # as long as the platform can wait


def test_the_stopwatch_knows_current_current_and_finished_stages():
    stopwatch = Stopwatch()
    with stopwatch.stage("sampling"):
        assert stopwatch.current == "sampling"
    assert [stage.name for stage in stopwatch.finished] == ["sampling"]
