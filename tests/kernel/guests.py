"""Tries the situations under the kernels that people run.

``python -m tests.kernel.guests`` boots each kernel in a guest and prints how often the
check was exact, and what was wrong. Words select kernels: ``5.10 newest``. After
``--situations``, words select situations. The guests are in ``tests/kernel/guest``;
they need QEMU and debootstrap.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from check_ephemeral_port.model.sockets import AUTO
from tests.kernel.situations import by_name
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
RULES_DIFFER = ("TIME_WAIT", "idle", "names the port", "bind, then", "IPv6 listener")
"""Words that select the situations in which kernels behave differently."""


class Outcome(NamedTuple):
    """All trials under one kernel."""

    version: str
    trials: Sequence[Trial]

    @property
    def exact(self) -> int:
        """The number of trials whose figure was exact by default."""
        return sum(trial.said[AUTO].free == trial.truth for trial in self.trials)


def try_in_guest(guest: Guest, words: Iterable[str] = ()) -> Outcome:
    """Boot the guest and try the situations whose names contain one of these words.

    Raises ``CalledProcessError`` if the guest fails.
    """
    version = _output("kernel", guest.kernel_suite, guest.pattern)
    _output("image", guest.suite)
    quoted = " ".join(f"'{word}'" for word in words)
    # modules that a normal system loads when they are needed
    load = "modprobe vrf; modprobe veth;"
    command = f"{load} python3 -m tests.kernel.trial {quoted}"
    lines = _output("boot", version, guest.suite, command).splitlines()
    return Outcome(version, [from_json(line) for line in lines if line[:1] == "["])


def _output(script: str, *arguments: str) -> str:
    command = [str(SCRIPTS / script), *arguments]
    return subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()


def wrong(trials: Iterable[Trial]) -> Iterator[str]:
    """A line for each fault."""
    situations = by_name()
    for trial in trials:
        situation = situations[trial.name]
        for fault in faults(trial, situation.exact, situation.estimated):
            yield f"{trial.name}: {fault}"


def main() -> None:
    """Try the chosen situations under the chosen kernels."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = [guest.name for guest in GUESTS]
    parser.add_argument("kernels", nargs="*", metavar="KERNEL", help=", ".join(names))
    parser.add_argument("--situations", nargs="*", default=[], metavar="WORD")
    parser.add_argument("--few", action="store_true", help="only where rules differ")
    options = parser.parse_args()
    failed = False
    for guest in GUESTS:
        if options.kernels and guest.name not in options.kernels:
            continue
        words = RULES_DIFFER if options.few else options.situations
        outcome = try_in_guest(guest, words)
        lines = [*wrong(outcome.trials)]
        print(
            f"Linux {outcome.version}: {outcome.exact} of {len(outcome.trials)} exact"
            f" by default, {len(lines)} faults",
            *lines,
            sep="\n  ",
            flush=True,
        )
        failed = failed or bool(lines) or not outcome.trials
    sys.exit(failed)


if __name__ == "__main__":
    main()
