"""Which sockets use a port, and in which role."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_ephemeral_port.model.port.report import PortSocket, Role, port_report
from check_ephemeral_port.model.sockets import TcpState
from tests.support.builders import THEM, UDP, US, bound, connected, waiting

LISTEN = TcpState.LISTEN
PORT = 60840


def listener(port, address=US, **more):
    return bound(port, address, state=LISTEN, **more)


def roles(*entries):
    report = port_report(PORT, entries)
    return [socket.role for socket in [*report.sockets, *report.callers]]


@pytest.mark.parametrize(
    "entry, role",
    [
        (listener(PORT), Role.LISTENER),
        (connected(PORT), Role.CLIENT_END),
        (connected(PORT, state=TcpState.FIN_WAIT2), Role.CLIENT_END),
        (connected(PORT, state=TcpState.SYN_SENT), Role.CLIENT_END),
        (connected(PORT, state=TcpState.SYN_RECV), Role.SERVER_END),
        (connected(PORT, US, PORT), Role.ITSELF),
        (bound(PORT), Role.IDLE),
        (waiting(PORT), Role.TIME_WAIT),
        (bound(PORT, protocol=UDP), Role.UDP_OPEN),
        (connected(PORT, protocol=UDP), Role.UDP_CONNECTED),
    ],
)
def test_roles(entry, role):
    assert roles(entry) == [role]


@pytest.mark.parametrize(
    "address, local, role",
    [
        (US, US, Role.SERVER_END),
        ("0.0.0.0", US, Role.SERVER_END),
        ("::", US, Role.SERVER_END),
        ("::", "2001:db8::5", Role.SERVER_END),
        ("198.51.100.6", US, Role.CLIENT_END),
        ("0.0.0.0", "2001:db8::5", Role.CLIENT_END),
    ],
)
def test_a_listener_accepts_connections_to_its_addresses(address, local, role):
    assert roles(listener(PORT, address), connected(PORT, local=local))[1] is role


def test_a_v6only_listener_does_not_accept_ipv4():
    only = listener(PORT, "::", v6only=True)
    assert roles(only, connected(PORT))[1] is Role.CLIENT_END
    assert roles(only, connected(PORT, local="2001:db8::5"))[1] is Role.SERVER_END


def test_sockets_with_the_port_at_the_remote_end_are_callers():
    there = connected(40000, remote_port=PORT)
    report = port_report(PORT, [there, connected(PORT)])
    assert [socket.entry for socket in report.sockets] == [connected(PORT)]
    assert [socket.entry for socket in report.callers] == [there]


def test_callers_are_in_order_of_their_roles():
    closed = connected(40000, remote_port=PORT, state=TcpState.TIME_WAIT)
    second, first = (connected(port, remote_port=PORT) for port in (40002, 40001))
    report = port_report(PORT, [closed, second, first])
    assert [socket.entry for socket in report.callers] == [first, second, closed]


def test_a_socket_without_a_remote_end_calls_no_port():
    assert port_report(1, [bound(PORT)]).callers == []


@pytest.mark.parametrize("is_held, size", [(False, 1), (None, 1), (True, 2)])
def test_a_socket_that_no_list_shows_counts_if_it_is_certain(is_held, size):
    report = port_report(PORT, [connected(PORT)], is_held)
    assert (report.port, report.is_held, report.size) == (PORT, is_held, size)


def test_a_connection_accepted_from_the_port_is_a_server_end():
    report = port_report(PORT, [listener(443), connected(443, remote_port=PORT)])
    assert report.sockets == []
    assert [socket.role for socket in report.callers] == [Role.SERVER_END]


def test_the_two_ends_of_a_connection_share_a_number():
    client = connected(PORT, US, 443)
    server = connected(443, US, PORT)
    other = connected(PORT, THEM, 443)
    report = port_report(PORT, [client, server, other])
    numbers = {s.entry: s.connection for s in [*report.sockets, *report.callers]}
    assert numbers == {client: 1, server: 1, other: None}


def test_each_connection_has_a_different_number():
    ends = []
    for port in (40000, 40001, 40002):
        ends += [connected(PORT, US, port), connected(port, US, PORT)]
    report = port_report(PORT, ends)
    numbers = [socket.connection for socket in report.sockets]
    assert sorted(map(str, numbers)) == ["1", "2", "3"]
    assert numbers == [socket.connection for socket in report.callers]


def test_a_connection_to_itself_has_no_number():
    assert port_report(PORT, [connected(PORT, US, PORT)]).sockets[0].connection is None


def test_tcp_and_udp_are_never_two_ends_of_one_connection():
    ends = [connected(PORT, US, 443), connected(443, US, PORT, protocol=UDP)]
    assert port_report(PORT, ends).sockets[0].connection is None


def test_counts_are_of_the_sockets_that_use_the_port():
    report = port_report(
        PORT,
        [
            listener(PORT),
            connected(PORT),
            waiting(PORT),
            connected(PORT, protocol=UDP),
            connected(PORT, remote="192.0.2.8", protocol=UDP),
            connected(443, remote_port=PORT),
            waiting(40000, remote_port=PORT),
            listener(443),
        ],
    )
    assert len(report.sockets) == report.size == 5 and report.listening == 1
    assert report.count(TcpState.ESTABLISHED) == report.count(TcpState.TIME_WAIT) == 1


def test_listeners_come_first():
    entries = [waiting(PORT), bound(PORT), connected(PORT), listener(PORT)]
    assert roles(*entries) == [
        *(Role.LISTENER, Role.SERVER_END, Role.IDLE, Role.TIME_WAIT)
    ]


@pytest.mark.parametrize(
    "entry, has_process",
    [
        (connected(PORT, inode=5, uid=0), True),
        (connected(PORT, inode=0, uid=0), False),
        (connected(PORT, inode=0, uid=0, pid=7), True),
        (connected(PORT), True),
        (waiting(PORT), False),
        (connected(PORT, state=TcpState.SYN_RECV, uid=0), False),
    ],
)
def test_a_socket_has_a_process_or_not(entry, has_process):
    assert PortSocket(entry, Role.CLIENT_END).has_process is has_process


ADDRESSES = st.sampled_from(["127.0.0.1", "::1", US, "0.0.0.0", "::"])
PORTS = st.sampled_from([PORT, 443])
ENTRIES = st.one_of(
    st.builds(connected, PORTS, ADDRESSES, PORTS, ADDRESSES),
    st.builds(listener, PORTS, ADDRESSES),
    st.builds(bound, PORTS, ADDRESSES, st.sampled_from(["tcp", UDP])),
)


@given(st.lists(ENTRIES))
def test_every_socket_of_the_port_is_reported_once_in_any_order(entries):
    report = port_report(PORT, entries)
    assert report == port_report(PORT, entries[::-1])
    assert sorted(map(repr, (s.entry for s in report.sockets))) == sorted(
        repr(entry) for entry in entries if entry.local.port == PORT
    )
    numbers = [s.connection for s in [*report.sockets, *report.callers]]
    assert all(numbers.count(number) >= 2 for number in numbers if number)
