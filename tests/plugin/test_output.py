"""One line with perfdata, then lines for people."""

import nagiosplugin
import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_ephemeral_port.plugin.output import render
from check_ephemeral_port.plugin.text import LEAST_TEXT
from tests.support.check_builders import check_of, checked, clients, udp_sockets, watch

UDP_ONLY = {"tcp": False}


def test_perfdata_is_on_the_first_line_and_tables_below_it():
    text = render(
        checked(*udp_sockets(33), question=UDP_ONLY), ["usage", "", "pool"]
    ).text
    assert text == (
        "EPHEMERAL_PORT WARNING - 82% of 40 ports for UDP used, 7 left"
        " | udp_bind=82.5%;80;90;0;100 udp_bind_free=7;;;0;40 udp_sockets=33;;;0\n"
        "usage\n"
        "\n"
        "pool\n"
    )


@given(st.text())
def test_a_look_that_failed_is_one_line_whatever_the_reason(reason):
    def look():
        raise nagiosplugin.CheckError(reason)

    text = render(check_of(look)).text
    assert text.startswith("EPHEMERAL_PORT UNKNOWN - ")
    assert text.endswith("\n") and text.count("\n") == 1
    assert "|" not in text and text[:-1].isprintable() and text.isascii()


@pytest.mark.parametrize("name_length", [5, 100, 250])
@pytest.mark.parametrize("watched", range(0, 12))
def test_the_text_gives_way_to_perfdata(watched, name_length):
    name = "h" * name_length
    watches = tuple(watch(f"{name}{n}:443", "192.0.2.7") for n in range(watched))
    check = checked(*clients(38), question={"watches": watches})
    text = render(check).text
    status, _, perfdata = text.rstrip("\n").partition(" | ")
    assert perfdata == " ".join(map(str, check.perfdata))
    assert len(text) < 1024 or len(status) <= LEAST_TEXT
    assert status.startswith("EPHEMERAL_PORT CRITICAL - 95% of 40 ports to ")


@given(st.lists(st.text(max_size=200), max_size=300))
def test_whatever_the_tables_hold_the_output_is_bounded_and_printable(lines):
    first, *others = render(checked(*clients(38)), lines).text.split("\n")
    assert first.count("|") == 1
    assert len("\n".join(others)) + len(first) + 1 < 8000
    assert all(line.isascii() and line.isprintable() for line in others)
    assert not set("|<&") & set("".join(others))
