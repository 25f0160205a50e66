"""Settings and counters for advice, from this kernel and from files of the test."""

import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_ephemeral_port.model.advice.facts import AdviceSettings, TimeWaitTable
from check_ephemeral_port.system.advice_settings import (
    decode_counter,
    read_advice_settings,
)
from check_ephemeral_port.system.errors import SystemReadError
from tests.support.namespace import add_namespace, run_inside, set_sysctl
from tests.support.sockets import connect, listen, time_wait

NETSTAT = """\
TcpExt: SyncookiesSent TCPTimeWaitOverflow TCPLoss
TcpExt: 1 23 4
IpExt: InNoRoutes
IpExt: 5
"""


def test_a_counter_is_found_by_its_name():
    assert decode_counter(NETSTAT, "TcpExt", "TCPTimeWaitOverflow") == 23
    assert decode_counter(NETSTAT, "IpExt", "InNoRoutes") == 5
    assert decode_counter(NETSTAT, "TcpExt", "TCPFromTheFuture") == 0


@pytest.mark.parametrize("text", ["", "TcpExt: A\n", "TcpExt: A\nTcpExt: x\n"])
def test_text_without_the_counters_is_an_error(text):
    with pytest.raises(ValueError):
        decode_counter(text, "TcpExt", "A")


@given(st.text() | st.text("TcpEx:A 1\n"))
def test_any_text_gives_a_counter_or_an_error(text):
    for lines in (text, f"TcpExt: A\nTcpExt: {text}"):
        try:
            assert isinstance(decode_counter(lines, "TcpExt", "A"), int)
        except ValueError:
            pass


def test_other_systems_have_no_settings():
    assert read_advice_settings("freebsd14") is None


@pytest.mark.namespace(ports="40000-40039")
def test_the_kernel_counts_overflows_of_its_table():
    set_sysctl("ip_local_reserved_ports", "8080,40000-40002")
    set_sysctl("tcp_max_tw_buckets", 10)
    time_wait(15, listen(), lambda: connect(("127.0.0.1", 5000)))
    assert read_advice_settings() == AdviceSettings(
        reserved=frozenset({8080, 40000, 40001, 40002}),
        time_wait=TimeWaitTable(sockets=10, limit=10, overflows=5),
    )


@pytest.mark.namespace(ports="40000-40039", host=True)
def test_a_thread_reads_the_settings_of_its_own_namespace():
    web = add_namespace("web", "50000-50019")

    def wait():
        time_wait(3, listen(), lambda: connect(("127.0.0.1", 5000)))

    run_inside([web], wait)
    set_sysctl("tcp_max_tw_buckets", 10)
    inside = run_inside([web], read_advice_settings).time_wait
    assert (inside.sockets, inside.limit > 10) == (3, True)
    assert read_advice_settings().time_wait == TimeWaitTable(sockets=0, limit=10)


@pytest.fixture
def proc(tmp_path):
    for path, text in (
        ("sys/net/ipv4/ip_local_reserved_ports", "\n"),
        ("sys/net/ipv4/tcp_max_tw_buckets", "99\n"),
        ("thread-self/net/sockstat", "TCP: inuse 5 orphan 0 tw 7 alloc 6 mem 1\n"),
        ("thread-self/net/netstat", NETSTAT),
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def test_all_files_are_read_below_proc(proc):
    settings = read_advice_settings("linux", str(proc))
    assert settings == AdviceSettings(
        reserved=frozenset(), time_wait=TimeWaitTable(sockets=7, limit=99, overflows=23)
    )


@pytest.mark.parametrize("name", ["sockstat", "netstat", "tcp_max_tw_buckets"])
@pytest.mark.parametrize("text", [None, "", "garbage\n"])
def test_an_unreadable_table_is_omitted(proc, name, text):
    (path,) = proc.rglob(name)
    path.unlink()
    if text is not None:
        path.write_text(text)
    assert read_advice_settings("linux", str(proc)) == AdviceSettings(
        reserved=frozenset(), time_wait=None
    )


def test_unreadable_reserved_ports_are_an_error(proc):
    shutil.rmtree(proc / "sys")
    with pytest.raises(SystemReadError, match="ip_local_reserved_ports"):
        read_advice_settings("linux", str(proc))
