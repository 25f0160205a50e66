"""Linux's socket counters."""

import ctypes
import socket
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_ephemeral_port.system.errors import SystemReadError
from check_ephemeral_port.system.sockets import sockstat
from check_ephemeral_port.system.sockets.sockstat import (
    SocketCounts,
    is_without_sockets,
    max_idle_tcp_sockets,
    read_socket_counts,
    read_time_wait_sockets,
)
from tests.support.sockets import (
    bind,
    bind_udp,
    connect,
    held_sockets,
    listen,
    time_wait,
)
from tests.support.waiting import wait_until

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


def write(tmp_path, sockstat, sockstat6=None):
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "sockstat").write_text(sockstat)
    if sockstat6:
        (tmp_path / "net" / "sockstat6").write_text(sockstat6)


def read(tmp_path, sockstat, sockstat6=None):
    write(tmp_path, sockstat, sockstat6)
    return read_socket_counts(str(tmp_path))


def test_counters_of_ipv4_and_ipv6_are_added(tmp_path):
    counts = read(tmp_path, SOCKSTAT, SOCKSTAT6)
    assert counts == SocketCounts(total=12, tcp_unhashed=3, of_processes=9)


def test_a_kernel_without_ipv6(tmp_path):
    counts = read(tmp_path, SOCKSTAT)
    assert counts == SocketCounts(total=9, tcp_unhashed=5, of_processes=9)


@pytest.mark.parametrize(
    "unhashed, of_processes, listed", [(5000, 7, 0), (7, 5000, 0), (7, 5000, 4997)]
)
def test_sockets_of_other_namespaces_and_kinds_are_no_idle_sockets(
    unhashed, of_processes, listed, monkeypatch
):
    counts = SocketCounts(0, unhashed, of_processes, listed)
    monkeypatch.setattr(sockstat, "read_all_counts", lambda _: counts)
    assert max_idle_tcp_sockets(capacity=100) == (min(7, of_processes - listed), [])


@pytest.mark.namespace(ports="40000-40039")
def test_an_idle_socket_counts_and_listed_ones_dont():
    # the netlink sockets that set up the namespace disappear a moment later
    wait_until(is_without_sockets)
    listed = [listen(), *socket.socketpair(), bind_udp(), bind_udp("::1")]
    listed.append(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
    with held_sockets(*listed, connect(listed[0].getsockname())):
        assert max_idle_tcp_sockets(capacity=100) == (0, [])
        with bind():
            assert max_idle_tcp_sockets(capacity=100) == (1, [])


def disconnect(client):
    """Dissolve its connection; the port stays bound."""
    unspecified = bytes(16)  # a sockaddr of AF_UNSPEC
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.connect(client.fileno(), unspecified, len(unspecified)):
        raise OSError(ctypes.get_errno(), "connect")


def refused(address):
    client = bind(address)
    with pytest.raises(ConnectionRefusedError):
        client.connect((address, 1))
    return client


def disconnected(server, port):
    client = connect(server.getsockname(), source="127.0.0.1", port=port)
    disconnect(client)
    assert client.getsockname()[1] == port
    return client


@pytest.mark.namespace(ports="40000-40039")
def test_no_idle_socket_escapes_the_kernels_count():
    with listen() as ipv4, listen("::1", 5001) as ipv6:
        idle = [bind(), bind("::1"), bind("::"), refused("127.0.0.1"), refused("::1")]
        idle.append(disconnected(ipv4, 40038))
        with held_sockets(*idle, *(connect(s.getsockname()) for s in (ipv4, ipv6))):
            # more only if other namespaces have TCP sockets at this moment
            assert read_socket_counts().tcp_unhashed >= len(idle)


@pytest.mark.parametrize("text", ["", "TCP: inuse 4\n", "TCP: alloc x\n"])
def test_without_the_number_of_all_sockets_nothing_is_known(tmp_path, text):
    with pytest.raises(SystemReadError):
        read(tmp_path, text)


def test_without_protocols_all_sockets_may_be_idle(tmp_path):
    write(tmp_path, SOCKSTAT)
    assert sockstat.read_all_counts(str(tmp_path)).listed == 0
    (tmp_path / "net" / "protocols").write_text("protocol size sockets\nTCP 2304 -1\n")
    assert sockstat.read_all_counts(str(tmp_path)).listed == 0


@pytest.mark.parametrize("text", ["TCP: inuse many\n", "TCP: inuse \xff\n"])
def test_malformed_text_is_an_error_that_names_the_file(tmp_path, text):
    with pytest.raises(SystemReadError, match="sockstat"):
        read(tmp_path, text)


def test_a_missing_file_is_an_error_that_names_it(tmp_path):
    with pytest.raises(SystemReadError, match="sockstat"):
        read_socket_counts(str(tmp_path))


@pytest.mark.namespace(ports="40000-40039")
def test_a_namespace_without_sockets_is_recognized():
    with bind():
        assert not is_without_sockets()
    wait_until(is_without_sockets)


@pytest.mark.namespace(ports="40000-40039")
def test_time_wait_counts_as_a_socket():
    with listen() as server:
        time_wait(1, server, lambda: connect(server.getsockname()))
    assert not is_without_sockets()


@pytest.mark.parametrize(
    "sockstat, sockstat6, without",
    [
        ("sockets: used 0\nTCP: inuse 0 orphan 0 tw 0 alloc 9 mem 236\n", "", True),
        # a socket of the kernel itself, such as a tunnel
        ("sockets: used 0\nTCP: inuse 0 orphan 0 tw 0\nUDP: inuse 1\n", "", False),
        ("sockets: used 0\nTCP: inuse 0 orphan 0 tw 0\n", "UDP6: inuse 1\n", False),
        ("TCP: inuse 0 orphan 0 tw 0\n", "", False),
        (": used 0\n", "", False),
    ],
)
def test_only_counters_that_are_all_zero_mean_no_sockets(
    tmp_path, sockstat, sockstat6, without
):
    write(tmp_path, sockstat, sockstat6)
    assert is_without_sockets(str(tmp_path)) is without


def test_without_counters_there_may_be_sockets(tmp_path):
    assert not is_without_sockets(str(tmp_path))


WORDS = st.lists(st.sampled_from(["TCP: ", "sockets:", "used 7 ", "\n"]) | st.text())


@given(WORDS.map("".join), WORDS.map("".join))
def test_any_text_gives_counters_or_an_error(sockstat, sockstat6):
    with TemporaryDirectory() as proc:
        assert is_without_sockets(proc) is False
        try:
            assert read(Path(proc), sockstat, sockstat6).tcp_unhashed >= 0
            assert isinstance(read_time_wait_sockets(proc), int)
        except SystemReadError:
            pass
        assert is_without_sockets(proc) in (True, False)
