"""The time limit holds even if the process is blocked."""

import subprocess
import sys

import pytest

from check_ephemeral_port.system.deadline import Stopwatch

PROGRAM = """
import os, sys
from check_ephemeral_port.system.deadline import Deadline

def report_timeout():
    os.write(1, b"too late")
    return 3

deadline = Deadline(0.2, report_timeout)
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


def test_the_process_ends_even_if_the_report_fails():
    program = PROGRAM.replace('os.write(1, b"too late")', "raise BrokenPipeError")
    program = program.format("while True: pass")
    done = subprocess.run([sys.executable, "-c", program], timeout=30)
    assert done.returncode == 3


def test_a_run_that_prints_its_result_is_not_interrupted():
    program = PROGRAM.format("") + "import time; time.sleep(0.4)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True)
    assert (done.returncode, done.stdout) == (0, b"done\n")


def test_the_stopwatch_knows_current_and_finished_stages():
    stopwatch = Stopwatch()
    with stopwatch.stage("sampling"):
        assert stopwatch.current == "sampling"
    assert [stage.name for stage in stopwatch.finished] == ["sampling"]
