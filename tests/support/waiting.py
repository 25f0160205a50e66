"""Waits for a condition."""

from __future__ import annotations

import time
from typing import Callable

LIMIT_SECONDS = 10


def wait_until(condition: Callable[[], bool]) -> None:
    """Return as soon as the condition holds; ``AssertionError`` if it never does."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)
