"""The figures stay valid while thousands of connections open and close."""

import mmap
import os
import signal

import pytest

from tests.support.plugin_process import PluginRun, check
from tests.support.sockets import bind, connect, listen
from tests.support.waiting import wait_until

SERVER = ("127.0.0.1", 5000)
RUNS = 20
CONNECTIONS = 3000
"""Least number of each: if one is slow, there are more of the others."""


def _churn(opened: memoryview) -> None:
    server = listen(*SERVER)
    while True:
        with connect(SERVER), server.accept()[0], bind("127.0.0.2"):
            opened[0] += 1


@pytest.mark.namespace(ports="40000-49999")
@pytest.mark.parametrize("sampler", ["auto", "psutil", "sock_diag"])
def test_figures_are_valid_while_connections_open_and_close(sampler):
    opened = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("Q")
    child = os.fork()
    if child == 0:
        _churn(opened)
    wait_until(lambda: opened[0] > 0)
    runs: list[PluginRun] = []
    while len(runs) < RUNS or opened[0] < CONNECTIONS:
        runs.append(check("-vv", "--probe", "--sampler", sampler))
        assert os.waitpid(child, os.WNOHANG) == (0, 0)  # it goes on
    os.kill(child, signal.SIGKILL)
    for run in runs:
        assert run.exit_code in (0, 1, 2), run.stdout
        assert run.stderr == ""
        for label, value in run.perfdata.items():
            assert value >= 0
            if label.endswith("_free"):
                low, high = run.free_bounds(label.replace("_free", ""))
                assert 0 <= low <= value <= high <= 10000
