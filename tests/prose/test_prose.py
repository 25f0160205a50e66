"""The prose check finds phrases and long sentences, and reports their lines."""

import pytest

from tests.prose.__main__ import allow, by_length, by_phrases
from tests.prose.extract import prose

PHRASES = """\
# so few -> a comment
so many, so much -> at most N
What ... is -> begin with the subject
so many thanks
"""


def found(tmp_path, name, text):
    """Line and advice of each finding."""
    path = tmp_path / name
    path.write_text(text)
    text = allow(prose(path), PHRASES)
    return [
        (text.count("\n", 0, offset) + 1, advice)
        for offset, advice in (*by_phrases(text, PHRASES), *by_length(text))
    ]


SO_MANY = "'so many': say 'at most N'"


@pytest.mark.parametrize(
    "code, lines",
    [
        ('"""Title.\n\nThere are so many.\n"""\n', [3]),
        ("a = 1  # so\n# many\n", [1]),
        (
            'text = (\n    f"{count} so "\n    "many"\n)\n',
            [],
        ),  # "many" alone is no prose
        ('text = (\n    f"{count} so "\n    "many ports"\n)\n', [2]),
        ("so_many = so = many\n", []),
        ('a("so ")\nb("many ports")\n', []),
        ('"""Uses ``so many`` and :func:`so many`."""\n', []),
        ("# so many thanks\n# so few\n", []),
        ("#!/usr/bin/so many\n", [1]),
    ],
)
def test_code(tmp_path, code, lines):
    assert found(tmp_path, "x.py", code) == [(line, SO_MANY) for line in lines]


@pytest.mark.parametrize(
    "document, lines",
    [
        ("Title\n=====\n\nThere are *so\nmany*.\n", [4]),
        ("Shows::\n\n    so many\n\n    so many\n\nso many\n", [7]),
        (".. code-block:: console\n\n   $ so many\n\nso many\n", [5]),
        (".. list-table::\n\n   * - so many\n     - ``so many``\n", [3]),
        ("so  many\n", []),  # two cells of a table
        ("`so many <https://example.org/so many>`_\n", [1]),
    ],
)
def test_documents(tmp_path, document, lines):
    assert found(tmp_path, "x.rst", document) == [(line, SO_MANY) for line in lines]


def test_a_phrase_with_a_capital_is_found_at_the_beginning_only(tmp_path):
    advice = "'What the port is': say 'begin with the subject'"
    assert found(tmp_path, "x.rst", "What the\nport is.\n") == [(1, advice)]
    assert not found(tmp_path, "x.rst", "Says what the port is.\n")


def test_long_sentences(tmp_path):
    text = "Short one. " + "word " * 40 + "end.\nNext\n"
    advice = "'word word word word ...': 41 words, split it"
    assert found(tmp_path, "x.rst", text) == [(1, advice)]
    assert not found(tmp_path, "x.rst", text.replace("word word", "word", 1))
    assert not found(tmp_path, "x.rst", "- word\n" * 41)
