"""Options, exit codes and labels are those that the documents promise to keep.

The lists in ``contrib/docs/compatibility.rst`` are written by hand. From version 1.0
on, they can get new lines, and no line changes.
"""

import re
from pathlib import Path

import nagiosplugin

from contrib.generators.labels import label_groups
from contrib.generators.options import options

PAGE = Path(__file__).parents[2] / "contrib" / "docs" / "compatibility.rst"


def promised(heading):
    """The lines of the literal block below this heading."""
    _, _, section = PAGE.read_text().partition(f"\n{heading}\n{'-' * len(heading)}\n")
    blocks = re.findall(r"::\n\n((?: {4}.*\n|\n)+)", section)
    return [line[4:] for line in blocks[0].splitlines() if line]


def test_options_are_as_promised():
    actual = []
    for option in options():
        value = "|".join(option.choices) or option.metavar
        repeats = " ..." if option.repeatable or option.counted else ""
        actual.append(" ".join(filter(None, [*option.flags, value])) + repeats)
    assert promised("Options") == actual


def test_exit_codes_are_as_promised():
    states = (nagiosplugin.Ok, nagiosplugin.Warn, nagiosplugin.Critical)
    actual = [f"{s.code} {s.text.upper()}" for s in (*states, nagiosplugin.Unknown)]
    assert promised("Exit codes") == actual


def test_labels_are_as_promised():
    labels = [label for group in label_groups() for label in group.labels]
    assert promised("Perfdata") == [
        f"{label.name} {label.unit}".strip() for label in labels
    ]
