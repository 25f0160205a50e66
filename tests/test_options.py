"""The parsers of single options."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_ephemeral_port.model.ports import parse_port
from check_ephemeral_port.options import (
    UsageError,
    parse_count,
    parse_destination,
    parse_duration_seconds,
    parse_host,
    parse_netns,
    parse_options,
    parse_path,
    parse_port_option,
    parse_source,
)

PARSERS = [
    *(parse_count, parse_destination, parse_duration_seconds, parse_host),
    *(parse_netns, parse_path, parse_port, parse_port_option, parse_source),
]
TEXT = st.text() | st.text("0123456789abcdefms.:[]%/-") | st.ip_addresses().map(str)


@pytest.mark.parametrize("parse", PARSERS, ids=lambda parse: parse.__name__)
@given(text=TEXT)
def test_any_text_is_a_value_or_a_value_error(parse, text):
    try:
        assert parse(text)
    except ValueError as error:
        assert str(error)


@pytest.mark.parametrize(
    "line, text",
    [
        ("--warn 80", "there is no option --warn, did you mean --warning?"),
        ("--wraning 80", "there is no option --wraning, did you mean --warning?"),
        ("--Warning=80", "there is no option --Warning=80, did you mean --warning?"),
        ("--state_file x", "there is no option --state_file, did you mean --state-f"),
        ("--free 5:", "did you mean --free-warning or --free-critical?"),
        ("-W 80", "there is no option -W, did you mean -w?"),
        ("-warning 80", "there is no option -warning, did you mean --warning?"),
        ("-top=5", "there is no option -top, did you mean --top?"),
        ("-port 80", "there is no option -port, did you mean --port?"),
        ("\u2013warning 80", "begins with a dash that is no '-', did you mean --warn"),
        ("warning=80", "'warning=80' begins without '--', did you mean --warning?"),
        ("help", "'help' begins without '--', did you mean --help?"),
        ("80 90", "'80' belongs to no option, did you mean -w 80?"),
        ("-w 80% 90%", "'90%' belongs to no option, did you mean -c 90%?"),
        ("-H x 443", "'443' belongs to no option, did you mean -p 443?"),
        ("-p 80 443", "'443' belongs to no option, did you mean -p 80,443?"),
        ("-p 80,,443", "--port '' is not a port"),
        ("-p 80/UDP", "'80/UDP' has a protocol, give it as -p 80 --protocol udp"),
        ("-d a:1,b:2", "'a:1,b:2' is a list (give each with -d), it is not HOST:PORT"),
        ("-v 3", "'3' belongs to no option, did you mean -vvv?"),
        ("--all-netns web", "'web' belongs to no option, did you mean --netns web?"),
        ("--udp", "there is no option --udp, did you mean --protocol udp?"),
        ("-?", "there is no option -?, did you mean -h?"),
        ("--free-warning 10%", "'10%' is a percentage, a number of ports is needed"),
        ("x", "'x' belongs to no option"),
        ("-w -5", "--warning '-5' is a negative number, which makes no sense here"),
        ("-w -c 90", "--warning has no value before -c"),
        ("--netns -x", "--netns '-x' begins with '-', write --netns=-x"),
        ("-t", "--timeout needs a value (DURATION)"),
        ("-4=5", "-4 takes no value"),
        ("-vx", "there is no option -x, -h lists all options"),
        ("--protocol TCP", "--protocol 'TCP' is not one of tcp, udp, all"),
    ],
)
def test_a_wrong_command_line_says_what_was_meant(line, text):
    with pytest.raises(UsageError) as raised:
        parse_options(line.split(" "))
    assert text in str(raised.value)


@pytest.mark.parametrize(
    "text, host, port",
    [
        ("db:postgresql", "db", "postgresql"),
        ("192.0.2.7:https", "192.0.2.7", "https"),
        ("[2001:DB8::7]:iso-tsap", "2001:db8::7", "iso-tsap"),
        ("192.0.2.7%eth1:443", "192.0.2.7%eth1", 443),
    ],
)
def test_a_destination_has_a_port_or_the_name_of_a_service(text, host, port):
    assert parse_destination(text) == (host, port)


@pytest.mark.parametrize("text", ["80 443", "80   443", "ssh https"])
def test_a_list_of_ports_has_commas(text):
    meant = ",".join(text.split())
    with pytest.raises(ValueError, match=f"did you mean {meant}"):
        parse_port_option(text)
    assert len(parse_port_option(text.replace(" ", ", ", 1).replace("  ", ""))) == 2
