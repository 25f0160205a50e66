"""A time limit for the whole run, and the stages of the run."""

from __future__ import annotations

import os
import time
from _thread import TIMEOUT_MAX, allocate_lock, start_new_thread
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..model.records import NamedTuple
from .errors import SystemReadError

UNKNOWN = 3
"""The exit code if the time is up and even the report of that fails."""
START_SECONDS = 1.0
"""A thread that has not started after this time never will."""
PRINTING_SECONDS = 1.0
"""Printing takes longer than this only if no process reads the output."""


class Stage(NamedTuple):
    """A finished part of the run."""

    name: str
    seconds: float


class Stopwatch:
    """Knows the current stage of the run and how long each finished stage took."""

    def __init__(self) -> None:
        self.current = "start"
        self.finished: list[Stage] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure how long the ``with`` block takes."""
        self.current = name
        begin = time.perf_counter()
        try:
            yield
        finally:
            self.finished.append(Stage(name, time.perf_counter() - begin))


class Deadline:
    """Ends the process when the time is up, even if a system call blocks.

    It uses a thread, not SIGALRM. Python runs a signal handler only after the current
    call into the C library (such as name resolution) returns, and Windows has no
    SIGALRM.
    """

    def __init__(self, seconds: float, report_timeout: Callable[[], int]) -> None:
        """``report_timeout`` prints the result and returns the exit code.

        Raises :class:`SystemReadError` if the thread cannot start.
        """
        # the longest wait that the platform supports: 49 days on Windows
        self._seconds = min(seconds, TIMEOUT_MAX)
        self._report_timeout = report_timeout
        self._mutex = allocate_lock()
        if not _start_thread(self._watch):
            raise SystemReadError("cannot start a thread to watch the time")

    def reached_the_end(self) -> None:
        """Do not interrupt the run any more: it is about to print its result."""
        self._mutex.acquire()

    def _watch(self) -> None:
        # not threading.Timer: before Python 3.11 it uses the wall clock, which can be
        # changed in the meantime
        time.sleep(self._seconds)
        # a run that already prints its result gets some time to finish
        if self._mutex.acquire(timeout=PRINTING_SECONDS):
            # in another thread, because printing can block
            if _start_thread(self._report_and_exit):
                time.sleep(PRINTING_SECONDS)
        os._exit(UNKNOWN)

    def _report_and_exit(self) -> None:
        exit_code = UNKNOWN
        try:
            exit_code = self._report_timeout()
        finally:  # also if printing failed
            os._exit(exit_code)


def _start_thread(work: Callable[[], None]) -> bool:
    """Do the work in a new thread; ``False`` if the thread does not start.

    It fails to start if memory is short or the user has too many processes. The
    ``threading`` module would wait forever for a thread that dies of lack of memory
    before its first step.
    """
    started = allocate_lock()
    started.acquire()

    def begin() -> None:
        started.release()
        work()

    try:
        start_new_thread(begin, ())
    except RuntimeError:
        return False
    return started.acquire(timeout=START_SECONDS)
