"""What a test needs that a machine can lack. Without it, the test is skipped.

The reason of each skip ends with what makes the test run. The last line of a run
collects these from all reasons.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Collection
from functools import cache
from typing import NoReturn

import pytest

from tests.support.recorder import MOUNT_TRACEFS

TO_RUN_IT = ". To run it: "
INSTALL = "apt-get install "
INSTALL_DAEMONS = ".ci/install-daemons"
BE_ROOT = "run as root"


def skip_without(need: str, remedy: str) -> NoReturn:
    """Skip the test. ``remedy``: the command that provides the need."""
    __tracebackhide__ = True
    pytest.skip(f"needs {need}{TO_RUN_IT}{remedy}")


def need_program(name: str, remedy: str) -> None:
    """Skip the test if no such program is installed."""
    __tracebackhide__ = True
    if not shutil.which(name):
        skip_without(name, remedy)


def need_linux() -> None:
    """Skip the test on other systems."""
    __tracebackhide__ = True
    if sys.platform != "linux":
        skip_without("Linux", "run on Linux")


def need_namespaces(*options: str) -> None:
    """Skip the test if this machine can't make a network namespace, with further
    options of unshare(1)."""
    __tracebackhide__ = True
    for program, package in (("unshare", "util-linux"), ("ip", "iproute2")):
        need_program(program, INSTALL + package)
    reason = _why_no_namespace(*options)
    if reason:
        # some systems allow them to root only; in most containers, nobody has them
        allow = BE_ROOT if os.getuid() else "docker run --privileged"
        skip_without(f"network namespaces ({reason})", allow)


@cache
def _why_no_namespace(*options: str) -> str:
    command = ["unshare", "--net", *options, "ip", "link", "set", "lo", "up"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stderr.strip() if done.returncode else ""


def need_recorder() -> None:
    """Skip the test if this machine cannot record."""
    if os.getuid():
        skip_without("root, for tracefs", BE_ROOT)
    reason = _why_no_tracefs()
    if reason:
        skip_without(f"tracefs ({reason})", "docker run --privileged")


@cache
def _why_no_tracefs() -> str:
    command = ["unshare", "--mount", "sh", "-c", MOUNT_TRACEFS]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stderr.strip() if done.returncode else ""


def summary(reasons: Collection[str]) -> str:
    """One line for all skipped tests of a run."""
    remedies = {reason.rpartition(TO_RUN_IT)[2] for reason in reasons}
    packages = [r[len(INSTALL) :] for r in remedies if r.startswith(INSTALL)]
    others = [remedy for remedy in remedies if not remedy.startswith(INSTALL)]
    if packages:
        names = {name for each in packages for name in each.split()}
        others.append(INSTALL + " ".join(sorted(names)))
    return f"{len(reasons)} skipped (-rs lists them). To run them: " + ", ".join(
        sorted(others)
    )
