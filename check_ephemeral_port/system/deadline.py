"""A time limit for the whole run, and what the run is busy with."""

from __future__ import annotations

import os
import time
from _thread import TIMEOUT_MAX, allocate_lock, start_new_thread
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..model.records import NamedTuple
from .errors import SystemReadError

UNKNOWN = 3
"""The exit code of a run whose time is up and that can't even say so."""
START_SECONDS = 1.0
"""Enough for a thread to begin, unless it never will."""
PRINTING_SECONDS = 1.0
"""Enough to print a result, unless nobody reads it."""


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
        """``last_words`` prints what is to be said and returns the exit code.

        Raises :class:`SystemReadError` if there can't be a thread.
        """
        # the longest that every platform can wait for: 49 days on Windows
        self._seconds = min(seconds, TIMEOUT_MAX)
        self._last_words = last_words
        self._mutex = allocate_lock()
        if not _begins_in_time(self._watch):
            raise SystemReadError("cannot start a thread to watch the time")

    def reached_the_end(self) -> None:
        """The run is about to print its result: too late to interrupt it."""
        self._mutex.acquire()

    def _watch(self) -> None:
        # not threading.Timer: before Python 3.11 it waits by the wall clock, which may
        # be set meanwhile
        time.sleep(self._seconds)
        # if the result is being printed, it may still come to its end
        if self._mutex.acquire(timeout=PRINTING_SECONDS):
            # in a thread of its own: nobody may be reading
            if _begins_in_time(self._speak):
                time.sleep(PRINTING_SECONDS)
        os._exit(UNKNOWN)

    def _speak(self) -> None:
        exit_code = UNKNOWN
        try:
            exit_code = self._last_words()
        finally:  # whatever became of the words
            os._exit(exit_code)


def _begins_in_time(work: Callable[[], None]) -> bool:
    """Do the work in a thread; ``False`` if there is none, for want of memory or since
    the user has too many processes.

    Not by ``threading``, which waits for ever for a thread that the lack of memory
    ends before its first step.
    """
    begun = allocate_lock()
    begun.acquire()

    def begin() -> None:
        begun.release()
        work()

    try:
        start_new_thread(begin, ())
    except RuntimeError:
        return False
    return begun.acquire(timeout=START_SECONDS)
