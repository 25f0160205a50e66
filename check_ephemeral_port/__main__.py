"""Starts the program, also as ``python -m check_ephemeral_port``.

Python 2.7 and every Python 3 can read this file, so that an old one prints a line which
names the version that the program needs. For this reason, types are comments here.
"""

import gc
import os
import sys

OLDEST_PYTHON = (3, 9)
"""The program needs this version or a newer one."""


def main():
    # type: () -> None
    """Run the check and end the process with its exit code."""
    # without garbage collection, and with os._exit() instead of the interpreter's
    # teardown, a run takes a fifth less time
    gc.disable()
    _silence_stderr()
    exit_code = 3
    try:
        if sys.version_info < OLDEST_PYTHON:
            _write_unknown(_needed_python())
        else:
            from . import cli

            exit_code = cli.main()  # the output is already written, without a buffer
    except BaseException as error:  # no memory, no descriptor, a broken installation
        # Python would exit with 1, which means WARNING
        _write_reason(error)
    finally:  # also if there was no memory for the reason
        os._exit(exit_code)


def _needed_python():
    # type: () -> str
    """Which Python the program needs, and which one runs it."""
    oldest, this = (
        ".".join(map(str, v[:3])) for v in (OLDEST_PYTHON, sys.version_info)
    )
    return "needs Python " + oldest + " or newer, but this is Python " + this


def _write_unknown(message):
    # type: (str) -> None
    """Write the output of a check that could not run: one line."""
    try:
        os.write(1, ("EPHEMERAL_PORT UNKNOWN - " + message + "\n").encode("ascii"))
    except OSError:  # stdout has no reader
        pass


def _silence_stderr():
    # type: () -> None
    """Discard what Python and its libraries write there, mostly if memory is short."""
    # no stream: an exception that ends a thread would print a traceback
    sys.stderr = None  # as if it had been closed
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        if nowhere != 2:  # C code writes to the descriptor
            os.dup2(nowhere, 2)
            os.close(nowhere)
    except OSError:  # too few descriptors
        pass


def _write_reason(error):
    # type: (BaseException) -> None
    # as in all other lines: monitoring systems give these characters a meaning
    reason = ascii(error).replace("|", "?").replace(";", ",").replace(": ", ", ")[:400]
    _write_unknown("cannot run, " + reason)


if __name__ == "__main__":
    main()
