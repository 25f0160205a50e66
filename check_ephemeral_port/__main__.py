"""Starts the program, also as ``python -m check_ephemeral_port``."""

from __future__ import annotations

import gc
import os
import sys

TYPE_CHECKING = False  # importing typing takes memory, which may be what is missing
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> NoReturn:
    """Run the check and end the process with its exit code."""
    # without garbage collection, and with os._exit() instead of the interpreter's
    # teardown, a run takes a fifth less time
    gc.disable()
    _silence_stderr()
    exit_code = 3
    try:
        from . import cli

        exit_code = cli.main()  # the output is already written, without a buffer
    except BaseException as error:  # no memory, no descriptor, a broken installation
        # Python would exit with 1, which means WARNING
        _print_reason(error)
    finally:  # also if there was no memory for the reason
        os._exit(exit_code)


def _silence_stderr() -> None:
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


def _print_reason(error: BaseException) -> None:
    # as in all other lines: monitoring systems give these characters a meaning
    reason = ascii(error).replace("|", "?").replace(";", ",").replace(": ", ", ")[:400]
    try:
        os.write(1, f"EPHEMERAL_PORT UNKNOWN - cannot run, {reason}\n".encode())
    except OSError:  # stdout has no reader
        pass


if __name__ == "__main__":
    main()
