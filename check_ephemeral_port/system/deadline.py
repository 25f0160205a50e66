"""A time limit for the whole run, and the stages of the run."""

from __future__ import annotations

import os
import time
from _thread import TIMEOUT_MAX, allocate_lock, start_new_thread
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..model.records import NamedTuple
from .errors import SystemReadError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    Result = TypeVar("Result")

UNKNOWN = 3
"""The exit code if the time is up and even the report of that fails."""
PRINTING_SHARE, LEAST_PRINTING_SECONDS = 0.5, 1.0
"""Printing gets half of the time limit in addition, but enough for one line if the
limit is tiny. It takes so long only if the host is stalled, or if no process reads the
output."""


class Stage(NamedTuple):
    """A finished part of the run."""

    name: str
    seconds: float


class Stopwatch:
    """The clock of the run: its stages, and the time that remains.

    Nothing waits by a limit of its own. Whatever can wait gets a share of the time that
    remains.
    """

    def __init__(self, limit_seconds: float = TIMEOUT_MAX) -> None:
        self.current = "starting"
        self.finished: list[Stage] = []
        # the longest wait that the platform supports: 49 days on Windows
        self.limit_seconds = min(limit_seconds, TIMEOUT_MAX)
        self._end = time.monotonic() + self.limit_seconds

    @property
    def remaining_seconds(self) -> float:
        """The time until the time limit of the run; never negative."""
        return max(0.0, self._end - time.monotonic())

    @property
    def reason(self) -> str:
        """Why there is no answer if the time is up now."""
        return f"timed out after {self.limit_seconds:g} s while {self.current}"

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

    def __init__(self, stopwatch: Stopwatch, report_timeout: Callable[[], int]) -> None:
        """``report_timeout`` prints the result and returns the exit code.

        Raises :class:`SystemReadError` if the thread cannot start, or not in time.
        """
        self._stopwatch = stopwatch
        self._report_timeout = report_timeout
        self._mutex = allocate_lock()
        if not _start_thread(self._watch, stopwatch.remaining_seconds):
            if stopwatch.remaining_seconds:
                raise SystemReadError("cannot start a thread to watch the time")
            raise SystemReadError(stopwatch.reason)

    def reached_the_end(self) -> None:
        """Do not interrupt the run any more: it is about to print its result."""
        self._mutex.acquire()

    def _watch(self) -> None:
        # not threading.Timer: before Python 3.11 it uses the wall clock, which can be
        # changed in the meantime
        time.sleep(self._stopwatch.remaining_seconds)
        share = PRINTING_SHARE * self._stopwatch.limit_seconds
        printing = Stopwatch(max(LEAST_PRINTING_SECONDS, share))
        # a run that already prints its result gets some time to finish
        if self._mutex.acquire(timeout=printing.remaining_seconds):
            # in another thread, because printing can block
            if _start_thread(self._report_and_exit, printing.remaining_seconds):
                time.sleep(printing.remaining_seconds)
        os._exit(UNKNOWN)

    def _report_and_exit(self) -> None:
        exit_code = UNKNOWN
        try:
            exit_code = self._report_timeout()
        finally:  # also if printing failed
            os._exit(exit_code)


class TookTooLong(SystemReadError):
    """A task did not end within its share of the time."""


def within(limit_seconds: float, task: Callable[[], Result]) -> Result:
    """Run the task in a thread of its own and return its result.

    An exception of the task is raised again here. A task that takes longer goes on in
    the background; its thread ends with the process.
    Raises :class:`TookTooLong`, or another :class:`SystemReadError` if no thread can be
    started.
    """
    outcomes: list[tuple[Result | None, BaseException | None]] = []
    finished = allocate_lock()
    finished.acquire()

    def run() -> None:
        try:
            outcomes.append((task(), None))
        except BaseException as error:
            outcomes.append((None, error))
        finally:
            finished.release()

    try:
        start_new_thread(run, ())
    except RuntimeError:
        raise SystemReadError("cannot start a thread") from None
    if not finished.acquire(timeout=min(limit_seconds, TIMEOUT_MAX)):
        raise TookTooLong(f"no answer within {limit_seconds:.2g} s")
    ((result, error),) = outcomes
    if error:
        raise error
    return result  # type: ignore[return-value] # there is one if there is no error


def _start_thread(work: Callable[[], None], limit_seconds: float) -> bool:
    """Do the work in a new thread; ``False`` if it does not start in this time.

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
    return started.acquire(timeout=limit_seconds)
