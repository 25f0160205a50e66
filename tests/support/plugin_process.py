"""Runs the installed program as a process and reads what it prints."""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

PROGRAM = str(Path(sysconfig.get_path("scripts")) / "check_ephemeral_port")


class PluginRun(NamedTuple):
    """One run of the program."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def status(self) -> str:
        """The first line without its perfdata."""
        return self.stdout.split("\n")[0].split(" | ")[0]

    @property
    def perfdata(self) -> dict[str, float]:
        """Values by label."""
        return {label: float(value) for label, value in _VALUE.findall(self._perfdata)}

    @property
    def perfdata_fields(self) -> dict[str, str]:
        """Everything after the ``=``, by label."""
        return dict(_FIELDS.findall(self._perfdata))

    @property
    def _perfdata(self) -> str:
        return self.stdout.split("\n")[0].partition(" | ")[2]

    def free_bounds(self, label: str) -> tuple[int, int]:
        """The bounds of the free ports, from a run with ``-vv``."""
        row = re.search(rf"^{label} .* (\d+)-(\d+)$", self.stdout, re.MULTILINE)
        assert row, self.stdout
        return int(row[1]), int(row[2])


_FIELDS = re.compile(r"'?([^\s'=]+)'?=(\S+)")
_VALUE = re.compile(r"'?([^\s'=]+)'?=(-?[0-9.]+)")


def check(*arguments: str, within: Sequence[str] = (), **process: Any) -> PluginRun:
    """Run the program, or a command such as ``unshare`` with the program ``within``.

    ``process`` are further arguments of ``subprocess.run``.
    """
    done = subprocess.run(
        [*within, PROGRAM, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        **process,
    )
    return PluginRun(done.returncode, done.stdout, done.stderr)


def assert_unknown(run: PluginRun, *parts: str) -> None:
    """The output is one line with all the parts, and the exit code is 3."""
    assert run.exit_code == 3
    assert run.stderr == ""
    assert run.stdout.startswith("EPHEMERAL_PORT UNKNOWN - ")
    assert run.stdout.count("\n") == 1 and run.stdout.endswith("\n")
    assert "|" not in run.stdout and "Traceback" not in run.stdout
    assert_plain(run)
    for part in parts:
        assert part in run.stdout


def assert_plain(run: PluginRun) -> None:
    """The status line has at most three clauses, and neither ``;`` nor ``: ``."""
    assert ";" not in run.status and ": " not in run.status
    assert run.status.count(" - ") <= 3


def with_stub(tmp_path: Path, module: str, text: str) -> dict[str, str]:
    """An environment in which ``module`` consists of this text."""
    (tmp_path / f"{module}.py").write_text(text)
    return {**os.environ, "PYTHONPATH": str(tmp_path)}
