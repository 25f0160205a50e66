"""The call to the C library of macOS and the BSDs."""

import sys
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_ephemeral_port.system.errors import SystemReadError
from check_ephemeral_port.system.ranges.bsd_sysctl import (
    MAX_BYTES,
    read_counter,
    read_int,
    split_platform,
    sysctl_reader,
)
from tests.support.c_library import CLibrary, int32

COUNTERS = b"".join(n.to_bytes(8, sys.byteorder) for n in range(11))


@pytest.mark.parametrize("platform", ["darwin", "freebsd14", "netbsd10"])
def test_a_sysctl_is_read_by_its_name(platform):
    read = sysctl_reader(platform, CLibrary({"net.x": int32(49152)}))
    assert read_int(read, "net.x") == 49152


def test_openbsd_reads_a_sysctl_by_number():
    read = sysctl_reader("openbsd7", CLibrary({(4, 2, 0, 7): int32(1024)}))
    assert read_int(read, "net.inet.ip.portfirst") == 1024


def test_a_counter_is_read_by_its_index():
    read = sysctl_reader("freebsd14", CLibrary({"net.x": COUNTERS}))
    assert [read_counter(read, "net.x", i) for i in (0, 4, 10)] == [0, 4, 10]


@pytest.mark.parametrize("size", [0, 79, 80])
def test_a_missing_counter_is_an_error(size):
    read = sysctl_reader("freebsd14", CLibrary({"net.x": COUNTERS[:size]}))
    with pytest.raises(SystemReadError, match=f"net.x: .* {size} bytes"):
        read_counter(read, "net.x", 10)


@pytest.mark.parametrize("size", [0, 2, 5])
def test_a_value_of_another_size_is_no_int(size):
    read = sysctl_reader("darwin", CLibrary({"net.x": bytes(size)}))
    with pytest.raises(SystemReadError, match=f"net.x: .* {size} bytes"):
        read_int(read, "net.x")


@pytest.mark.parametrize("values", [{}, {"net.x": bytes(MAX_BYTES + 1)}])
def test_an_error_of_the_kernel_is_reported(values):
    with pytest.raises(SystemReadError, match=r"^sysctl net\.x: No such file"):
        sysctl_reader("darwin", CLibrary(values))("net.x")


def test_a_c_library_without_sysctl_is_an_error():
    # the C library of Linux has no sysctlbyname()
    with pytest.raises(SystemReadError, match="net.x: the C library"):
        sysctl_reader("darwin")("net.x")


@pytest.mark.parametrize(
    "platform, parts",
    [
        ("freebsd14", ("freebsd", 14)),
        ("darwin", ("darwin", 0)),
        ("win32", ("win", 32)),
        ("java1.8", ("java1.8", 0)),
    ],
)
def test_name_and_major_version(platform, parts):
    assert split_platform(platform) == parts


@given(st.binary(max_size=MAX_BYTES), st.integers(0, 10))
def test_any_bytes_give_a_number_or_an_error(value, index):
    for read_number in (read_int, partial(read_counter, index=index)):
        try:
            assert isinstance(read_number(lambda _: value, name="net.x"), int)
        except SystemReadError as error:
            assert "net.x" in str(error)
