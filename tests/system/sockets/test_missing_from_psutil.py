"""The sockets that psutil does not list, by platform."""

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


def missing(platform, values=COUNTS, root=True, listed=LISTED):
    def reader(platform):
        return sysctl_reader(platform, CLibrary(values))

    return missing_tcp_sockets(POOL, listed, platform, root, reader)


@pytest.mark.parametrize("platform, count", [("darwin", 77), ("freebsd14", 88)])
def test_sockets_that_are_counted_but_not_listed_are_missing(platform, count):
    assert missing(platform) == (
        count,
        [f"{count} more TCP sockets exist, most likely in TIME_WAIT"],
    )


@pytest.mark.parametrize("count", [3, 2])
def test_no_socket_is_missing_if_one_closed_after_the_list(count):
    assert missing("darwin", {"net.inet.tcp.pcbcount": int32(count)}) == (0, [])


def test_windows_lists_time_wait_but_no_idle_sockets():
    assert missing("win32") == (
        16384,
        ["bound but idle TCP sockets can't be counted"],
    )


@pytest.mark.parametrize("platform", ["openbsd7", "netbsd10"])
def test_without_counters_any_number_can_be_missing(platform):
    found = missing(platform)
    assert found.sockets == 16384 and len(found.notes) == 1


@pytest.mark.parametrize("platform", ["darwin", "freebsd14"])
def test_an_unreadable_counter_is_named(platform):
    found = missing(platform, {})
    assert found.sockets == 16384
    assert "sysctl net.inet.tcp." in found.notes[0]


@pytest.mark.parametrize("platform", ["freebsd14", "openbsd7", "netbsd10"])
def test_without_root_a_note_says_that_sockets_may_be_missing(platform):
    assert "run as root" in missing(platform, root=False).notes[0]


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_no_such_note_if_psutil_refuses_or_lists_all(platform):
    assert missing(platform, root=False) == missing(platform)
