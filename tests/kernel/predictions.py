"""Makes a table of all situations: the truth, a plain count, and the check.

``python -m tests.kernel.predictions > contrib/docs/predictions.rst`` writes the page.
With a folder, it has a column for each kernel whose trials
``python -m tests.kernel.guests --save FOLDER`` has put there.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from check_ephemeral_port.model.sockets import AUTO, NEVER
from check_ephemeral_port.plugin.recorder import NAMES
from tests.kernel.failures import FAILURES, Counted, Record, record_here
from tests.kernel.guests import Outcome, saved
from tests.kernel.situations import SITUATIONS
from tests.kernel.trial import Said, Trial, try_each

HEAD = """\
Free ports: the kernel, a plain count and the check
===================================================

How well the check predicts what the kernel does, situation by situation.
For those who want to verify the figures.

Each situation is prepared in a network namespace with a small range. Then
the same connect() or bind() is repeated until the kernel refuses; the
number of successes is the *truth*. The *plain count* is the size of the
range minus the distinct local ports that psutil lists, as other tools count.
By *default*, the check asks the kernel which ports connect() can share; with
``--probe never`` it estimates that. Wrong figures are in italics. Where the
kernel doesn't show enough, the bounds (``-vv``) follow: they say how wrong
the estimate can be. `What the recorder counts`_ is at the end.

The other kernels are those of Debian, each with its own Python and psutil. A
situation that a kernel does not have has no figure there. Where the truth
differs from that of the first column, it follows in parentheses.

.. list-table::
   :header-rows: 1

   * - Kernel
     - Situations
     - Exact by default
     - Exact with ``--probe never``
     - Plain count exact
     - Truth outside the bounds
"""

RECORD = """\
What the recorder counts
------------------------

For `failed connects <failed-connects.rst>`_: each of these is made with the
recorder on. The *truth* is how many system calls failed for the reason that
the record is about: no port was free or, for chosen ports, it is taken. Wrong
counts are in italics. A dash means that the kernel refuses to record that.

.. list-table::
   :header-rows: 1

   * - Kernel
     - Counted exactly
     - Wrong
     - Not recorded
     - What the kernel refuses
"""


def page(here: Outcome, others: Sequence[Outcome]) -> str:
    """The page, in reStructuredText."""
    lines = [HEAD.rstrip("\n")]
    for outcome in (here, *others):
        cells = [_version(outcome), str(len(outcome.trials)), *_totals(outcome.trials)]
        lines += _row(cells)
    lines += [
        "",
        f"Made by ``python -m tests.kernel.predictions`` on {date.today()}.",
        "",
        ".. list-table::",
        "   :header-rows: 1",
        "",
    ]
    titles = ["Situation", "Truth", "Plain count", "``--probe never``", "Default"]
    lines += _row([*titles, *map(_version, others)])
    columns = [{trial.name: trial for trial in other.trials} for other in others]
    names = dict.fromkeys(t.name for o in (here, *others) for t in o.trials)
    first = {trial.name: trial for trial in here.trials}
    for name in names:
        cells = [name, *_cells(first.get(name))]
        truth = first[name].truth if name in first else None
        cells += [_default(column.get(name), truth) for column in columns]
        lines += _row(cells)
    return "\n".join([*lines, *_record_lines((here, *others))]) + "\n"


def _record_lines(outcomes: Sequence[Outcome]) -> list[str]:
    recorded = [(outcome, outcome.record) for outcome in outcomes if outcome.record]
    if not recorded:
        return []
    lines = ["", *RECORD.splitlines()]
    for outcome, record in recorded:
        lines += _row([_version(outcome), *_record_totals(record)])
    lines += ["", ".. list-table::", "   :header-rows: 1", ""]
    versions = [_version(outcome) for outcome, _ in recorded]
    lines += _row(["What happens", "Record", "Truth", *versions])
    columns = [{each[:2]: each for each in record.failures} for _, record in recorded]
    for failure in FAILURES:
        found = [column.get((failure.name, failure.kind)) for column in columns]
        truths = [each.has_to_count for each in found if each]
        truth = next((truth for truth in truths if truth is not None), None)
        cells = [failure.name, NAMES[failure.kind], "" if truth is None else str(truth)]
        lines += _row([*cells, *map(_counted, found)])
    return lines


def _record_totals(record: Record) -> list[str]:
    made = [each for each in record.failures if each.has_to_count is not None]
    counted = [each for each in made if each.counted is not None]
    exact = sum(each.counted == each.has_to_count for each in counted)
    numbers = exact, len(counted) - exact, len(made) - len(counted)
    refused = [f"{NAMES[r.kind]} ({', '.join(r.reasons)})" for r in record.refusals]
    return [*map(str, numbers), "; ".join(refused) or "nothing"]


def _counted(counted: Counted | None) -> str:
    if counted is None or counted.has_to_count is None:
        return ""
    if counted.counted is None:
        return "\\-"
    return _mark(counted.counted, counted.has_to_count)


def _version(outcome: Outcome) -> str:
    return outcome.version.split("-")[0].split("+")[0]


def _totals(trials: Sequence[Trial]) -> list[str]:
    outside = sum(
        not s.low <= t.truth <= s.high for t in trials for s in t.said.values()
    )
    return [
        *(
            str(sum(t.said[mode].free == t.truth for t in trials))
            for mode in (AUTO, NEVER)
        ),
        str(sum(trial.plain_count == trial.truth for trial in trials)),
        str(outside),
    ]


def _cells(trial: Trial | None) -> list[str]:
    if trial is None:
        return [""] * 4
    truth = trial.truth
    said = (_cell(trial.said[mode], truth) for mode in (NEVER, AUTO))
    return [str(truth), _mark(trial.plain_count, truth), *said]


def _default(trial: Trial | None, truth_here: int | None) -> str:
    if trial is None:
        return ""
    cell = _cell(trial.said[AUTO], trial.truth)
    return cell if trial.truth == truth_here else f"{cell} ({trial.truth})"


def _cell(said: Said, truth: int) -> str:
    """The figure, and its bounds if they differ."""
    figure = _mark(said.free, truth)
    return figure if said.low == said.high else f"{figure}, {said.low}-{said.high}"


def _mark(number: int, truth: int) -> str:
    return str(number) if number == truth else f"*{number}*"


def _row(cells: Sequence[str]) -> list[str]:
    first, *others = cells
    return [f"   * - {first}", *(f"     - {cell}".rstrip() for cell in others)]


def main() -> None:
    """Print the page."""
    here = Outcome(platform.release(), [*try_each(SITUATIONS)], record_here())
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    sys.stdout.write(page(here, saved(folder) if folder else []))


if __name__ == "__main__":
    main()
