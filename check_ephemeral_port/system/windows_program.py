"""Runs a program of Windows and reads what it prints."""

from __future__ import annotations

import ntpath
import os
import subprocess
import sys
from collections.abc import Sequence

from .errors import SystemReadError


def run_windows_program(
    name: str, arguments: Sequence[str], limit_seconds: float | None = None
) -> bytes:
    """The output of a program from the system folder; ``PATH`` is not used.

    Without a limit, only the time limit of the run ends a program that hangs.
    Raises :class:`SystemReadError` if it fails.
    """
    words = [word for word in arguments if not word.startswith("/")]  # the short ones
    command = " ".join([name, *words])
    root = os.environ.get("SystemRoot", "")
    if not ntpath.isabs(root):
        raise SystemReadError(f"{command}: %SystemRoot% names no folder")
    flags = 0
    if sys.platform == "win32":  # otherwise a console window would open
        flags = subprocess.CREATE_NO_WINDOW
    try:
        done = subprocess.run(
            [ntpath.join(root, "System32", f"{name}.exe"), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            creationflags=flags,
            timeout=limit_seconds,
        )
    except subprocess.TimeoutExpired:
        raise SystemReadError(f"{command}: no answer") from None
    except (OSError, subprocess.SubprocessError) as error:
        raise SystemReadError(f"{command}: {error}") from None
    if done.returncode:
        raise SystemReadError(f"{command}: exit code {done.returncode}")
    return done.stdout
