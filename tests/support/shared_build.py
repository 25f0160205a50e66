"""Builds that take seconds: once in a run of the suite, also with several workers."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Callable

import pytest


def built_once(
    factory: pytest.TempPathFactory, name: str, build: Callable[[Path], None]
) -> Path:
    """The folder that ``build`` has filled, called by this worker or by another one."""
    folder = _shared_by_workers(factory) / name
    with open(f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            # a build that fails leaves nothing behind that looks finished
            unfinished = factory.mktemp(name)
            build(unfinished)
            unfinished.rename(folder)
    return folder


def _shared_by_workers(factory: pytest.TempPathFactory) -> Path:
    # pytest-xdist gives each worker a folder in that of the run
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
