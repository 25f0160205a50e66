"""The figures stay valid while thousands of connections open and close."""

import mmap
import os
import signal
import time

import pytest

from tests.support.plugin_process import check
from tests.support.sockets import bind, connect, listen

SERVER = ("127.0.0.1", 5000)
SECONDS = 3


def _churn(opened: mmap.mmap) -> None:
    server = listen(*SERVER)
    for count in range(1, 2**32):
        with connect(SERVER), server.accept()[0], bind("127.0.0.2"):
            opened[:4] = count.to_bytes(4, "big")


@pytest.mark.namespace(ports="40000-49999")
@pytest.mark.parametrize("sampler", ["auto", "psutil", "sock_diag"])
def test_figures_are_valid_while_connections_open_and_close(sampler):
    opened = mmap.mmap(-1, mmap.PAGESIZE)
    child = os.fork()
    if child == 0:
        _churn(opened)
    time.sleep(0.2)
    runs = []
    stop = time.monotonic() + SECONDS
    while time.monotonic() < stop:
        runs.append(check("-vv", "--probe", "--sampler", sampler))
    alive = os.waitpid(child, os.WNOHANG) == (0, 0)
    os.kill(child, signal.SIGKILL)
    assert alive
    for run in runs:
        assert run.exit_code in (0, 1, 2), run.stdout
        assert run.stderr == ""
        for label, value in run.perfdata.items():
            assert value >= 0
            if label.endswith("_free"):
                low, high = run.free_bounds(label.replace("_free", ""))
                assert 0 <= low <= value <= high <= 10000
    assert int.from_bytes(opened[:4], "big") > 1000 * SECONDS
