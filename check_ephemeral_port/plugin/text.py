"""Makes text safe that other users or other programs choose."""

from __future__ import annotations

import re
from collections.abc import Sequence

NAME = "EPHEMERAL_PORT"
"""The name of the check in the output."""

SEPARATOR = " - "
"""Between the state and the clauses of the status line."""

NAME_LENGTH = 28
"""Maximum length of the name of a process, user or host."""

MAX_LINE_BYTES = 1023
"""Old NRPE passes on at most this much output (``MAX_PACKETBUFFER_LENGTH`` of its
version 2, minus the byte at the end)."""
MAX_OUTPUT_BYTES = 7999
"""Nagios Core keeps less than 8192 bytes of output (``MAX_PLUGIN_OUTPUT_LENGTH``).
This limit leaves room for what agents add."""
MAX_STATUS_LENGTH = 500
MIN_STATUS_LENGTH = 160
"""Even long perfdata leaves room for a status of this length. It says what is wrong and
who causes it."""

# all but printable ASCII, and characters that plugin output, HTML or a shell interprets
_UNSAFE = r"[^A-Za-z0-9 !#%()*+,./:=?@\[\]^_{}~-]"

_MARKUP = '|<&"`'


def clean_name(text: str, length: int = NAME_LENGTH) -> str:
    """The name of a process, user or host as one short and harmless word."""
    safe = re.sub(_UNSAFE, "?", text).strip().replace(" ", "_") or "?"
    return safe if len(safe) <= length else safe[: length - 2] + ".."


def printable(line: str) -> str:
    """The line with ``?`` for every character that is not printable ASCII.

    ``?`` also replaces ``|``, which begins perfdata, and characters that begin a tag or
    an entity in HTML or end a quoted attribute.
    """
    # every run needs this: a loop is faster than compiling an expression
    return "".join(c if " " <= c <= "~" and c not in _MARKUP else "?" for c in line)


def clean_line(text: str, length: int = MAX_STATUS_LENGTH) -> str:
    """A message as one printable line of at most ``length`` characters."""
    safe = printable(" ".join(text.split()))
    return safe if len(safe) <= length else safe[: length - 2] + ".."


def clean_clause(text: str, length: int = MAX_STATUS_LENGTH) -> str:
    """A clause of the status line. Nagios Core shows ``;`` as ``:``, so that clauses
    with either of them would run together."""
    return clean_line(text.replace(";", ",").replace(": ", ", "), length)


def status_text(clauses: Sequence[str], length: int) -> str:
    """The clauses as one text of at most ``length`` characters.

    If it is too long, the last clauses are left out: the most useful comes first.
    """
    kept = list(map(clean_clause, clauses))
    text = SEPARATOR.join(kept)
    while len(text) > length and len(kept) > 1:
        kept.pop()
        text = SEPARATOR.join([*kept, ".."])
    return text if len(text) <= length else text[: length - 2] + ".."


def count(number: int, noun: str) -> str:
    """``1 socket``, ``2 sockets``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def percent(value: float) -> str:
    """``12%`` or ``4.2%``: rounded down, with a decimal below 10."""
    tenths = int(value * 10)
    whole = value >= 10 or value == int(value) or not tenths
    return f"{int(value)}%" if whole else f"{tenths / 10}%"


def duration(seconds: float) -> str:
    """Rounded down to one unit: ``45 s``, ``25 min``, ``5 h``, ``9 days``."""
    for unit_seconds, unit in ((1, "s"), (60, "min"), (3600, "h")):
        if seconds < 120 * unit_seconds:
            return f"{int(seconds / unit_seconds)} {unit}"
    return f"{int(seconds / 86400)} days"


def unknown(message: str) -> str:
    """The output of a check that failed: one line."""
    return f"{NAME} UNKNOWN{SEPARATOR}{clean_clause(message)}\n"


def fit_output(first_line: str, lines: Sequence[str]) -> str:
    """The output of these lines. If they do not all fit, it counts the rest.

    The first line stays complete at any length, since it has the perfdata.
    """
    kept = [first_line]
    room = MAX_OUTPUT_BYTES - len(first_line) - 1
    for number, line in enumerate(lines):
        remaining = len(lines) - number
        note = f"({remaining} lines left out)"
        # all lines but the last must leave room for the note
        needed = len(line) + 1 + (len(note) + 1 if remaining > 1 else 0)
        if needed > room:
            kept.append(note)
            break
        kept.append(line)
        room -= len(line) + 1
    return "\n".join(kept) + "\n"
