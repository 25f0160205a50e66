"""The clocks of the system, and what else identifies the time and place of a run."""

from __future__ import annotations

import os
import sys
import time

from ..model.forecast.trend import Moment


def read_moment(proc: str = "/proc") -> Moment:
    """Now, by every clock that there is."""
    # Linux: goes on while the machine is suspended, unlike CLOCK_MONOTONIC
    boot_clock = getattr(time, "CLOCK_BOOTTIME", None)
    if sys.platform == "win32" or boot_clock is None:
        uptime = time.monotonic()
    else:
        uptime = time.clock_gettime(boot_clock)
    return Moment(uptime, time.time(), _boot_id(proc))


def _boot_id(proc: str) -> str:
    # source: random(4)
    try:
        with open(f"{proc}/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read(64).strip()
    except (OSError, ValueError):
        # a sandbox, or another system: a restart still shows, since uptime begins
        # anew and the wall clock goes on
        return ""


def read_namespace_id(proc: str = "/proc") -> str:
    """Names the network namespace: each has sockets and a range of its own."""
    # source: namespaces(7); the thread's own, since it may have moved to another
    try:
        return os.readlink(f"{proc}/thread-self/ns/net")
    except OSError:  # a sandbox, or another system: there is but one
        return ""
