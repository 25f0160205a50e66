"""Plugin output: one line with perfdata, then lines for people."""

from __future__ import annotations

from collections.abc import Sequence

import nagiosplugin

from .text import NAME, clean_line


def render(check: nagiosplugin.Check, long_lines: Sequence[str] = ()) -> str:
    """All that the check prints.

    Not left to nagiosplugin, which moves perfdata to the end when it is verbose:
    there Icinga 2 loses it, and so does whoever cuts long output.
    """
    status = f"{NAME} {str(check.state).upper()} - {clean_line(check.summary_str)}"
    perfdata = " ".join(check.perfdata)
    first_line = f"{status} | {perfdata}" if perfdata else status
    return "\n".join([first_line, *long_lines]) + "\n"
