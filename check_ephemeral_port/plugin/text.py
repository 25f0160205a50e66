"""Makes text safe that other people, or other programs, can choose."""

from __future__ import annotations

import re

NAME = "EPHEMERAL_PORT"
"""How the output names the check."""

NAME_LENGTH = 28

# printable ASCII, less what means something to plugin output, HTML or a shell
_UNSAFE = re.compile(r"[^A-Za-z0-9 !#%()*+,./:=?@\[\]^_{}~-]")


def clean_name(text: str) -> str:
    """A name of a process, user or host, in one short harmless word."""
    safe = _UNSAFE.sub("?", text).strip().replace(" ", "_") or "?"
    return safe if len(safe) <= NAME_LENGTH else safe[: NAME_LENGTH - 2] + ".."


def printable(line: str) -> str:
    """The same without control characters, and without ``|``: perfdata begins there."""
    return re.sub(r"[^ -{}~]", "?", line)


def clean_line(text: str, length: int = 500) -> str:
    """A message in one printable line."""
    safe = printable(" ".join(text.split()))
    return safe if len(safe) <= length else safe[: length - 2] + ".."


def percent(value: float) -> str:
    """Percent in as few characters as tell the difference, rounded down."""
    whole = value >= 10 or value == int(value)
    return f"{int(value)}%" if whole else f"{int(value * 10) / 10}%"


def unknown(message: str) -> str:
    """The output of a check that could not be made."""
    return f"{NAME} UNKNOWN - {clean_line(message)}\n"
