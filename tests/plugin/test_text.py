"""Hostile text does no harm."""

from hypothesis import given
from hypothesis import strategies as st

from check_ephemeral_port.plugin.text import (
    MAX_OUTPUT_BYTES,
    NAME_LENGTH,
    clean_line,
    clean_name,
    fit_output,
    percent,
    status_text,
    unknown,
)

HARMFUL = set("|<>'\"&;`$\\\n\r\t\x1b\x00\u202e")


@given(st.text())
def test_a_clean_name_is_a_short_harmless_word(text):
    name = clean_name(text)
    assert 1 <= len(name) <= NAME_LENGTH
    assert name.isascii() and name.isprintable() and not HARMFUL & set(name)
    assert " " not in name


@given(st.text())
def test_a_clean_line_is_one_line_without_perfdata(text):
    line = clean_line(text)
    assert len(line) <= 500 and line.isascii()
    assert not set('|<&"`') & set(line) and line.isprintable()


def test_ordinary_text_stays_as_it_is():
    assert clean_name("php-fpm: pool www") == "php-fpm:_pool_www"
    assert clean_name("kworker/0:1") == "kworker/0:1"
    assert clean_line("--warning: '5:3' is reversed") == "--warning: '5:3' is reversed"
    assert unknown("a\nb|c") == "EPHEMERAL_PORT UNKNOWN - a b?c\n"


def test_small_percentages_have_one_decimal():
    written = [percent(value) for value in (0, 0.09, 0.21, 4.25, 12.5, 99.99)]
    assert written == ["0%", "0%", "0.2%", "4.2%", "12%", "99%"]


@given(st.text())
def test_an_unknown_is_one_bounded_line(message):
    text = unknown(message)
    assert text.startswith("EPHEMERAL_PORT UNKNOWN - ")
    assert text.count("\n") == 1 and text.endswith("\n")
    assert "|" not in text and text[:-1].isascii() and text[:-1].isprintable()
    assert len(text) <= 530


@given(st.text(), st.integers(min_value=2, max_value=100))
def test_a_clean_line_has_at_most_the_given_length(text, length):
    assert len(clean_line(text, length)) <= length


@given(st.text())
def test_cleaning_twice_changes_nothing(text):
    assert clean_name(clean_name(text)) == clean_name(text)
    assert clean_line(clean_line(text)) == clean_line(text)


@given(st.floats(min_value=0, max_value=100).map(lambda n: int(n * 100) / 100))
def test_percent_never_says_more_than_is_used(value):
    written = percent(value)
    assert written.endswith("%") and len(written) <= 4
    assert (written == "100%") == (value == 100)
    assert float(written[:-1]) <= value + 0.05


def test_the_last_clauses_are_dropped_first():
    clauses = ["98% used", "nginx[812] holds 38", "connects are slow"]
    text = "98% used - nginx[812] holds 38 - connects are slow"
    assert status_text(clauses, 50) == text
    assert status_text(clauses, 49) == "98% used - nginx[812] holds 38 - .."
    assert status_text(clauses, 34) == "98% used - .."
    assert status_text(clauses, 12) == "98% used -.."


def test_clauses_have_neither_semicolon_nor_colon():
    message = "/run/netns/web: Operation not permitted; needs root"
    plain = "/run/netns/web, Operation not permitted, needs root"
    assert status_text([message, "to [::1]:443"], 500) == f"{plain} - to [::1]:443"
    assert unknown(message) == f"EPHEMERAL_PORT UNKNOWN - {plain}\n"


@given(st.lists(st.text()), st.integers(min_value=5, max_value=100))
def test_a_status_has_at_most_the_given_length(clauses, length):
    text = status_text(clauses, length)
    assert len(text) <= length
    assert ";" not in text and ": " not in text


@given(st.lists(st.integers(0, 300).map("x".__mul__), max_size=200))
def test_lines_that_do_not_fit_are_counted(lines):
    text = fit_output("first | perfdata", lines)
    first, *kept = text.splitlines()
    assert first == "first | perfdata" and text.endswith("\n")
    assert len(text) <= MAX_OUTPUT_BYTES
    if kept != lines:
        *kept, note = kept
        assert note == f"({len(lines) - len(kept)} lines left out)"
        assert kept == lines[: len(kept)]
        # the next line would not have fitted
        assert len(text) + len(lines[len(kept)]) + 1 > MAX_OUTPUT_BYTES


def test_long_perfdata_is_kept():
    assert fit_output("x" * 9000, ["a", "b"]) == "x" * 9000 + "\n(2 lines left out)\n"
