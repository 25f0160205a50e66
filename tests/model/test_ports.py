"""The range and the pool."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_ephemeral_port.model.port.iana import IanaClass, iana_class
from check_ephemeral_port.model.ports import (
    PortPool,
    PortRange,
    is_service_name,
    merged,
    parse_port,
    parse_port_list,
    parse_ports,
    ports_in,
    spans_text,
)

PORTS = st.integers(0, 65535)


@pytest.mark.parametrize("first, last", [(60999, 32768), (-1, 5), (5, 65536)])
def test_an_invalid_range_raises_value_error(first, last):
    with pytest.raises(ValueError, match=f"^{first}-{last} is not a range of ports$"):
        PortRange(first, last)


def test_a_pool_can_be_empty():
    pool = PortPool(PortRange(40000, 40003), range(39990, 40010))
    assert (pool.capacity, pool.first_choice_capacity, pool.spans) == (0, 0, [])


@given(
    PORTS,
    st.integers(0, 60),
    st.sets(st.integers(0, 70)),
    st.sampled_from((1, 2)),
    st.sets(PORTS),
)
def test_the_counts_of_a_pool_match_a_loop_over_its_ports(
    first, size, reserved_offsets, step, others
):
    ports = PortRange(first, min(first + size, 65535), step)
    reserved = {first + offset - 5 for offset in reserved_offsets}
    usable = [p for p in range(ports.first, ports.last + 1) if p not in reserved]
    pool = PortPool(ports, reserved)
    assert pool.capacity == len(usable)
    assert pool.first_choice_capacity == sum(p % step == first % step for p in usable)
    assert [p for s in pool.spans for p in range(s.first, s.last + 1)] == usable
    asked = others.union(range(first - 99, first + 199)).intersection(range(65536))
    assert [p for p in sorted(asked) if pool.includes(p)] == usable


def test_a_system_without_first_choice_ports_never_misses_a_port():
    assert PortPool(PortRange(40000, 40002)).may_lose_one
    assert not PortPool(PortRange(40000, 40002, step=1)).may_lose_one


def test_a_single_port_is_never_missed():
    assert not PortPool(PortRange(40000, 40000)).may_lose_one


@pytest.mark.parametrize(
    "other, common",
    [
        (PortRange(1024, 65535), PortRange(40000, 40039)),
        (PortRange(40030, 50000), PortRange(40030, 40039)),
        (PortRange(39000, 40000), PortRange(40000, 40000)),
        (PortRange(40040, 50000), None),
    ],
)
def test_ports_common_to_two_ranges(other, common):
    ports = PortRange(40000, 40039)
    assert ports.common(other) == other.common(ports) == common


def test_the_part_of_a_range_prefers_the_same_ports():
    without_first_choice = PortRange(40000, 40039, step=1)
    assert without_first_choice.common(PortRange(40010, 50000)).step == 1


@pytest.mark.parametrize(
    "text, ports",
    [
        ("", set()),
        ("\n", set()),
        ("8080", {8080}),
        ("8080,9000-9002\n", {8080, 9000, 9001, 9002}),
        ("0-1,65535", {0, 1, 65535}),
    ],
)
def test_port_list(text, ports):
    assert parse_port_list(text) == ports


@pytest.mark.parametrize("text", ["x", "1-", "-1", "9-3", "70000", "1,,2", "1;2", "١"])
def test_malformed_port_list(text):
    with pytest.raises(ValueError, match=r"is not a (list|range) of ports"):
        parse_port_list(text)


@given(st.text())
def test_any_text_is_a_port_list_or_raises_value_error(text):
    try:
        assert all(0 <= port <= 65535 for port in parse_port_list(text))
    except ValueError:
        pass


@given(st.sets(st.tuples(PORTS, st.integers(0, 9)), max_size=9))
def test_port_list_round_trip(spans):
    spans = [(first, min(first + more, 65535)) for first, more in spans]
    text = ",".join(f"{a}-{b}" if a != b else f"{a}" for a, b in spans)
    expected = {port for a, b in spans for port in range(a, b + 1)}
    assert parse_port_list(text) == expected


@pytest.mark.parametrize("text, port", [("1", 1), ("0443", 443), ("65535", 65535)])
def test_valid_port(text, port):
    assert parse_port(text) == port


@pytest.mark.parametrize("text", ["0", "65536", "-1", "+5", "1_0", "", "443 ", "٤٤٣"])
def test_invalid_port(text):
    with pytest.raises(ValueError, match="is not a port"):
        parse_port(text)


@pytest.mark.parametrize(
    "first, last, expected",
    [
        (0, 1023, IanaClass.SYSTEM),
        (1024, 49151, IanaClass.USER),
        (49152, 65535, IanaClass.DYNAMIC),
    ],
)
def test_classes_of_rfc_6335(first, last, expected):
    assert {iana_class(port) for port in range(first, last + 1)} == {expected}


@pytest.mark.parametrize("port", [-1, 65536])
def test_an_invalid_port_has_no_class(port):
    with pytest.raises(ValueError, match="not a port"):
        iana_class(port)


@pytest.mark.parametrize(
    "text, parts",
    [
        ("443", [PortRange(443, 443)]),
        ("8000-8010,9000", [PortRange(8000, 8010), PortRange(9000, 9000)]),
        ("80, https", [PortRange(80, 80), "https"]),
        ("ms-sql-s", ["ms-sql-s"]),
        ("3com-tsmux", ["3com-tsmux"]),
        ("1-65535", [PortRange(1, 65535)]),
        (",".join(["1"] * 100), [PortRange(1, 1)] * 100),
    ],
)
def test_ports_ranges_and_services_can_be_asked_for(text, parts):
    assert parse_ports(text) == tuple(parts)


@pytest.mark.parametrize(
    "text, reason",
    [
        ("", "'' is not a port"),
        ("0", "'0' is not a port"),
        ("80,", "'' is not a port"),
        ("80-", "'80-' is not a range of ports"),
        ("-80", "'' is not a port"),
        ("0-80", "'0-80' is not a range"),
        ("80-90-100", "'80-90-100' is not a range"),
        ("90-80", "'90-80' is reversed: 90 is greater than 80"),
        ("ht tp", "'ht tp' is not a port"),
        (",".join(["1"] * 101), "101 ports or ranges are too many"),
    ],
)
def test_other_texts_are_no_ports(text, reason):
    with pytest.raises(ValueError) as raised:
        parse_ports(text)
    assert reason in str(raised.value)


def test_a_number_is_no_service():
    assert is_service_name("https") and is_service_name("whois++")
    assert is_service_name("X11") and is_service_name("Z39.50")
    assert not is_service_name("443") and not is_service_name("80-90")
    assert not is_service_name("a" * 64) and not is_service_name("a;b")


def test_ranges_side_by_side_become_one():
    ranges = [PortRange(6, 7), PortRange(3, 4), PortRange(1, 2)]
    assert merged(ranges) == (PortRange(1, 4), PortRange(6, 7))


def test_a_range_of_one_port_is_written_as_a_port():
    assert spans_text([PortRange(80, 80), PortRange(90, 91)]) == "80,90-91"


SPANS = st.lists(
    st.tuples(PORTS, st.integers(0, 9)).map(
        lambda s: PortRange(s[0], min(sum(s), 65535))
    )
)


@given(SPANS)
def test_merged_ranges_have_the_same_ports_and_gaps_between(spans):
    found = merged(spans)
    assert ports_in(found) == ports_in(spans)
    assert all(a.last + 1 < b.first for a, b in zip(found, found[1:]))
    assert parse_port_list(spans_text(found)) == ports_in(spans)
