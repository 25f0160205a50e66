"""Every call to the operating system is in this ring."""

from __future__ import annotations

import os
import sys

from .errors import SystemReadError

RECORDER_VARIABLE = "CHECK_EPHEMERAL_PORT_RECORDER"
"""The environment variable that names another recorder than the usual one."""
RECORDER_NAME = "check_ephemeral_port"
RECORDER_FOLDERS = ("/run/check_ephemeral_port", "/sys/kernel/tracing/instances")
"""Where a recorder can be read: where ``--recorder on`` mounts it, and where the kernel
keeps it. Others than root cannot enter the second one."""


def recorder_name() -> str:
    """The name of the recorder of failed requests.

    Raises :class:`SystemReadError` if the environment variable is no plain name.
    """
    name = os.environ.get(RECORDER_VARIABLE) or RECORDER_NAME
    if not (name.isascii() and name.isidentifier()):
        raise SystemReadError(f"{RECORDER_VARIABLE}: {name!r} is not a plain name")
    return name


def recorder_path() -> str | None:
    """The folder of the recorder of failed requests.

    Empty if there is none, ``None`` if this system cannot have one. Every run asks
    this, so it is not in ``system/recorder``, which most runs don't need.
    Raises :class:`SystemReadError` if the environment variable is no plain name.
    """
    if sys.platform != "linux":
        return None
    name = recorder_name()
    for folder in RECORDER_FOLDERS:
        if os.path.exists(f"{folder}/{name}"):
            return f"{folder}/{name}"
    return ""


def logs_failures() -> bool:
    """Whether this system itself logs failed requests; see ``system/event_log.py``."""
    return sys.platform == "win32"
