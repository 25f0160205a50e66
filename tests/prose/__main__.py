"""Checks prose: documents, and the docstrings, comments and texts of Python code.

``python -m tests.prose FILE_OR_FOLDER...`` prints a line for each finding and exits
with 1 if there are any. ``phrases.txt`` lists what this project does not say. proselint
checks the same text for common mistakes, on Python 3.10 and later.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.prose.extract import LITERAL, prose

PHRASES = Path(__file__).with_name("phrases.txt")
MAX_WORDS = 40
SENTENCE = re.compile(r"(?:[^.!?:;\n\0]|[.!?:;](?!\s)|\n(?!\s*(?:\n|[-*#] )))+")


def allow(text: str, phrases: str) -> str:
    """The text without the phrases that ``phrases`` allows."""
    for says, instead in _rules(phrases):
        if not instead:
            text = _pattern(says).sub(lambda m: re.sub(r"\S", LITERAL, m[0]), text)
    return text


def by_phrases(text: str, phrases: str) -> Iterator[tuple[int, str]]:
    """Offset and advice for each phrase that ``phrases`` replaces."""
    for says, instead in _rules(phrases):
        if instead:
            for match in _pattern(says).finditer(text):
                yield match.start(), f"'{_words(match[0])}': say '{instead}'"


def _rules(phrases: str) -> Iterator[tuple[str, str]]:
    for line in phrases.splitlines():
        if line and not line.startswith("#"):
            says, _, instead = line.partition(" -> ")
            yield says, instead


def _pattern(says: str) -> re.Pattern[str]:
    phrases = "|".join(re.escape(phrase) for phrase in says.split(", "))
    phrases = phrases.replace(r"\.\.\.", r"[\w']+(?:\s+[\w']+){0,3}?")
    phrases = phrases.replace(r"\ ", r"\s+")
    case = 0 if says[0].isupper() else re.IGNORECASE
    return re.compile(rf"(?<![\w-])(?:{phrases})(?![\w-])", case)


def _words(text: str) -> str:
    return " ".join(text.split())


def by_length(text: str) -> Iterator[tuple[int, str]]:
    """Offset and advice for each sentence that is too long."""
    for match in SENTENCE.finditer(text):
        words = match[0].split()
        if len(words) > MAX_WORDS:
            begin = match.end() - len(match[0].lstrip())
            yield begin, f"'{' '.join(words[:4])} ...': {len(words)} words, split it"


def by_proselint(text: str) -> Iterator[tuple[int, str]]:
    """Offset and advice for each finding of proselint."""
    from proselint.checks import __register__
    from proselint.config import DEFAULT
    from proselint.registry import CheckRegistry
    from proselint.tools import LintFile

    if not CheckRegistry().checks:
        CheckRegistry().register_many(__register__)
    # texts are plain ASCII, and "that very port" is exact
    off = {"typography": False, "weasel_words": False}
    config = {**DEFAULT, "checks": {**DEFAULT["checks"], **off}}
    for found, _ in LintFile("", text + "\n").lint(config):
        begin, end = found.span  # in the text after a newline
        yield (
            begin - 1,
            f"'{_words(text[begin - 1 : end - 1])}': {_words(found.message)}",
        )


def main() -> int:
    phrases, failed = PHRASES.read_text(encoding="utf-8"), 0
    named = [Path(name) for name in sys.argv[1:]]
    inside = (
        p for path in named for p in (path.rglob("*") if path.is_dir() else [path])
    )
    for path in sorted(p for p in inside if p.suffix in {".md", ".py", ".rst"}):
        text = allow(prose(path), phrases)
        found = [*by_phrases(text, phrases), *by_length(text)]
        if sys.version_info >= (3, 10):
            found += by_proselint(text)
        for offset, advice in sorted(found):
            print(f"{path}:{text.count(chr(10), 0, offset) + 1}: {advice}")
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
