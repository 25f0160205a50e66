"""A time limit for the whole run, and what the run is busy with."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..model.records import NamedTuple

UNKNOWN = 3
"""The exit code of a run whose time is up and that can't even say so."""


class Stage(NamedTuple):
    """A part of the run that is over."""

    name: str
    seconds: float


class Stopwatch:
    """Knows which stage the run is in and how long each took."""

    def __init__(self) -> None:
        self.current = "start"
        self.finished: list[Stage] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what happens inside."""
        self.current = name
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.finished.append(Stage(name, time.perf_counter() - begin))


class Deadline:
    """Ends the process when its time is up, whatever it is blocked in.

    A thread rather than SIGALRM: a signal's handler would have to wait until the
    call into the C library (name resolution, say) is over, and Windows has none.
    """

    def __init__(self, seconds: float, last_words: Callable[[], int]) -> None:
        """``last_words`` prints what is to be said and returns the exit code."""
        self._last_words = last_words
        self._mutex = threading.Lock()
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True
        self._timer.start()

    def reached_the_end(self) -> None:
        """The run is about to print its result: too late to interrupt it."""
        self._mutex.acquire()
        self._timer.cancel()

    def _expire(self) -> None:
        with self._mutex:
            exit_code = UNKNOWN
            try:
                exit_code = self._last_words()
            finally:  # whatever became of the words
                os._exit(exit_code)
