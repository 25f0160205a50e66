"""What psutil's list leaves out, by platform."""

import struct

import pytest

from check_ephemeral_port.model.ports import PortPool, PortRange
from check_ephemeral_port.system.ranges.bsd_sysctl import sysctl_reader
from check_ephemeral_port.system.sockets.missing_from_psutil import missing_tcp_sockets
from tests.support.c_library import CLibrary, int32

POOL = PortPool(PortRange(49152, 65535, 1))
LISTED = {
    (("198.51.100.5", 50000), ("192.0.2.7", 443)),
    (("198.51.100.5", 443), ("203.0.113.9", 51000)),
    (("::", 443), ()),
}
COUNTS = {
    "net.inet.tcp.pcbcount": int32(80),
    # closed, listening; established; TIME_WAIT
    "net.inet.tcp.states": struct.pack("=11Q", 500, 600, 0, 0, 2, 0, 0, 0, 0, 0, 88),
}


def unlisted(platform, values=COUNTS, root=True, listed=LISTED):
    def reader(platform):
        return sysctl_reader(platform, CLibrary(values))

    return missing_tcp_sockets(POOL, listed, platform, root, reader)


@pytest.mark.parametrize("platform, count", [("darwin", 77), ("freebsd14", 88)])
def test_what_the_kernel_counts_beyond_the_list_is_missing(platform, count):
    assert unlisted(platform) == (
        count,
        [f"{count} more TCP sockets exist, most likely in TIME_WAIT"],
    )


@pytest.mark.parametrize("count", [3, 2])
def test_nothing_is_missing_even_if_a_socket_went_after_the_list(count):
    assert unlisted("darwin", {"net.inet.tcp.pcbcount": int32(count)}) == (0, [])


def test_windows_lists_time_wait_and_leaves_idle_sockets_out():
    assert unlisted("win32") == (
        16384,
        ["bound but idle TCP sockets can't be counted"],
    )


@pytest.mark.parametrize("platform", ["openbsd7", "netbsd10"])
def test_where_nobody_counts_nothing_is_sure(platform):
    found = unlisted(platform)
    assert found.sockets == 16384 and len(found.notes) == 1


@pytest.mark.parametrize("platform", ["darwin", "freebsd14"])
def test_a_count_that_cannot_be_read_is_named(platform):
    found = unlisted(platform, {})
    assert found.sockets == 16384
    assert "sysctl net.inet.tcp." in found.notes[0]


@pytest.mark.parametrize("platform", ["freebsd14", "openbsd7", "netbsd10"])
def test_without_root_the_view_may_be_partial(platform):
    assert "run as root" in unlisted(platform, root=False).notes[0]


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_no_such_word_where_it_refuses_or_shows_all(platform):
    assert unlisted(platform, root=False) == unlisted(platform)
