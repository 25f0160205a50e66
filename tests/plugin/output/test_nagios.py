"""The output: one line with perfdata, then tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_ephemeral_port.plugin.output.details import Section
from check_ephemeral_port.plugin.text import MIN_STATUS_LENGTH
from tests.support.check_builders import checked, clients, udp_sockets, watch

UDP_ONLY = {"tcp": False}


def test_perfdata_is_on_the_first_line_and_tables_below_it():
    details = [Section(notes=["usage"]), Section(notes=["pool"])]
    check = checked(*udp_sockets(33), question=UDP_ONLY)
    text = check.explained(details=details).text
    assert text == (
        "EPHEMERAL_PORT WARNING - 82% of 40 ports for UDP used, above 80%, 7 remaining"
        " | udp_bind=82.5%;80;90;0;100 udp_bind_free=7;;;0;40 udp_sockets=33;;;0\n"
        "usage\n"
        "\n"
        "pool\n"
    )


@pytest.mark.parametrize("name_length", [5, 100, 250])
@pytest.mark.parametrize("watched", range(12))
def test_long_perfdata_shortens_the_status(watched, name_length):
    name = "h" * name_length
    watches = tuple(watch(f"{name}{n}:443", "192.0.2.7") for n in range(watched))
    check = checked(*clients(38), question={"watches": watches})
    text = check.text
    status, _, perfdata = text.rstrip("\n").partition(" | ")
    assert perfdata == " ".join(map(str, check.perfdata))
    assert len(text) < 1024 or len(status) <= MIN_STATUS_LENGTH
    assert status.startswith("EPHEMERAL_PORT CRITICAL - 95% of 40 ports to ")


@given(st.lists(st.text(max_size=200), max_size=300))
def test_any_table_gives_bounded_and_printable_output(lines):
    check = checked(*clients(38)).explained(details=[Section(notes=lines)])
    first, *others = check.text.split("\n")
    assert first.count("|") == 1
    assert len("\n".join(others)) + len(first) + 1 < 8000
    assert all(line.isascii() and line.isprintable() for line in others)
    assert not set("|<&") & set("".join(others))
