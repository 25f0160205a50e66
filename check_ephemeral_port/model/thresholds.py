"""Threshold ranges as the Monitoring Plugins interface defines them."""

from __future__ import annotations

import re

from .records import NamedTuple

DEFAULT_WARNING_PERCENT = 80
DEFAULT_CRITICAL_PERCENT = 90
"""Percent of ports used, for TCP connect() to the fullest destination and for UDP."""

# a float keeps 12 digits before and 6 after the point exactly as they were written
_RANGE = (
    r"(?P<inverted>@)?"
    r"(?:(?P<start>~|-?[0-9]{1,12}(?:\.[0-9]{1,6})?)?(?P<colon>:))?"
    r"(?P<end>-?[0-9]{1,12}(?:\.[0-9]{1,6})?)?"
)


class ThresholdRange(NamedTuple):
    """``[@][start:][end]``: alarm outside of the range, or with ``@`` inside of it.

    Both ends belong to the range. ``None`` means no limit on that side.
    Source: Monitoring Plugins Development Guidelines, 'Threshold and Ranges', and
    draft-kaestle-monitoring-plugins-interface, 'Range expressions'.
    """

    start: float | None = 0
    end: float | None = None
    inverted: bool = False

    def alarms(self, value: float) -> bool:
        """Whether the range alarms at this value."""
        inside = (self.start is None or self.start <= value) and (
            self.end is None or value <= self.end
        )
        return inside == self.inverted

    def is_beyond(self, worse: ThresholdRange) -> bool:
        """Whether this range alarms only where the worse one alarms as well.

        Ranges with two limits, or with ``@``, are never beyond another one.
        """
        if self.inverted or worse.inverted:
            return False
        if self.end is None or worse.end is None:
            below = self.start, worse.start
            is_lower = None not in below and (self.start or 0) < (worse.start or 0)
            return self.end is worse.end and is_lower
        return not self.start and not worse.start and self.end > worse.end

    def __str__(self) -> str:
        start = "~:" if self.start is None else plain_number(self.start) + ":"
        if self.start == 0 and self.end is not None:
            start = ""
        end = "" if self.end is None else plain_number(self.end)
        return ("@" if self.inverted else "") + start + end


def plain_number(number: float) -> str:
    """A number with six decimals at most. Consumers need not understand ``1e-05``."""
    return f"{number:.6f}".rstrip("0").rstrip(".")


def parse_range(text: str) -> ThresholdRange:
    """Parse a range. Raises ``ValueError`` if the text is malformed or reversed."""
    match = re.fullmatch(_RANGE, text)
    if not match or not (match["end"] or match["colon"]):
        raise ValueError(f"{text!r} is not a range ([@][start:][end])")
    start = None if match["start"] == "~" else float(match["start"] or 0)
    end = float(match["end"]) if match["end"] else None
    if start is not None and end is not None and start > end:
        raise ValueError(f"{text!r} is reversed: {start:g} is greater than {end:g}")
    return ThresholdRange(start, end, bool(match["inverted"]))


def parse_seconds_range(text: str) -> ThresholdRange:
    """Parse a range in seconds. Each limit can have a unit: ``30m:`` or ``@0:2h``.

    Raises ``ValueError`` if the text is malformed or reversed.
    """
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}

    def in_seconds(match: re.Match[str]) -> str:
        return plain_number(float(match[1]) * units[match[2]])

    limit = r"(?<![0-9.])([0-9]{1,9}(?:\.[0-9]{1,3})?)([smhd])(?=:|$)"
    try:
        return parse_range(re.sub(limit, in_seconds, text))
    except ValueError as error:  # its message quotes seconds, not the user's text
        wrong = "is reversed" if "reversed" in str(error) else "is not a range of time"
        raise ValueError(f"{text!r} {wrong} ([@][start:][end])") from None


def parse_free_range(text: str) -> ThresholdRange:
    """Parse a range of something that should not become low, such as free ports.

    Raises ``ValueError`` as :func:`parse_range`, and for ``2000``, which would alarm
    above 2000. No user means that.
    """
    if "%" in text:
        raise ValueError(f"{text!r} is a percentage, a number of ports is needed")
    parsed = parse_range(text)
    _refuse_upper_limit(text, text)
    return parsed


def parse_remaining_range(text: str) -> ThresholdRange:
    """The same for the remaining time, with units as :func:`parse_seconds_range`."""
    parsed = parse_seconds_range(text)
    names = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    number, unit = (text[:-1], text[-1]) if text[-1] in names else (text, "s")
    _refuse_upper_limit(text, f"{number} {names[unit]}")
    return parsed


def _refuse_upper_limit(text: str, words: str) -> None:
    if ":" not in text and not text.startswith("@"):
        meant = f"did you mean '{text}:' (alarm below {words})?"
        raise ValueError(f"{text!r} alarms above {words}, {meant}")


def parse_percent_range(text: str) -> ThresholdRange:
    """Parse a range in percent, with or without ``%`` signs.

    Raises ``ValueError`` if the text is malformed or reversed, or a limit is over 100.
    """
    parsed = parse_range(re.sub(r"(?<=[0-9])%(?=:|$)", "", text))
    for limit in (parsed.start, parsed.end):
        if limit is not None and limit > 100:
            raise ValueError(f"{text!r} has a limit over 100 %")
    return parsed
