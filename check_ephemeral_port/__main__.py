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
    # an exception that ends a thread would print a traceback on stderr
    sys.unraisablehook = lambda _: None
    exit_code = 3
    try:
        from . import cli

        exit_code = cli.main()  # the output is already written, without a buffer
    except BaseException as error:  # no memory, no descriptor, a broken installation
        # Python would exit with 1, which means WARNING
        _print_reason(error)
    os._exit(exit_code)


def _print_reason(error: BaseException) -> None:
    reason = ascii(error).replace("|", "?")[:400]
    try:
        os.write(1, f"EPHEMERAL_PORT UNKNOWN - cannot run: {reason}\n".encode())
    except OSError:  # stdout has no reader
        pass


if __name__ == "__main__":
    main()
