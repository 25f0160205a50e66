"""Tables and notes of a result, as data."""

from __future__ import annotations

from collections.abc import Sequence

from ...model.records import NamedTuple


class Column(NamedTuple):
    """One column of a table."""

    name: str
    """Names the values, with their unit: ``used_percent``."""
    title: str = ""
    """The heading in text output."""
    text: str = "{}"
    """How text output formats a value."""
    numeric: bool = False
    """Text output aligns numbers on the right."""
    missing: str = ""
    """What text output shows for ``None``."""
    continues: bool = False
    """Text output appends the value to the column before it, or puts it on a line
    below if the line would be too long."""


class Section(NamedTuple):
    """A table, with a title above it and notes below it. Each of them can be empty."""

    title: str = ""
    columns: Sequence[Column] = ()
    rows: Sequence[Sequence[object]] = ()
    """Values of the columns; ``None`` for a missing one. Texts are clean already."""
    notes: Sequence[str] = ()
    layouts: Sequence[Sequence[Sequence[int]]] = ()
    """Ways to spread the columns over several lines, if one line is too narrow. Text
    output uses the first that fits."""
