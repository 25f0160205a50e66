"""Lays out tables, notes and advice in at most 80 columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from .output.details import Column, Section
from .text import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..model.advice.facts import Advice
    from .output.result import Detail

WIDTH = 80
INDENT = "  "


def detail_lines(details: Sequence[Detail]) -> list[str]:
    """All details, with a blank line between them."""
    lines: list[str] = []
    for detail in details:
        if isinstance(detail, Section):
            part = section_lines(detail)
        else:
            part = advice_lines(detail)
        lines += ["", *part] if lines and part else part
    return lines


def section_lines(section: Section) -> list[str]:
    """The title, the table and the notes of a section."""
    title = [section.title] if section.title else []
    return [*title, *table_lines(section), *section.notes]


def advice_lines(advice: Advice) -> list[str]:
    """The problem and its fix. A command can be copied with all its lines."""
    problem = wrap_words(f"advice: {advice.problem}")
    if advice.is_command:
        return problem + wrap_command(advice.fix)
    return problem + wrap_words(INDENT + advice.fix)


def table_lines(section: Section) -> list[str]:
    """Headings, then one or more lines for each row; empty without rows."""
    if not section.rows:
        return []
    columns = section.columns
    cells = [[column.title for column in columns]]
    cells += [list(map(_cell, columns, row)) for row in section.rows]
    if section.layouts:
        return _in_first_layout_that_fits(columns, cells, section.layouts)
    if columns[-1].continues:
        table = _aligned(columns[:-1], [row[:-1] for row in cells])
        return _continued(table, [row[-1] for row in cells])
    return _aligned(columns, cells)


def _cell(column: Column, value: object) -> str:
    return column.missing if value is None else column.text.format(value)


def _aligned(columns: Sequence[Column], cells: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, values)) for values in zip(*cells)]
    lines = []
    for row in cells:
        padded = (
            cell.rjust(width) if column.numeric else cell.ljust(width)
            for cell, width, column in zip(row, widths, columns)
        )
        lines.append("  ".join(padded).rstrip())
    return lines


def _continued(table: Sequence[str], last_cells: Sequence[str]) -> list[str]:
    # below the last heading, which ends the first line
    column = table[0].rindex("  ") + 1
    lines = []
    for line, cell in zip(table, last_cells):
        indent = max(0, min(column, WIDTH - len(cell)))
        fits = len(line + cell) <= WIDTH
        lines += [line + cell] if fits else [line, " " * indent + cell]
    return lines


def _in_first_layout_that_fits(
    columns: Sequence[Column],
    cells: Sequence[Sequence[str]],
    layouts: Sequence[Sequence[Sequence[int]]],
) -> list[str]:
    for layout in layouts:
        lines = list(_laid_out(columns, cells, layout))
        if max(map(len, lines)) <= WIDTH:
            break
    return lines


def _laid_out(
    columns: Sequence[Column],
    cells: Sequence[Sequence[str]],
    layout: Sequence[Sequence[int]],
) -> Iterator[str]:
    blocks = [
        _aligned([columns[i] for i in line], [[row[i] for i in line] for row in cells])
        for line in layout
    ]
    # further lines of a row begin below its third column
    widths = [max(len(row[i]) for row in cells) for i in (0, 1)]
    indent = " " * (sum(widths) + 2 * len(INDENT))
    for first, *others in zip(*blocks):
        yield first
        yield from (indent + line for line in others)


def stage_lines(stages: Sequence[tuple[str, float]]) -> list[str]:
    """The time of each stage of the run, in milliseconds."""
    return [f"{seconds * 1000:8.1f} ms  {name}" for name, seconds in stages]


def wrap_words(text: str) -> list[str]:
    """Lines of at most :data:`WIDTH` columns. All but the first are indented."""
    lines = [""]
    for word in re.findall(r" *[^ ]+", printable(text)):
        while len(lines[-1] + word) > WIDTH:
            room = WIDTH - len(lines[-1]) if len(word) > WIDTH - len(INDENT) else 0
            lines[-1] += word[:room]
            word = word[room:].lstrip(" ")
            lines.append(INDENT)
        lines[-1] += word
    return lines


def wrap_command(command: str) -> list[str]:
    """Lines of at most :data:`WIDTH` columns that a shell reads as one command.

    Outside of quotes, a shell ignores a backslash at the end of a line and joins the
    next line to the same word. So that line is not indented.
    """
    rest = INDENT + printable(command)
    lines = []
    while len(rest) > WIDTH:
        # break after the last space or comma outside of quotes
        ends = [
            index + 1
            for index in range(len(INDENT), WIDTH - 1)
            if rest[index] in " ," and rest[:index].count("'") % 2 == 0
        ]
        room = ends[-1] if ends else WIDTH - 1
        lines.append(rest[:room] + "\\")
        rest = rest[room:]
    return [*lines, rest]
