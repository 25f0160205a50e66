"""The way in and the only way out: one text, one exit code, whatever happens."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence

from . import __version__
from .options import Options, UsageError, build_parser, parse_options
from .plugin.text import printable, unknown
from .system.deadline import Deadline, Stopwatch

EXIT_OK = 0
EXIT_UNKNOWN = 3


def main(argv: Sequence[str] | None = None) -> int:
    """Run the check, print its output and return the exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    asked = _help_or_version(arguments)
    if asked:
        _print(asked)
        return EXIT_UNKNOWN  # not the result of a check, says the plugin interface
    try:
        options = parse_options(arguments)
    except UsageError as error:
        _print(unknown(str(error)))
        return EXIT_OK if "--exit-ok" in arguments else EXIT_UNKNOWN
    return _run(options)


def _run(options: Options) -> int:
    stopwatch = Stopwatch()

    def give_up() -> int:
        reason = f"timed out after {options.timeout:g} s: {stopwatch.current}"
        return _finish(unknown(reason), EXIT_UNKNOWN, options)

    deadline = Deadline(options.timeout, give_up)
    try:
        from .check import run

        text, exit_code = run(options, stopwatch)
    except ImportError as error:
        text, exit_code = unknown(f"a dependency is missing: {error}"), EXIT_UNKNOWN
    except (Exception, KeyboardInterrupt) as error:
        text, exit_code = _unexpected(error, options.verbose), EXIT_UNKNOWN
    deadline.reached_the_end()
    return _finish(text, exit_code, options)


def _unexpected(error: BaseException, verbose: int) -> str:
    text = unknown(f"unexpected {type(error).__name__}: {error}")
    if verbose >= 3:
        from traceback import format_exception

        trace = "".join(format_exception(type(error), error, error.__traceback__))
        text += "".join(f"{printable(line)}\n" for line in trace.splitlines())
    return text


def _finish(text: str, exit_code: int, options: Options) -> int:
    printed = _print(text)
    if options.exit_ok:
        return EXIT_OK
    return exit_code if printed else EXIT_UNKNOWN


def _print(text: str) -> bool:
    # past sys.stdout's buffer, which would complain on stderr when it is flushed
    # into a closed pipe at exit; None: stdout was closed before we came
    if sys.stdout is None:
        return False
    data = text.encode("utf-8", "backslashreplace")
    try:
        while data:
            data = data[os.write(sys.stdout.fileno(), data) :]
    except OSError:  # nobody reads, or the disk is full
        return False
    return True


def _help_or_version(arguments: Sequence[str]) -> str:
    # looked for by hand, since they win over all other options, wrong ones included
    for argument in arguments:
        bunch = re.fullmatch("-v*([hV])[vhV]*", argument)
        asked = f"-{bunch[1]}" if bunch else argument
        if asked in ("-h", "--help"):
            return build_parser().format_help()
        if asked in ("-V", "--version"):
            return f"check_ephemeral_port {__version__}\n"
    return ""
