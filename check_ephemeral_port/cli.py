"""Runs a check: always one text on stdout and one exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from .options import Options, UsageError, help_or_version, parse_options
from .plugin.text import fit_output, printable, unknown
from .system.deadline import Deadline, Stopwatch
from .system.errors import SystemReadError

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing nagiosplugin belongs to the measured time
    from .plugin.output.result import Result

    Keep = Callable[[Callable[[], Result]], None]
    Check = Callable[[Options, Stopwatch, Keep], Result]

EXIT_OK = 0
EXIT_UNKNOWN = 3


def main(argv: Sequence[str] | None = None) -> int:
    """Run the check, print its output and return the exit code.

    The caller must then end the process. Otherwise the time limit ends it, since that
    also covers printing.
    """
    arguments = sys.argv[1:] if argv is None else argv
    asked = help_or_version(arguments)
    if asked:
        _print(asked)
        return EXIT_UNKNOWN  # the plugin interface: help is not the result of a check
    try:
        options = parse_options(arguments)
    except UsageError as error:
        _print(unknown(str(error)))
        return EXIT_OK if "--exit-ok" in arguments else EXIT_UNKNOWN
    return _run(options)


def _run(options: Options) -> int:
    stopwatch = Stopwatch(options.timeout)
    unexplained: list[Callable[[], Result]] = []

    def give_up() -> int:
        if unexplained:
            return _finish(*_written(unexplained[-1]()), options)
        return _finish(unknown(stopwatch.reason), EXIT_UNKNOWN, options)

    deadline: Deadline | None = None
    try:
        deadline = Deadline(stopwatch, give_up)
        if options.recorder:
            from .checks.recorder import run_recorder

            text, exit_code = run_recorder(options)
        else:
            run = _check_of(options)
            text, exit_code = _written(run(options, stopwatch, unexplained.append))
    except ImportError as error:
        text, exit_code = unknown(f"a dependency is missing: {error}"), EXIT_UNKNOWN
    except SystemReadError as error:
        text, exit_code = unknown(str(error)), EXIT_UNKNOWN
    except MemoryError:
        text, exit_code = unknown("out of memory"), EXIT_UNKNOWN
    except (Exception, KeyboardInterrupt) as error:
        text, exit_code = _unexpected(error, options.verbose), EXIT_UNKNOWN
    if deadline:
        deadline.reached_the_end()
    return _finish(text, exit_code, options)


def _check_of(options: Options) -> Check:
    if options.port is None:
        from .checks.pool import run
    else:
        from .checks.port import run
    return run


def _written(result: Result) -> tuple[str, int]:
    from .plugin.output.nagios import write_nagios

    return write_nagios(result), result.exit_code


def _unexpected(error: BaseException, verbose: int) -> str:
    text = unknown(f"unexpected {type(error).__name__}: {error}")
    if verbose >= 3:
        from traceback import format_exception

        trace = "".join(format_exception(type(error), error, error.__traceback__))
        return fit_output(text.rstrip(), list(map(printable, trace.splitlines())))
    return text


def _finish(text: str, exit_code: int, options: Options) -> int:
    printed = _print(text)
    if options.exit_ok:
        return EXIT_OK
    return exit_code if printed else EXIT_UNKNOWN


def _print(text: str) -> bool:
    if sys.stdout is None:  # it was closed before the program started
        return False
    data = text.encode("utf-8", "backslashreplace")
    # not print(): flushing its buffer into a closed pipe at exit prints an error on
    # stderr
    try:
        while data:
            data = data[os.write(sys.stdout.fileno(), data) :]
    except OSError:  # stdout has no reader, or the disk is full
        return False
    return True
