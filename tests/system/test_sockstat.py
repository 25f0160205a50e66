"""Linux's own socket counters."""

import pytest

from check_ephemeral_port.system.errors import SystemReadError
from check_ephemeral_port.system.sockstat import SocketCounts, read_socket_counts

# /proc/net/sockstat and sockstat6 of a Linux 6.18 host
SOCKSTAT = """\
sockets: used 9
TCP: inuse 4 orphan 0 tw 3 alloc 9 mem 236
UDP: inuse 2 mem 0
UDPLITE: inuse 0
RAW: inuse 0
FRAG: inuse 0 memory 0
"""
SOCKSTAT6 = """\
TCP6: inuse 2
UDP6: inuse 1
UDPLITE6: inuse 0
RAW6: inuse 0
FRAG6: inuse 0 memory 0
"""


def read(tmp_path, sockstat, sockstat6=None):
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "sockstat").write_text(sockstat)
    if sockstat6:
        (tmp_path / "net" / "sockstat6").write_text(sockstat6)
    return read_socket_counts(str(tmp_path))


def test_counts_of_both_families(tmp_path):
    counts = read(tmp_path, SOCKSTAT, SOCKSTAT6)
    assert counts == SocketCounts(total=12, tcp_unhashed=3)


def test_a_kernel_without_ipv6(tmp_path):
    assert read(tmp_path, SOCKSTAT) == SocketCounts(total=9, tcp_unhashed=5)


@pytest.mark.parametrize("text", ["TCP: inuse many\n", "TCP: inuse \xff\n"])
def test_garbage_is_an_error_that_names_the_file(tmp_path, text):
    with pytest.raises(SystemReadError, match="sockstat"):
        read(tmp_path, text)


def test_a_missing_file_is_an_error_that_names_it(tmp_path):
    with pytest.raises(SystemReadError, match="sockstat"):
        read_socket_counts(str(tmp_path))
