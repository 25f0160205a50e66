"""The parsers of single options."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_ephemeral_port.model.ports import parse_port
from check_ephemeral_port.options import (
    parse_count,
    parse_destination,
    parse_duration_seconds,
    parse_host,
    parse_netns,
    parse_path,
    parse_source,
)

PARSERS = [
    *(parse_count, parse_destination, parse_duration_seconds, parse_host),
    *(parse_netns, parse_path, parse_port, parse_source),
]
TEXT = st.text() | st.text("0123456789abcdefms.:[]%/-") | st.ip_addresses().map(str)


@pytest.mark.parametrize("parse", PARSERS, ids=lambda parse: parse.__name__)
@given(text=TEXT)
def test_any_text_is_a_value_or_a_value_error(parse, text):
    try:
        assert parse(text)
    except ValueError as error:
        assert str(error)
