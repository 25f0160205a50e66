"""Plugin output: one line with perfdata, then lines for people."""

from __future__ import annotations

from collections.abc import Sequence

import nagiosplugin

from ...model.records import NamedTuple
from ..text import (
    LEAST_TEXT,
    LINE_BYTES,
    MOST_BYTES,
    MOST_TEXT,
    NAME,
    clean_line,
    fit,
    printable,
    shorten,
)


class Outcome(NamedTuple):
    """What the plugin prints and how it exits."""

    text: str
    exit_code: int


def render(check: nagiosplugin.Check, long_lines: Sequence[str] = ()) -> Outcome:
    """The outcome of a check that was made.

    Not left to nagiosplugin, which moves perfdata to the end when it is verbose:
    there Icinga 2 loses it, and so does whoever cuts long output.
    """
    perfdata = "".join(f" {figure}" for figure in check.perfdata)
    end = f" |{perfdata}" if perfdata else ""
    begin = f"{NAME} {str(check.state).upper()} - "
    room = max(LEAST_TEXT, LINE_BYTES - len(end) - 1) - len(begin)
    told = clean_line(check.summary_str, MOST_BYTES)
    status = begin + shorten(told, min(room, MOST_TEXT))
    return Outcome(
        fit(status + end, [printable(line) for line in long_lines]), check.exitcode
    )
