"""Threshold ranges as Nagios defines them."""

import nagiosplugin
import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_ephemeral_port.model.thresholds import (
    ThresholdRange,
    parse_free_range,
    parse_percent_range,
    parse_range,
    parse_remaining_range,
    parse_seconds_range,
)

pytestmark = pytest.mark.library

NUMBERS = st.one_of(
    st.integers(-(10**12) + 1, 10**12 - 1),
    st.integers(-(10**9), 10**9).map(lambda n: n / 1000),
)


@st.composite
def ranges(draw):
    limits = sorted(draw(st.tuples(NUMBERS, NUMBERS)))
    start = draw(st.sampled_from([limits[0], None]))
    end = draw(st.sampled_from([limits[1], None]))
    return ThresholdRange(start, end, draw(st.booleans()))


@pytest.mark.parametrize(
    "text, parsed",
    [
        ("80", ThresholdRange(0, 80)),
        ("10:", ThresholdRange(10, None)),
        ("~:10", ThresholdRange(None, 10)),
        ("~:", ThresholdRange(None, None)),
        ("10:20", ThresholdRange(10, 20)),
        ("@10:20", ThresholdRange(10, 20, True)),
        (":5.5", ThresholdRange(0, 5.5)),
        ("-5:-1", ThresholdRange(-5, -1)),
        ("0", ThresholdRange(0, 0)),
    ],
)
def test_range_syntax(text, parsed):
    assert parse_range(text) == parsed


@pytest.mark.parametrize(
    "text, short",
    [
        ("0:80", "80"),
        ("0:", "0:"),
        ("0:0", "0"),
        ("1:5", "1:5"),
        ("~:2000", "~:2000"),
        ("@5.50:20.000001", "@5.5:20.000001"),
    ],
)
def test_a_range_is_written_without_what_goes_without_saying(text, short):
    assert str(parse_range(text)) == short


@pytest.mark.parametrize(
    "text", ["", "@", "~", ":::", "1:2:3", "a", "1e5", "nan", "80%", " 5", "5\n", "٥"]
)
def test_malformed_range(text):
    with pytest.raises(ValueError, match="is not a range"):
        parse_range(text)


def test_reversed_range():
    with pytest.raises(ValueError, match="reversed"):
        parse_range("20:10")


@pytest.mark.parametrize("text", ["80%", "10%:80%", "@10%:80", "80", "100%:100"])
def test_percent_signs_are_accepted(text):
    assert parse_percent_range(text) == parse_range(text.replace("%", ""))


@pytest.mark.parametrize("text", ["80%%", "%", "%80", "8%0"])
def test_invalid_percent_range(text):
    with pytest.raises(ValueError, match="is not a range"):
        parse_percent_range(text)


@pytest.mark.parametrize("text", ["101", "@5:100.1", "101:"])
def test_a_limit_over_100_percent(text):
    with pytest.raises(ValueError, match=f"'{text}' has a limit over 100 %"):
        parse_percent_range(text)


@given(ranges())
def test_text_round_trip_without_scientific_notation(threshold):
    assert parse_range(str(threshold)) == threshold
    assert "e" not in str(threshold)


@given(ranges(), NUMBERS)
def test_nagiosplugin_understands_the_text_in_the_same_way(threshold, value):
    start, end, inverted = threshold
    inside = (start is None or start <= value) and (end is None or value <= end)
    assert nagiosplugin.Range(str(threshold)).match(value) == (inside != inverted)


@given(st.text(max_size=12))
def test_any_text_is_a_range_or_raises_value_error(text):
    for parse in (parse_range, parse_percent_range, parse_seconds_range):
        try:
            nagiosplugin.Range(str(parse(text)))
        except ValueError as error:
            assert repr(text) in str(error)


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("30m:", "1800:"),
        ("1800:", "1800:"),
        ("2h:", "7200:"),
        ("45s", "45"),
        ("@0:1.5h", "@0:5400"),
        ("10m:2d", "600:172800"),
        ("~:1h", "~:3600"),
        ("90:5m", "90:300"),
    ],
)
def test_each_limit_can_have_a_unit_of_time(text, seconds):
    assert parse_seconds_range(text) == parse_range(seconds)


@pytest.mark.parametrize(
    "text",
    [
        *("", "m", "5x:", "30%:", "1e3s:", "5 m:", "mm:"),
        # the last digits alone would be a valid time
        *("1.5000m:", "10000000000m:"),
    ],
)
def test_invalid_range_of_time(text):
    with pytest.raises(ValueError, match=f"^'{text}' is not a range of time "):
        parse_seconds_range(text)


def test_the_error_for_a_reversed_time_quotes_the_text_of_the_user():
    with pytest.raises(ValueError, match="'2h:30m' is reversed"):
        parse_seconds_range("2h:30m")


@pytest.mark.parametrize(
    "warning, critical, beyond",
    [
        ("80", "90", False),
        ("90", "80", True),
        ("90", "90", False),
        ("10:", "5:", False),
        ("5:", "5:", False),
        ("5:", "10:", True),
        ("0:", "0.5:", True),
        ("0.5:", "0:", False),
        ("~:90", "80", True),
        ("~:", "80", False),
        ("80", "~:", False),
        ("10:90", "20:80", False),
        ("@0:90", "80", False),
    ],
)
def test_a_warning_beyond_critical_never_warns(warning, critical, beyond):
    assert parse_range(warning).is_beyond(parse_range(critical)) == beyond


@pytest.mark.parametrize("text", ["2000:", "~:", "@0:2000", "@2000", "10:20"])
def test_free_ports_have_a_lower_limit(text):
    assert parse_free_range(text) == parse_range(text)


@pytest.mark.parametrize("text", ["2000", "0", "2000.5"])
def test_an_upper_limit_of_free_ports_is_a_mistake(text):
    with pytest.raises(
        ValueError, match=rf"above {text}, .* '{text}:' \(alarm below {text}\)"
    ):
        parse_free_range(text)


@pytest.mark.parametrize(
    "text, words",
    [("30m", "30 minutes"), ("2h", "2 hours"), ("90", "90 seconds"), ("1d", "1 days")],
)
def test_an_upper_limit_of_the_remaining_time_is_a_mistake(text, words):
    with pytest.raises(ValueError, match=f"alarms above {words}, did you mean"):
        parse_remaining_range(text)
    assert parse_remaining_range(f"{text}:").end is None


def test_free_ports_are_no_percentage():
    with pytest.raises(ValueError, match="^'10%:' is a percentage, a number of ports"):
        parse_free_range("10%:")
