"""The sockets of some ports, compared with the lists of other tools."""

import os
import re
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager

import pytest

from check_ephemeral_port.model.ports import MAX_PARTS, PortRange, ports_in
from check_ephemeral_port.model.sockets import TcpState, endpoint
from check_ephemeral_port.system.errors import SystemReadError
from check_ephemeral_port.system.processes import find_pids
from check_ephemeral_port.system.sockets.of_ports import (
    list_ports_by_psutil,
    list_ports_by_sock_diag,
    list_sockets_of_ports,
)
from tests.support.needs import INSTALL, need_program
from tests.support.seccomp import refuse_netlink
from tests.support.sockets import (
    bind,
    bind_udp,
    connect,
    connect_udp,
    established,
    held_sockets,
    listen,
    time_wait,
)

PORT = 45000
BOTH = ("tcp", "udp")
ALONE = pytest.mark.namespace(ports="40000-40999")


def bound(address, kind=socket.SOCK_STREAM, reuse=None, port=PORT):
    holder = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    if reuse:
        holder.setsockopt(socket.SOL_SOCKET, reuse, 1)
    holder.bind((address, port))
    return holder


@contextmanager
def everything():
    """Sockets of every kind with the port, and sockets without it."""
    held = [
        bound("127.0.0.1", reuse=socket.SO_REUSEPORT),
        bound("127.0.0.1", reuse=socket.SO_REUSEPORT),
        bound("::1"),
        bound("127.0.0.9"),  # idle
        bound("::", socket.SOCK_DGRAM),
        connect_udp(("127.0.0.1", PORT)),
        connect_udp(("::1", PORT)),
    ]
    for server in held[:3]:
        server.listen()
    for address in ("127.0.0.1", "::1"):
        held.append(connect((address, PORT)))
    outside = [listen("127.0.0.1", 5001), listen("::", 5002), bind(), bind_udp()]
    outside += established(outside[0], connect(("127.0.0.1", 5001)))
    v4_mapped = listen("::", 5003)
    client = bound("127.0.0.5")
    client.connect(("127.0.0.1", 5003))
    held += [v4_mapped, client, v4_mapped.accept()[0]]
    closing = bound("127.0.0.6", port=5004)
    closing.listen()
    time_wait(1, closing, lambda: connect(("127.0.0.6", 5004)))
    with held_sockets(*held, *outside, closing):
        yield


def only(port):
    """A list of one port."""
    return [PortRange(port, port)]


def of_port(entries, port=PORT):
    return [
        entry
        for entry in entries
        if port in (entry.local.port, entry.remote and entry.remote.port)
    ]


def ends(entries):
    return sorted(
        (entry.protocol, str(entry.local), str(entry.remote or "-"))
        for entry in entries
    )


def shown_by_ss(port):
    """Both ends of the sockets that ``ss`` shows, v4-mapped addresses as IPv4."""
    found = []
    for protocol, option in (("tcp", "-Htan"), ("udp", "-Huan")):
        filtered = ["ss", option, f"sport = :{port} or dport = :{port}"]
        done = subprocess.run(filtered, capture_output=True, text=True, check=True)
        for line in done.stdout.splitlines():
            local, remote = line.split()[3:5]
            found.append((protocol, plain(local), plain(remote)))
    return sorted(found)


def plain(text):
    address, _, port = text.rpartition(":")
    if port == "*":
        return "-"
    return str(endpoint({"*": "::"}.get(address, address.strip("[]")), int(port)))


@ALONE
@pytest.mark.parametrize("port", [PORT, 5003, 5004])
def test_the_same_sockets_as_ss(port):
    with everything():
        listed = of_port(list_ports_by_sock_diag(only(port), BOTH).entries, port)
        idle = [entry for entry in listed if entry.state is TcpState.BOUND]
        assert len(idle) == (port == PORT)
        others = [entry for entry in listed if entry not in idle]
        # newer versions of ss also show idle sockets
        assert shown_by_ss(port) in (ends(others), ends(listed)) and others


@pytest.fixture
def lsof():
    need_program("lsof", INSTALL + "lsof")


@ALONE
@pytest.mark.usefixtures("lsof")
def test_the_same_sockets_and_processes_as_lsof():
    command = ["lsof", "-nP", "-i", f":{PORT}", "-F", "pPn"]
    with everything():
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        listed = find_pids(
            of_port(list_ports_by_sock_diag(only(PORT), BOTH).entries)
        ).entries
    pids, shown, protocol = set(), [], ""
    for line in done.stdout.splitlines():
        if line[0] == "p":
            pids.add(int(line[1:]))
        elif line[0] == "P":
            protocol = line[1:].lower()
        elif line[0] == "n":
            local, _, remote = line[1:].partition("->")
            shown.append((protocol, plain(local), plain(remote or ":*")))
    with_process = [entry for entry in listed if entry.pid]
    assert pids == {entry.pid for entry in with_process} == {os.getpid()}
    # lsof also omits idle sockets, or shows them without their address
    with_process = [e for e in with_process if e.state is not TcpState.BOUND]
    assert ends(with_process) == sorted(shown)


