"""The process of the program, also as ``python -m check_ephemeral_port``."""

from __future__ import annotations

import gc
import os
import sys

TYPE_CHECKING = False  # importing typing takes memory, which may be what is missing
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> NoReturn:
    """Run the check and end the process with its exit code."""
    # a run is short: no garbage collection, and no teardown of the interpreter at its
    # end, save a fifth of it
    gc.disable()
    # monitoring systems read the line on stdout only, not what ends a thread
    sys.unraisablehook = lambda _: None
    exit_code = 3
    try:
        from . import cli

        exit_code = cli.main()  # has written all output, past every buffer
    except BaseException as error:  # no memory, no descriptor, half an installation
        # Python would exit with 1, which means WARNING
        _say_why(error)
    os._exit(exit_code)


def _say_why(error: BaseException) -> None:
    reason = ascii(error).replace("|", "?")[:400]
    try:
        os.write(1, f"EPHEMERAL_PORT UNKNOWN - cannot run: {reason}\n".encode())
    except OSError:  # nobody reads
        pass


if __name__ == "__main__":
    main()
