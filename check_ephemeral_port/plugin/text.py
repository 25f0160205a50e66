"""Makes text safe that other people, or other programs, can choose."""

from __future__ import annotations

import re
from collections.abc import Sequence

NAME = "EPHEMERAL_PORT"
"""How the output names the check."""

NAME_LENGTH = 28

LINE_BYTES = 1023
"""What old NRPE hands on of an output (``MAX_PACKETBUFFER_LENGTH`` of its version 2,
less the byte at the end)."""
MOST_BYTES = 7999
"""What Nagios Core keeps of one (``MAX_PLUGIN_OUTPUT_LENGTH`` is 8192), and some
room for what agents put around it."""
MOST_TEXT = 500
LEAST_TEXT = 160
"""So much of a status stays, however long the perfdata: what is wrong, and who causes
it."""

# printable ASCII, less what means something to plugin output, HTML or a shell
_UNSAFE = r"[^A-Za-z0-9 !#%()*+,./:=?@\[\]^_{}~-]"

_MARKUP = '|<&"`'


def clean_name(text: str, length: int = NAME_LENGTH) -> str:
    """A name of a process, user or host, in one short harmless word."""
    safe = re.sub(_UNSAFE, "?", text).strip().replace(" ", "_") or "?"
    return safe if len(safe) <= length else safe[: length - 2] + ".."


def printable(line: str) -> str:
    """The same without control characters, and without ``|``: perfdata begins there.

    Nor with what begins a tag or an entity in HTML, or ends a quoted attribute.
    """
    # every run needs this: it takes less time than the compiling of an expression
    return "".join(c if " " <= c <= "~" and c not in _MARKUP else "?" for c in line)


def clean_line(text: str, length: int = MOST_TEXT) -> str:
    """A message in one printable line."""
    safe = printable(" ".join(text.split()))
    return safe if len(safe) <= length else safe[: length - 2] + ".."


def shorten_status(text: str, length: int) -> str:
    """The text in so many characters: sentences go from the second one on, since the
    first tells what is wrong, and the last who causes it."""
    sentences = text.split("; ")
    short = text
    while len(short) > length and len(sentences) > 2:
        del sentences[1]
        short = "; ".join([sentences[0], "..", *sentences[1:]])
    return short if len(short) <= length else text[: length - 2] + ".."


def percent(value: float) -> str:
    """Percent in as few characters as tell the difference, rounded down."""
    whole = value >= 10 or value == int(value)
    return f"{int(value)}%" if whole else f"{int(value * 10) / 10}%"


def unknown(message: str) -> str:
    """The output of a check that could not be made."""
    return f"{NAME} UNKNOWN - {clean_line(message)}\n"


def fit_output(first_line: str, lines: Sequence[str]) -> str:
    """The output made of these lines, as many of them as there is room for; the rest
    is counted.

    The first one stays, whatever its length: perfdata is on it.
    """
    kept = [first_line]
    room = MOST_BYTES - len(first_line) - 1
    for number, line in enumerate(lines):
        left = len(lines) - number
        more = f"({left} lines left out)"
        # the last line may have the place of what would be said instead
        needed = len(line) + 1 + (len(more) + 1 if left > 1 else 0)
        if needed > room:
            kept.append(more)
            break
        kept.append(line)
        room -= len(line) + 1
    return "\n".join(kept) + "\n"