@ALONE
def test_psutil_lists_the_same_except_idle_sockets():
    with everything():
        by_psutil = of_port(list_ports_by_psutil(only(PORT), BOTH).entries)
        by_kernel = find_pids(
            of_port(list_ports_by_sock_diag(only(PORT), BOTH).entries)
        ).entries
    visible = [entry for entry in by_kernel if entry.state is not TcpState.BOUND]
    assert sorted(map(plain_fields, by_psutil)) == sorted(map(plain_fields, visible))


def plain_fields(entry):
    state = entry.state and entry.state.value
    return (*ends([entry])[0], str(state), entry.pid or 0)


@ALONE
@pytest.mark.parametrize("list_port", [list_ports_by_sock_diag, list_ports_by_psutil])
def test_of_other_ports_only_listeners_are_listed(list_port):
    with everything():
        entries = list_port(only(PORT), BOTH).entries
    others = [entry for entry in entries if entry not in of_port(entries)]
    assert {entry.state for entry in others} == {TcpState.LISTEN}
    assert sorted(e.local.port for e in others) == [5001, 5002, 5003, 5004]


@ALONE
@pytest.mark.parametrize("sampler", ["auto", "sock_diag", "psutil"])
@pytest.mark.parametrize("protocol", BOTH)
def test_one_protocol(sampler, protocol):
    with everything():
        found = list_sockets_of_ports(only(PORT), [protocol], sampler)
    assert {entry.protocol for entry in found.entries} == {protocol}


@ALONE
def test_time_wait_has_an_age():
    begin = time.monotonic()
    with everything():
        entries = list_ports_by_sock_diag(only(5004), ["tcp"]).entries
    elapsed = time.monotonic() - begin
    (in_time_wait,) = [entry for entry in entries if entry.state is TcpState.TIME_WAIT]
    age = in_time_wait.time_wait_age_seconds
    # the kernel counts in ticks of up to 10 ms
    assert age is not None and 0 <= age < elapsed + 0.02


@ALONE
def test_the_filter_takes_the_lowest_and_the_highest_port():
    with ExitStack() as stack:
        for port in (1, 65535):
            stack.enter_context(bound("127.0.0.1", port=port))
            (entry,) = list_ports_by_sock_diag(only(port), BOTH).entries
            assert entry.local == ("127.0.0.1", port)


@ALONE
def test_psutil_is_used_if_sock_diag_is_refused():
    with everything():
        usual = list_sockets_of_ports(only(5003))
        refuse_netlink()
        found = list_sockets_of_ports(only(5003))
        with pytest.raises(
            SystemReadError, match="sock_diag: .*Operation not permitted"
        ):
            list_sockets_of_ports(only(5003), sampler="sock_diag")
    assert ends(found.entries) == ends(usual.entries)
    assert (usual.sampler, usual.notes) == ("sock_diag", [])
    assert found.sampler.startswith("psutil ")
    assert re.match("less exact, without sock_diag: .*not permitted", found.notes[0])
    assert "neither idle sockets" in found.notes[1]


@ALONE
@pytest.mark.parametrize("list_ports", [list_ports_by_sock_diag, list_ports_by_psutil])
def test_the_ports_of_a_list_are_those_of_all_its_ranges(list_ports):
    # each second of 200 ports, and as many ranges as can be asked for
    spans = [PortRange(port, port) for port in range(44000, 44196, 2)]
    spans += [PortRange(45000, 45004), PortRange(45010, 45010)]
    assert len(spans) == MAX_PARTS
    ports = [
        43999,
        44000,
        44001,
        44194,
        44195,
        44999,
        45000,
        45003,
        45004,
        45005,
        45010,
    ]
    servers = [listen("127.0.0.1", port) for port in ports]
    client = connect(("127.0.0.1", 45003))
    caller = client.getsockname()[1]
    with held_sockets(*servers, client):
        entries = list_ports(spans, BOTH).entries
    listed = {e.local.port for e in entries if e.state is TcpState.LISTEN}
    assert listed == {*ports}  # all listeners
    others = [e for e in entries if e.state is not TcpState.LISTEN]
    assert {e.local.port for e in others} == {caller, 45003}


@ALONE
def test_only_sockets_at_a_port_of_the_list_are_listed():
    udp = [socket.socket(type=socket.SOCK_DGRAM) for _ in range(10)]
    for number, holder in enumerate(udp):
        holder.bind(("127.0.0.1", 45000 + number))
    with held_sockets(*udp):
        for spans in (
            [PortRange(45002, 45004)],
            [PortRange(45000, 45000), PortRange(45003, 45005), PortRange(45009, 45010)],
            [PortRange(1, 44999)],
            [PortRange(1, 65535)],
        ):
            entries = list_ports_by_sock_diag(spans, ["udp"]).entries
            found = sorted(entry.local.port for entry in entries)
            assert found == sorted(ports_in(spans) & {*range(45000, 45010)})
