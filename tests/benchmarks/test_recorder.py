"""What a killed benchmark leaves behind."""

import os
import subprocess

import pytest

from check_ephemeral_port.system import RECORDER_VARIABLE
from check_ephemeral_port.system.recorder.switch import switch_off, switch_on
from tests.support.recorder import TRACEFS, new_name, remove_abandoned

PREFIX = "abandoned"


def names():
    return {path.name for path in TRACEFS.glob(f"instances/{PREFIX}_*")}


@pytest.mark.namespace(ports="40000-40039", recorder=True)
def test_the_next_start_removes_the_recorder_of_a_killed_benchmark():
    ended = subprocess.Popen(["true"])
    ended.wait()
    for name in (new_name(PREFIX), f"{PREFIX}_{ended.pid}"):
        os.environ[RECORDER_VARIABLE] = name
        switch_on()
    assert {new_name(PREFIX), f"{PREFIX}_{ended.pid}"} <= names()
    remove_abandoned(PREFIX)
    left = names()
    assert new_name(PREFIX) in left and f"{PREFIX}_{ended.pid}" not in left
    os.environ[RECORDER_VARIABLE] = new_name(PREFIX)
    switch_off()
