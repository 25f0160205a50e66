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

from tests.kernel.situations import SITUATIONS, Asked, Situation
from tests.support.namespace import run_in_namespace
from tests.support.plugin_process import check
from tests.support.sockets import successes_until_refused


class Prediction(NamedTuple):
    """Numbers of free ports: from the kernel, from a plain count and from the check."""

    truth: int
    plain_count: int
    predicted: int
    bounds: tuple[int, int]


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
    """Prepare a situation, get both predictions, then ask the kernel for ports."""
    asked = situation.prepare()
    run = check("-vv", *asked.arguments)
    counted = plain_count(situation, asked)
    bounds = run.free_bounds(asked.label.replace("_free", ""))
    truth = successes_until_refused(asked.operation)
    return Prediction(truth, counted, int(run.perfdata[asked.label]), bounds)


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
            found.append(Prediction(*json.load(file)))
    return found


def table() -> str:
    """The page, in reStructuredText."""
    found = predictions()
    plain = sum(p.plain_count == p.truth for p in found)
    exact = sum(p.predicted == p.truth for p in found)
    held = sum(p.bounds[0] <= p.truth <= p.bounds[1] for p in found)
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
        "range minus the distinct local ports that psutil lists. Wrong figures are",
        "in italics. Where the kernel doesn't show enough, the check's estimate can",
        "be wrong; its bounds (``-vv``) say by how much. The last column is empty",
        "where they are equal.",
        "",
        f"Made by ``python -m tests.kernel.predictions`` on {date.today()}, Linux "
        f"{platform.release().split('-')[0]}.",
        "",
        f"The plain count was exact in **{plain}** of {len(found)} situations,",
        f"the check in **{exact}**. In **{held}**, the truth lay within the check's "
        "bounds.",
        "",
        ".. list-table::",
        "   :header-rows: 1",
        "",
    ]
    titles = ("Situation", "Truth", "Plain count", "Check", "Bounds")
    rows = [
        (s.name, *(_mark(n, p) for n in (p.truth, p.plain_count, p.predicted)), bounds)
        for s, p in zip(SITUATIONS, found)
        for bounds in [f"{p.bounds[0]}-{p.bounds[1]}" if len(set(p.bounds)) > 1 else ""]
    ]
    for row in [titles, *rows]:
        first, *others = (str(cell) for cell in row)
        lines += [f"   * - {first}", *(f"     - {cell}".rstrip() for cell in others)]
    return "\n".join(lines) + "\n"


def _mark(number: int, prediction: Prediction) -> str:
    return str(number) if number == prediction.truth else f"*{number}*"


if __name__ == "__main__":
    sys.stdout.write(table())
