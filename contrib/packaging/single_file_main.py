"""The start of the file that ``make zipapp`` builds: its ``__main__.py``.

Enterprise Linux 8 has Python 3.6 as ``python3``, and newer ones next to it. Python 2.7
and every Python 3 can read this file; see :mod:`check_ephemeral_port.__main__`.
"""

import os
import sys

from check_ephemeral_port.__main__ import OLDEST_PYTHON, main


def start():
    # type: () -> None
    """Run the check; if this Python is too old, with a newer one of its folder."""
    if sys.version_info < OLDEST_PYTHON:
        for python in newer_pythons(os.path.dirname(sys.executable or "")):
            try:
                # -I: see single_file.py. Python 2 has no [*list]; no shell is wanted
                os.execv(python, [python, "-I"] + sys.argv)  # noqa: RUF005, S606
            except OSError:  # it is not a program
                continue
    main()


def newer_pythons(folder):
    # type: (str) -> list[str]
    """The Pythons in this folder that can run the check, the best one first: one that
    has psutil, and of these the newest.

    There is none if this Python is itself called so, since it would start itself.
    """
    import glob  # late: a Python that is new enough does not need it
    import re

    found = []
    for path in glob.glob(os.path.join(folder, "python3.*")):
        name = os.path.basename(path)
        minor = re.match(r"python3\.([0-9]+)$", name)
        if minor and (3, int(minor.group(1))) >= OLDEST_PYTHON:
            libraries = os.path.join(os.path.dirname(folder), "lib*", name)
            psutil = glob.glob(os.path.join(libraries, "*-packages", "psutil"))
            found.append((bool(psutil), int(minor.group(1)), path))
    if sys.executable in [path for _, _, path in found]:
        return []
    return [path for _, _, path in sorted(found, reverse=True)]


if __name__ == "__main__":
    start()
