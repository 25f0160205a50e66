"""Writes a result as plugin output: one line with perfdata, then lines for ``-v``.

Source: Monitoring Plugins Development Guidelines, 'Plugin Output for Nagios'.
"""

from __future__ import annotations

from .. import nagiosplugin
from ..text import (
    MAX_LINE_BYTES,
    MAX_STATUS_LENGTH,
    MIN_STATUS_LENGTH,
    NAME,
    SEPARATOR,
    fit_output,
    printable,
    status_text,
)
from .result import Metric, Result


def write_nagios(result: Result) -> str:
    """The text for stdout.

    With ``-v``, nagiosplugin itself would move perfdata to the last line. There
    Icinga 2 loses it, and so does every agent that cuts long output.
    """
    perfdata = "".join(
        f" {text}" for text in sorted(map(perfdata_text, result.metrics))
    )
    end = f" |{perfdata}" if perfdata else ""
    begin = f"{NAME} {result.state.upper()}{SEPARATOR}"
    room = max(MIN_STATUS_LENGTH, MAX_LINE_BYTES - len(end) - 1) - len(begin)
    status = status_text(result.sentences, min(room, MAX_STATUS_LENGTH))
    first_line = begin + status + end
    if not result.details:
        return fit_output(first_line, ())
    from ..layout import detail_lines  # late: most runs print one line only

    return fit_output(first_line, [printable(x) for x in detail_lines(result.details)])


def perfdata_text(metric: Metric) -> str:
    """``label=value;warning;critical;minimum;maximum``, with quotes if necessary."""
    return str(nagiosplugin.Performance(*metric[:-1]))
