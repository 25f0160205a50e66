"""Tries the situations under the kernels that people run.

``python -m tests.kernel.guests`` boots each kernel in a guest and prints how often the
check was exact, and what was wrong. Words select kernels: ``5.10 newest``. After
``--situations``, words select situations. ``--save FOLDER`` keeps the trials for the
page of predictions. The guests are in ``tests/kernel/guest``; they need QEMU and
debootstrap.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from check_ephemeral_port.model.sockets import AUTO
from tests.kernel.failures import Record, record_from_json, to_json
from tests.kernel.lockdown import MODES
from tests.kernel.trial import Trial, faults, from_json

SCRIPTS = Path(__file__).parent / "guest"


class Guest(NamedTuple):
    """A Debian with its kernel."""

    name: str
    kernel_suite: str
    pattern: str
    """Selects the version of the kernel."""
    suite: str
    """Where the user land comes from."""


GUESTS = (
    Guest("5.10", "bullseye-security", r"^5\.10\.", "bullseye"),
    Guest("6.1", "bookworm-security", r"^6\.1\.", "bookworm"),
    Guest("6.12", "trixie", r"^6\.12\.", "trixie"),
    Guest("newest", "sid", ".", "sid"),
)
_MODULES = "modprobe vrf; modprobe veth;"
"""Other systems load these modules when they are needed."""
RULES_DIFFER = ("TIME_WAIT", "idle", "names the port", "bind, then", "IPv6 listener")
"""Words that select the situations in which kernels behave differently."""


class Outcome(NamedTuple):
    """All trials under one kernel."""

    version: str
    trials: Sequence[Trial]
    record: Record | None = None
    """What the recorder counts there; ``None`` if that was not tried."""

    @property
    def exact(self) -> int:
        """The number of trials whose figure was exact by default."""
        return sum(trial.said[AUTO].free == trial.truth for trial in self.trials)


def try_in_guest(guest: Guest, words: Iterable[str] = ()) -> Outcome:
    """Boot the guest and try the situations whose names contain one of these words.

    Without words, try all of them, and the recorder.
    Raises ``CalledProcessError`` if the guest fails.
    """
    version = _output("kernel", guest.kernel_suite, guest.pattern)
    _output("image", guest.suite)
    quoted = " ".join(f"'{word}'" for word in words)
    command = f"{_MODULES} python3 -m tests.kernel.trial {quoted}"
    if not quoted:
        command += " && python3 -m tests.kernel.failures"
    return _decode(version, _output("boot", version, guest.suite, command))


def _decode(version: str, text: str) -> Outcome:
    lines = text.splitlines()
    records = [record_from_json(line) for line in lines if line[:1] == "{"]
    trials = [from_json(line) for line in lines if line[:1] == "["]
    return Outcome(version, trials, records[0] if records else None)


def failed_tests(guest: Guest, version: str) -> list[str]:
    """What the other tests of this folder say about the kernel; empty if all pass."""
    tests = "tests/kernel --ignore tests/kernel/test_situations.py"
    command = f"{_MODULES} python3 -m pytest -q -p no:cacheprovider --tb=short {tests}"
    try:
        _output("boot", version, guest.suite, command)
    except subprocess.CalledProcessError as error:
        return str(error.stdout).splitlines()
    return []


def lockdown_faults(guest: Guest, version: str) -> list[str]:
    """What is wrong if the kernel is locked down; empty if nothing is."""
    found = []
    for mode in MODES:
        command = f"python3 -m tests.kernel.lockdown {mode}"
        append = f"lockdown={mode}"
        try:
            _output("boot", version, guest.suite, command, append=append)
        except subprocess.CalledProcessError as error:
            found += [f"{append}: {line}" for line in str(error.stdout).splitlines()]
    return found


def _output(script: str, *arguments: str, append: str = "") -> str:
    return subprocess.run(
        [str(SCRIPTS / script), *arguments],
        env={**os.environ, "APPEND": append},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.strip()


def wrong(trials: Iterable[Trial]) -> Iterator[str]:
    """A line for each fault."""
    for trial in trials:
        for fault in faults(trial):
            yield f"{trial.name}: {fault}"


def main() -> None:
    """Try the chosen situations under the chosen kernels."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [guest.name for guest in GUESTS]
    parser.add_argument("kernels", nargs="*", metavar="KERNEL", help=", ".join(names))
    parser.add_argument("--situations", nargs="*", default=[], metavar="WORD")
    parser.add_argument("--few", action="store_true", help="only where rules differ")
    parser.add_argument("--save", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    words = RULES_DIFFER if options.few else options.situations
    failed = False
    for guest in GUESTS:
        if options.kernels and guest.name not in options.kernels:
            continue
        outcome = try_in_guest(guest, words)
        if options.save:
            save(outcome, options.save)
        lines = [*wrong(outcome.trials)]
        if not words:
            lines += failed_tests(guest, outcome.version)
            lines += lockdown_faults(guest, outcome.version)
        print(
            f"Linux {outcome.version}: {outcome.exact} of {len(outcome.trials)} exact"
            f" by default, {len(lines)} faults",
            *lines,
            sep="\n  ",
            flush=True,
        )
        failed = failed or bool(lines) or not outcome.trials
    sys.exit(failed)


def save(outcome: Outcome, folder: Path) -> None:
    """Keep the trials in a file with the name of the kernel."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(trial) for trial in outcome.trials]
    lines += [to_json(outcome.record)] if outcome.record else []
    (folder / outcome.version).write_text("".join(f"{line}\n" for line in lines))


def saved(folder: Path) -> list[Outcome]:
    """The trials that were saved, the oldest kernel first."""
    return [
        _decode(path.name, path.read_text())
        for path in sorted(folder.iterdir(), key=_numbers)
    ]


def _numbers(path: Path) -> list[int]:
    return [int(number) for number in re.findall("[0-9]+", path.name)]


if __name__ == "__main__":
    main()
