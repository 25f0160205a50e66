"""Threshold ranges as the Monitoring Plugins interface defines them."""

from __future__ import annotations

import re

from .records import NamedTuple

_RANGE = re.compile(
    r"(?P<inverted>@)?"
    r"(?:(?P<start>~|-?[0-9]{1,15}(?:\.[0-9]{1,6})?)?(?P<colon>:))?"
    r"(?P<end>-?[0-9]{1,15}(?:\.[0-9]{1,6})?)?"
)


class ThresholdRange(NamedTuple):
    """``[@][start:][end]``: alarm outside of it, or inside of it with ``@``.

    Both ends belong to the range. ``None`` stands for no limit on that side.
    Source: Monitoring Plugins Development Guidelines, 'Threshold and Ranges', and
    draft-kaestle-monitoring-plugins-interface, 'Range expressions'.
    """

    start: float | None = 0
    end: float | None = None
    inverted: bool = False

    def __str__(self) -> str:
        start = "~:" if self.start is None else _plain(self.start) + ":"
        if self.start == 0 and self.end is not None:
            start = ""
        end = "" if self.end is None else _plain(self.end)
        return ("@" if self.inverted else "") + start + end


def _plain(number: float) -> str:
    # never in scientific notation, which no consumer has to understand
    return f"{number:.6f}".rstrip("0").rstrip(".")


def parse_range(text: str) -> ThresholdRange:
    """A range from its text; ``ValueError`` if malformed or reversed."""
    match = _RANGE.fullmatch(text)
    if not match or not (match["end"] or match["colon"]):
        raise ValueError(f"{text!r} is not a range ([@][start:][end])")
    start = None if match["start"] == "~" else float(match["start"] or 0)
    end = float(match["end"]) if match["end"] else None
    if start is not None and end is not None and start > end:
        raise ValueError(f"{text!r} is reversed: {start:g} is greater than {end:g}")
    return ThresholdRange(start, end, bool(match["inverted"]))


def parse_percent_range(text: str) -> ThresholdRange:
    """A range in percent: ``%`` signs are accepted, limits end at 100."""
    parsed = parse_range(re.sub(r"(?<=[0-9])%(?=:|$)", "", text))
    for limit in (parsed.start, parsed.end):
        if limit is not None and limit > 100:
            raise ValueError(f"{text!r} has a limit over 100 %")
    return parsed
