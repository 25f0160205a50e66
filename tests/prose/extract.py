"""The prose of a file, each line where it was; everything else is blank."""

from __future__ import annotations

import io
import re
import tokenize
from pathlib import Path

BREAK = "\0"
"""Stands between two texts."""
LITERAL = "\1"
"""A word that is not prose."""

STRINGS = {tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
MARKS = re.compile(r"""^[a-zA-Z]{0,2}("{3}|'{3}|"|')|("{3}|'{3}|"|')$|^#[:!]?""")
UNDERLINE = re.compile(r"^[=~+-]{3,}.*$", re.MULTILINE)
CODE_BLOCK = re.compile(
    r"^( *)(?!\.\. (?:list-table|note|warning))(?:.*::(?: \S+)?|```.*)\n"
    r"(?:\1 +.*\n| *\n)+",
    re.MULTILINE,
)
LITERALS = re.compile(
    r"``[^`]+``|:\w+:`[^`]+`|`[^`]+`(?!_)|<?\bhttps?:\S+|<[^<>\s]+>|\{[^{}]*\}|\d+"
)
CELL_END = re.compile(r"(?<=\S) {2,}(?=\S)")


def prose(path: Path) -> str:
    """Documents without code; of Python, comments and strings of several words."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        text = _of_python(text)
    else:
        text = CODE_BLOCK.sub(_blank, UNDERLINE.sub(BREAK, text))
    return CELL_END.sub(f" {BREAK} ", LITERALS.sub(_blank, text))


def _of_python(source: str) -> str:
    lines = [""] * (source.count("\n") + 2)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        text = MARKS.sub("", token.string)
        if token.type == tokenize.COMMENT or (token.type in STRINGS and " " in text):
            for number, line in enumerate(text.split("\n"), token.start[0] - 1):
                lines[number] += line
        elif text.strip():
            lines[token.start[0] - 1] += BREAK
    return "\n".join(line.strip() for line in lines)


def _blank(match: re.Match[str]) -> str:
    return LITERAL + "\n" * match[0].count("\n")
