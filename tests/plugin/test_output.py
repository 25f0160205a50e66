"""One line with perfdata, then lines for people."""

import nagiosplugin
from hypothesis import given
from hypothesis import strategies as st

from check_ephemeral_port.plugin.output import render
from tests.plugin.builders import check_of, checked, udp_sockets

UDP_ONLY = {"tcp": False}


def test_perfdata_is_on_the_first_line_and_tables_below_it():
    text = render(checked(*udp_sockets(33), question=UDP_ONLY), ["usage", "", "pool"])
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

    text = render(check_of(look))
    assert text.startswith("EPHEMERAL_PORT UNKNOWN - ")
    assert text.endswith("\n") and text.count("\n") == 1
    assert "|" not in text and text[:-1].isprintable() and text.isascii()
