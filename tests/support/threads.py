"""A process whose first thread has ended while another one goes on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.waiting import wait_until

PROGRAM = """
import ctypes, platform, socket, threading, time
opened = []
def hold():
    for _ in range({}):
        opened.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        opened[-1].bind(("127.0.0.1", 0))
    time.sleep(1000)
threading.Thread(target=hold).start()
while len(opened) < {}:
    time.sleep(0.001)
exit_thread = dict(x86_64=60, aarch64=93)[platform.machine()]
ctypes.CDLL(None).syscall(exit_thread, 0)
"""


@contextmanager
def without_first_thread(ports: int, *within: str) -> Iterator[int]:
    """Yields the pid of such a process, which holds UDP ports."""
    program = PROGRAM.format(ports, ports)
    process = subprocess.Popen([*within, sys.executable, "-c", program])
    status = Path(f"/proc/{process.pid}/status")
    try:
        wait_until(lambda: "\nState:\tZ" in status.read_text())
        yield process.pid
    finally:
        process.kill()
        process.wait()
