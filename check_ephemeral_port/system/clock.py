"""The time of a run, and the boot and the network namespace that it belongs to."""

from __future__ import annotations

import os
import sys
import time

from .errors import SystemReadError
from .kernel_files import read_kernel_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..model.forecast.trend import Moment


def read_moment(proc: str = "/proc") -> Moment:
    """The current time by both clocks, and the id of this boot."""
    from ..model.forecast.trend import Moment  # late: only a history needs it

    # on Linux it also counts the time of a suspend, unlike CLOCK_MONOTONIC
    boot_clock = getattr(time, "CLOCK_BOOTTIME", None)
    if sys.platform == "win32" or boot_clock is None:
        uptime = time.monotonic()
    else:
        uptime = time.clock_gettime(boot_clock)
    return Moment(uptime, time.time(), read_boot_id(proc))


def read_boot_id(proc: str = "/proc") -> str:
    """Identifies this start of the system; empty if unknown. Source: random(4)."""
    try:
        return read_kernel_text(f"{proc}/sys/kernel/random/boot_id").strip()
    except SystemReadError:
        # a sandbox, or not Linux; a reboot is still noticed, because the uptime
        # starts again while the wall clock continues
        return ""


def local_time(uptime_seconds: float) -> str:
    """A time since the system started, as local time: ``2026-11-28 10:03:27``."""
    now = read_moment()
    return local_wall_time(now.wall_seconds - now.uptime_seconds + uptime_seconds)


def local_wall_time(wall_seconds: float) -> str:
    """A time since 1970, as local time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(wall_seconds))


def read_namespace_id(proc: str = "/proc") -> str:
    """Identifies this thread's network namespace, such as ``net:[4026531840]``.

    Empty if the system has no namespaces. Source: namespaces(7).
    """
    # not /proc/self: only this thread may have moved to another namespace
    try:
        return os.readlink(f"{proc}/thread-self/ns/net")
    except OSError:  # a sandbox, or not Linux
        return ""
