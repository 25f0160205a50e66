"""The number of failures since the last run, whatever happened to the recorder."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_ephemeral_port.model.failed.counts import (
    BIND,
    TCP_CONNECT,
    Counts,
    CpuCount,
    decode_counts,
    encode_counts,
    failed_since,
    parse_cpu_stats,
)

STATS = """\
entries: 866
overrun: 99000
commit overrun: 3
bytes: 66682
oldest event ts: 11419.420165
now ts: 11419.428119
dropped events: 20
read events: 111
"""
"""In the form of Linux 6.18, 5.10 and all between."""


def counts(*cpus, boot="boot", inode=7, made=9, at=100.0):
    return Counts(
        boot, inode, made, at, dict(enumerate(CpuCount(*cpu) for cpu in cpus))
    )


def test_the_total_includes_what_was_overwritten_dropped_or_consumed():
    assert parse_cpu_stats(STATS) == (CpuCount(100000, 866, 11419.420165), 11419.428119)


@pytest.mark.parametrize("text", ["", "entries: x", STATS.replace("overrun", "other")])
def test_other_text_is_refused(text):
    with pytest.raises(ValueError, match="in the counts of a CPU"):
        parse_cpu_stats(text)


@pytest.mark.parametrize(
    "last, now, failed, after",
    [
        # nothing; some; more than the ring holds
        (counts((3, 3, 1.0)), counts((3, 3, 1.0)), 0, 100.0),
        (counts((3, 3, 1.0), (0, 0, 0.0)), counts((5, 5, 1.0), (2, 2, 9.0)), 4, 100.0),
        (counts((3, 3, 1.0)), counts((5000, 866, 9.0)), 4997, 100.0),
        # no last run; a CPU more
        (None, counts((3, 3, 1.0), (1, 1, 2.0)), 4, 0.0),
        (counts((3, 3, 1.0)), counts((3, 3, 1.0), (2, 2, 9.0)), 2, 100.0),
        # another boot; removed and made again
        (counts((3, 3, 1.0), boot="old"), counts((3, 3, 1.0)), 3, 0.0),
        (counts((3, 3, 1.0), inode=6), counts((4, 4, 1.0)), 4, 0.0),
        (counts((3, 3, 1.0), made=8), counts((4, 4, 1.0)), 4, 0.0),
        # cleared, then fewer, as many, or more failures
        (counts((3, 3, 1.0)), counts((1, 1, 9.0)), 1, 100.0),
        (counts((3, 3, 1.0)), counts((3, 3, 9.0)), 3, 100.0),
        (counts((3, 3, 1.0)), counts((5, 5, 9.0)), 5, 100.0),
        (counts((1, 1, 1.0)), counts((1, 1, 9.0)), 1, 100.0),
        (counts((3, 3, 1.0)), counts((0, 0, 0.0)), 0, 100.0),
        (counts((900, 866, 1.0)), counts((1000, 1000, 9.0)), 1000, 100.0),
        # another reader consumed them all
        (counts((3, 3, 1.0)), counts((3, 0, 0.0)), 0, 100.0),
        (counts((3, 3, 1.0)), counts((4, 1, 9.0)), 1, 100.0),
        (counts((3, 0, 0.0)), counts((4, 1, 9.0)), 1, 100.0),
    ],
)
def test_failures_since_the_last_run(last, now, failed, after):
    assert failed_since(last, now) == (failed, after)


WHOLE = st.integers(0, 10**19)
TIMES = st.integers(0, 10**9).map(lambda n: n / 64)
CPUS = st.dictionaries(
    st.integers(0, 9999), st.builds(CpuCount, st.integers(1, 10**19), WHOLE, TIMES)
)
BOOTS = st.sampled_from(["", "3d2bf65b-fbbc-4566-a319-82492c756759"])
COUNTS = st.builds(Counts, BOOTS, WHOLE, WHOLE, TIMES, CPUS)


@given(st.dictionaries(st.sampled_from([TCP_CONNECT, BIND]), COUNTS))
def test_counts_survive_the_file(by_kind):
    assert decode_counts(encode_counts(by_kind)) == by_kind


@given(COUNTS, COUNTS)
def test_a_difference_is_never_negative(last, now):
    for same in (now, now._replace(boot_id=last[0], inode=last[1], made_ns=last[2])):
        assert 0 <= failed_since(last, same)[0] <= failed_since(None, same)[0]


GOOD = "tcp_connect boot 1 2 3.000000 0:1:1:1.000000"


@pytest.mark.parametrize(
    "text",
    [
        "tcp_connect",
        GOOD.replace("tcp_connect", "other"),
        GOOD.replace("0:1:1:1.000000", "0:1:1"),
        GOOD.replace("1.000000", "nan"),
        GOOD.replace("0:1", "0:-1"),
        GOOD.replace(" 2 ", f" {'9' * 21} "),
        GOOD.replace(" 2 ", "  2 "),
        GOOD.replace("boot", "b\u00f6t"),
        GOOD + "\n\n",
    ],
)
def test_foreign_text_is_no_count(text):
    assert decode_counts(GOOD)
    assert decode_counts(text) == {}
