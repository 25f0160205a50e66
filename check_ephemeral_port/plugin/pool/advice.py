"""Advice for people: what is wrong, and the command that mends it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...model.advice import Advice
from ...model.namespaces import Namespace
from ..text import printable
from .tables import WIDTH

INDENT = "  "
_HARMLESS_PATH = re.compile(r"/[A-Za-z0-9_./:@-]+")


def advice_lines(
    advice: Iterable[Advice], namespace: Namespace | None = None
) -> list[str]:
    """A blank line, then each problem and its mend, in lines of :data:`WIDTH`.

    A command can be copied with all its lines; it acts on the namespace, where one was
    asked for.
    """
    lines: list[str] = []
    for problem, mend, is_command, _ in advice:
        lines += ["", *wrap_words(f"advice: {problem}")]
        if is_command:
            lines += wrap_command(_inside(namespace, mend))
        else:
            lines += wrap_words(INDENT + mend)
    return lines


def causes(advice: Iterable[Advice]) -> list[str]:
    """What alarms come from, for the status line."""
    return [each.cause for each in advice if each.cause]


def wrap_words(text: str) -> list[str]:
    """Lines of no more than :data:`WIDTH`, all but the first indented."""
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
    """Lines of no more than :data:`WIDTH`, which a shell reads as one.

    It takes a backslash at the end of a line and the line's end for nothing, though not
    between quotes. What follows is a part of the word, so it isn't indented.
    """
    rest = INDENT + printable(command)
    lines = []
    while len(rest) > WIDTH:
        # behind the last space or comma, if there is one
        ends = [
            place + 1
            for place in range(len(INDENT), WIDTH - 1)
            if rest[place] in " ," and rest[:place].count("'") % 2 == 0
        ]
        room = ends[-1] if ends else WIDTH - 1
        lines.append(rest[:room] + "\\")
        rest = rest[room:]
    return [*lines, rest]


def _inside(namespace: Namespace | None, command: str) -> str:
    if namespace is None or namespace.own:
        return command
    path = namespace.paths[0]
    # to be run as root: a path that says more than a place is not worth the risk
    place = path if _HARMLESS_PATH.fullmatch(path) else "PATH"
    return f"nsenter --net={place} {command}"
