"""The program, also as ``python -m check_ephemeral_port``."""

from __future__ import annotations

import gc
import os
import sys

TYPE_CHECKING = False  # typing's own takes memory, which may be what is missing
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> NoReturn:
    """Run the check and end the process with its exit code."""
    # a run is short: what it leaves behind is neither looked for now nor taken apart
    # at the end, which together would cost a fifth of it
    gc.disable()
    # of what ends a thread, say: the one line on stdout is all that anybody reads
    sys.unraisablehook = lambda _: None
    exit_code = 3
    try:
        from .cli import main

        exit_code = main()  # all output has been written, and no buffer is in between
    except BaseException as error:  # no memory, no descriptor, half an installation
        # Python would exit with 1, which means WARNING
        _say_why(error)
    os._exit(exit_code)


def _say_why(error: BaseException) -> None:
    reason = ascii(error).replace("|", "?")[:400]
    try:
        os.write(1, f"EPHEMERAL_PORT UNKNOWN - cannot start: {reason}\n".encode())
    except OSError:  # nobody reads
        pass


if __name__ == "__main__":
    main()
