"""Makes a table of all situations: the truth, a plain count, and the check.

``python -m tests.kernel.predictions > contrib/docs/predictions.rst`` writes the page.
Other tools make a plain count: the size of the range minus the distinct local ports of
all sockets of the protocol, here those that psutil lists.
"""

from __future__ import annotations

import json
import platform
import sys
import tempfile
from datetime import date
from typing import NamedTuple

import psutil

from check_ephemeral_port.model.sockets import AUTO, NEVER
from tests.kernel.situations import SITUATIONS, Asked, Situation
from tests.support.namespace import run_in_namespace
from tests.support.plugin_process import check
from tests.support.sockets import successes_until_refused

MODES = (NEVER, AUTO)


class Said(NamedTuple):
    """A prediction of the check: the number of free ports, and its bounds."""

    free: int
    low: int
    high: int

    def cell(self, truth: int) -> str:
        """The figure, and its bounds if they differ."""
        figure = _mark(self.free, truth)
        return figure if self.low == self.high else f"{figure}, {self.low}-{self.high}"


class Prediction(NamedTuple):
    """Numbers of free ports: from the kernel, from a plain count and from the check."""

    truth: int
    plain_count: int
    said: list[Said]
    """What the check says in each of :data:`MODES`."""


def plain_count(situation: Situation, asked: Asked) -> int:
    """The number of free ports for a tool that only counts used ports."""
    first, last = map(int, situation.ports.split("-"))
    used = {
        row.laddr.port
        for row in psutil.net_connections(asked.label[:3])
        if row.laddr and first <= row.laddr.port <= last
    }
    return last - first + 1 - len(used)


def predict(situation: Situation) -> Prediction:
    """Prepare a situation, get all predictions, then ask the kernel for ports."""
    asked = situation.prepare()
    said = []
    for mode in MODES:
        run = check("-vv", "--probe", mode, *asked.arguments)
        said.append(Said(int(run.perfdata[asked.label]), *asked.bounds(run)))
    counted = plain_count(situation, asked)
    return Prediction(successes_until_refused(asked.operation), counted, said)


def predictions() -> list[Prediction]:
    """The predictions for all situations, each in a separate namespace."""
    found = []
    for situation in SITUATIONS:
        with tempfile.TemporaryFile("w+") as file:

            def body() -> None:
                json.dump(predict(situation), file)
                file.flush()

            failure = run_in_namespace(situation.ports, body)
            if failure:
                raise RuntimeError(f"{situation.name}: {failure}")
            file.seek(0)
            truth, counted, said = json.load(file)
            found.append(Prediction(truth, counted, [Said(*each) for each in said]))
    return found


def table() -> str:
    """The page, in reStructuredText."""
    found = predictions()
    plain = sum(p.plain_count == p.truth for p in found)
    never, auto = (
        sum(p.said[mode].free == p.truth for p in found) for mode in range(len(MODES))
    )
    outside = sum(not s.low <= p.truth <= s.high for p in found for s in p.said)
    lines = [
        "Free ports: the kernel, a plain count and the check",
        "===================================================",
        "",
        "How well the check predicts what the kernel does, situation by situation.",
        "For those who want to verify the figures.",
        "",
        "Each situation is prepared in a network namespace with a small range. Then",
        "the same connect() or bind() is repeated until the kernel refuses; the",
        "number of successes is the *truth*. The *plain count* is the size of the",
        "range minus the distinct local ports that psutil lists. By *default*, the",
        "check asks the kernel which ports connect() can share; with ``--probe never``",
        "it estimates that. Wrong figures are in italics. Where the kernel doesn't",
        "show enough, the bounds (``-vv``) follow: they say how wrong the estimate can",
        "be.",
        "",
        f"Made by ``python -m tests.kernel.predictions`` on {date.today()}, Linux "
        f"{platform.release().split('-')[0]}.",
        "",
        f"The plain count was exact in **{plain}** of {len(found)} situations,",
        f"the check in **{auto}**, and in **{never}** with ``--probe never``.",
        f"The truth lay outside the bounds of the check **{outside}** times.",
        "",
        ".. list-table::",
        "   :header-rows: 1",
        "",
    ]
    titles = ("Situation", "Truth", "Plain count", "``--probe never``", "Default")
    rows = [
        (
            situation.name,
            str(p.truth),
            _mark(p.plain_count, p.truth),
            *(each.cell(p.truth) for each in p.said),
        )
        for situation, p in zip(SITUATIONS, found)
    ]
    for first, *others in [titles, *rows]:
        lines += [f"   * - {first}", *(f"     - {cell}" for cell in others)]
    return "\n".join(lines) + "\n"


def _mark(number: int, truth: int) -> str:
    return str(number) if number == truth else f"*{number}*"


if __name__ == "__main__":
    sys.stdout.write(table())
