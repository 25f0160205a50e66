"""Text that others choose does no harm."""

from hypothesis import given
from hypothesis import strategies as st

from check_ephemeral_port.plugin.text import (
    NAME_LENGTH,
    clean_line,
    clean_name,
    percent,
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
    assert "|" not in line and line.isprintable()


def test_ordinary_text_stays_as_it_is():
    assert clean_name("php-fpm: pool www") == "php-fpm:_pool_www"
    assert clean_name("kworker/0:1") == "kworker/0:1"
    assert clean_line("--warning: '5:3' is reversed") == "--warning: '5:3' is reversed"
    assert unknown("a\nb|c") == "EPHEMERAL_PORT UNKNOWN - a b?c\n"


def test_percent_tells_the_difference_where_there_is_one():
    written = [percent(value) for value in (0, 0.21, 4.25, 12.5, 99.99, 100)]
    assert written == ["0%", "0.2%", "4.2%", "12%", "99%", "100%"]
