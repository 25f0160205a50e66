"""Tries a situation: what the check says in each mode, and what the kernel then does.

``python -m tests.kernel.trial`` tries all situations and prints one line of JSON for
each; words after it select those whose names contain one of them. Needs no pytest, so
that it also runs on small guests with other kernels.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import psutil

from check_ephemeral_port.model.sockets import NEVER, PROBES
from tests.kernel.situations import SITUATIONS, Asked, Situation
from tests.support.namespace import run_in_namespace
from tests.support.plugin_process import check
from tests.support.sockets import successes_until_refused

OK, WARNING, CRITICAL = range(3)


class Said(NamedTuple):
    """What the check says: the number of free ports, its bounds, and the state."""

    free: int
    low: int
    high: int
    exit_code: int


class Trial(NamedTuple):
    """A situation that was tried."""

    name: str
    truth: int
    """The number of ports that the kernel gave."""
    plain_count: int
    """The size of the range minus the ports that psutil lists, as other tools count."""
    said: Mapping[str, Said]
    """By mode of ``--probe``."""
    exit_code: int | None
    """The state without arguments; ``None`` if the question is not about connect()."""
    capacity: int
    exact: bool
    """Whether the figure must be exact, if the experiment is allowed."""
    estimated: bool
    """Whether it must be exact without the experiment."""


def try_situation(situation: Situation) -> Trial:
    """Prepare a situation in the namespace of the caller, run the check, and ask the
    kernel for ports until it refuses."""
    asked = situation.prepare()
    said = {}
    for mode in PROBES:
        run = check("-vv", "--probe", mode, *asked.arguments)
        free = int(run.perfdata[asked.label])
        said[mode] = Said(free, *asked.bounds(run), run.exit_code)
    limits = run.perfdata_fields[asked.label].split(";")
    about_connect = asked.label.startswith("tcp_connect")
    return Trial(
        situation.name,
        plain_count=plain_count(situation, asked),
        said=said,
        exit_code=check().exit_code if about_connect else None,
        capacity=int(limits[4]),
        exact=situation.exact,
        estimated=situation.estimated,
        truth=successes_until_refused(asked.operation),
    )


def plain_count(situation: Situation, asked: Asked) -> int:
    """The number of free ports for a tool that only counts used ports."""
    first, last = map(int, situation.ports.split("-"))
    used = {
        row.laddr.port
        for row in psutil.net_connections(asked.label[:3])
        if row.laddr and first <= row.laddr.port <= last
    }
    return last - first + 1 - len(used)


def faults(trial: Trial) -> Iterator[str]:
    """What is wrong: the truth outside the bounds, a figure that has to be exact and is
    not, or a state that is too low."""
    truth = trial.truth
    for mode, said in trial.said.items():
        if not said.low <= truth <= said.high:
            yield f"{mode}: {truth} is not within {said.low}-{said.high}"
        must_be_exact = trial.estimated if mode == NEVER else trial.exact
        if must_be_exact and said.free != truth:
            yield f"{mode}: said {said.free}, and not {truth}"
    if trial.exit_code is None:
        return
    states = {mode: said.exit_code for mode, said in trial.said.items()}
    for mode, state in {**states, "without arguments": trial.exit_code}.items():
        least = state_of(truth, trial.capacity)
        if mode == NEVER:  # if nothing shows it, a warning is enough for the worst
            least = WARNING if least == CRITICAL else OK
        if state < least:
            yield f"{mode}: state {state}, although {truth} ports are free"


def state_of(free: int, capacity: int) -> int:
    """The state that the default thresholds ask for."""
    used_percent = 100 * (capacity - free) / capacity
    return CRITICAL if used_percent > 90 else WARNING if used_percent > 80 else OK


def try_each(situations: Sequence[Situation]) -> Iterator[Trial]:
    """Try each situation in a namespace of its own."""
    for situation in situations:
        with tempfile.TemporaryFile("w+") as file:

            def body() -> None:
                json.dump(try_situation(situation), file)
                file.flush()

            failure = run_in_namespace(situation.ports, body)
            if failure:
                raise RuntimeError(f"{situation.name}: {failure}")
            file.seek(0)
            yield from_json(file.read())


def from_json(text: str) -> Trial:
    """The trial that this line describes."""
    fields = Trial(*json.loads(text))
    said = {mode: Said(*each) for mode, each in fields.said.items()}
    return fields._replace(said=said)


def main() -> None:
    """Try the situations that the command line selects."""
    words = sys.argv[1:] or [""]
    chosen = [s for s in SITUATIONS if any(word in s.name for word in words)]
    for trial in try_each(chosen):
        print(json.dumps(trial), flush=True)


if __name__ == "__main__":
    main()
