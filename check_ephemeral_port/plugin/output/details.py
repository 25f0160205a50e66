"""Tables and notes of a result as data."""

from __future__ import annotations

from collections.abc import Sequence

from ...model.records import NamedTuple


class Column(NamedTuple):
    """One column of a table."""

    name: str
    """Name of the values, with their unit: ``used_percent``."""
    title: str = ""
    """The heading in text output."""
    text: str = "{}"
    """The format of a value in text output."""
    numeric: bool = False
    """Whether text output aligns the values on the right."""
    missing: str = ""
    """What text output shows for ``None``."""
    continues: bool = False
    """Whether text output appends the value to the column before it. If the line would
    be too long, the value gets the next line."""


class Section(NamedTuple):
    """A table with a title above and notes below. Each part can be empty."""

    title: str = ""
    columns: Sequence[Column] = ()
    rows: Sequence[Sequence[object]] = ()
    """Values of the columns, ``None`` for a missing one. Texts must be clean."""
    notes: Sequence[str] = ()
    layouts: Sequence[Sequence[Sequence[int]]] = ()
    """Ways to spread the columns over several lines. Text output uses the first that
    fits."""
