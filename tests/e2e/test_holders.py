"""The line names who holds the most of the missing ports, as the table does."""

import os
import re
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest

from tests.support.needs import BE_ROOT, skip_without
from tests.support.plugin_process import check
from tests.support.sockets import (
    connect,
    held_connections,
    held_sockets,
    held_udp_ports,
    listen,
    open_sockets,
)

OTHER = ("127.0.0.2", 5001)

ALONE = pytest.mark.namespace(ports="40000-40099", host=True)
BINDS = """
import socket, sys
kind = getattr(socket, sys.argv[1])
held = [socket.socket(socket.AF_INET, kind) for _ in range(int(sys.argv[2]))]
for each in held:
    each.bind(("127.0.0.1", 0))
    if sys.argv[3:]:
        each.connect(("127.0.0.2", 5001))
print("ready", flush=True)
sys.stdin.read()
"""

# a sandbox can refuse the descriptors of the first process even to root
WITHOUT_INIT = [
    *("unshare", "--mount", "sh", "-c"),
    'mount -t tmpfs none /proc/1 && exec "$0" "$@"',
]


@contextmanager
def another_process(*arguments):
    """A process that binds sockets and perhaps connects them. Yields its name."""
    command = [sys.executable, "-c", BINDS, *map(str, arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        with open(f"/proc/{process.pid}/comm", encoding="utf-8") as file:
            name = file.read().strip()
        yield f"{name}[{process.pid}]"


def myself():
    with open("/proc/self/comm", encoding="utf-8") as file:
        return f"{file.read().strip()}[{os.getpid()}]"


def assert_largest(holder, ports, *arguments):
    """The line and the first row of the table name this holder."""
    plain, verbose = check(*arguments), check("-v", *arguments)
    for run in (plain, verbose):
        assert f" {holder} holds {ports}" in run.status
    rows = verbose.stdout.partition("holders of the used ports ")[2].splitlines()
    assert re.fullmatch(rf"{re.escape(holder)} +root +{ports}", rows[2])


@ALONE
def test_idle_bound_ports_are_missing_for_connect():
    with held_connections(2), another_process("SOCK_STREAM", 90) as holder:
        assert_largest(holder, 90)


@ALONE
def test_ports_that_were_bound_first_are_missing_for_other_destinations():
    with listen(*OTHER), held_connections(30):
        with another_process("SOCK_STREAM", 60, "connected") as holder:
            assert_largest(holder, 60, "-d", "127.0.0.1:5000", "--probe", "always")


@ALONE
def test_ports_that_are_shared_are_not_missing():
    with listen(*OTHER), held_connections(81):
        with held_sockets(*open_sockets(90, lambda: connect(OTHER))):
            assert_largest(myself(), 81, "-d", "127.0.0.1:5000", "--probe", "always")


@ALONE
def test_every_tcp_socket_is_in_the_way_of_bind():
    with held_connections(30), another_process("SOCK_STREAM", 40) as holder:
        assert_largest(holder, 40, "--bind-critical", "50")


@ALONE
def test_udp_holders_are_named_for_udp():
    with held_connections(40), held_udp_ports(20):
        with another_process("SOCK_DGRAM", 70) as holder:
            assert_largest(holder, 70)


@ALONE
def test_the_unit_of_a_holder_is_named(tmp_path):
    with another_process("SOCK_STREAM", 95) as holder:
        pid = holder.rpartition("[")[2].rstrip("]")
        cgroup = tmp_path / "cgroup"  # as systemd would make it
        cgroup.write_text("0::/system.slice/nginx.service\n")
        there = f"/proc/{pid}/cgroup"
        subprocess.run(["mount", "--bind", str(cgroup), there], check=True)
        run = check("-v")
    assert f" - {holder} in nginx.service holds 95 - " in run.status
    assert re.search(r"^python\S+ +root +95 in nginx\.service$", run.stdout, re.M)


@pytest.fixture
def root():
    if os.geteuid():
        skip_without("root, which sees all processes", BE_ROOT)


@pytest.mark.namespace(ports="40000-40039", users=True)
def test_a_socket_on_its_way_to_another_process_is_held_by_the_kernel(root):
    sender, receiver = socket.socketpair()
    with held_sockets(sender, receiver):
        with socket.socket() as idle:
            idle.bind(("127.0.0.1", 40000))
            socket.send_fds(sender, [b"?"], [idle.fileno()])
        run = check("--bind-warning", "0", "-v", within=WITHOUT_INIT)
        port = check("-p", "40000", "-v", within=WITHOUT_INIT)
    assert " - 1 port of no process, held by the kernel - " in run.status
    assert ", BOUND 127.0.0.1:40000, no process, held by the kernel" in port.status
    assert "root to see" not in run.stdout + port.stdout


@ALONE
def test_a_process_outside_of_the_container_is_known_by_its_user():
    within = ["unshare", "--pid", "--fork", "--mount-proc"]
    with held_udp_ports(95):
        run = check(within=within)
    assert " - a process of root holds 95 - " in run.status


@ALONE
def test_without_an_alarm_each_protocol_has_its_table():
    with held_connections(3), held_udp_ports(2):
        run = check("-v")
    mine = re.escape(myself())
    for scope, ports in (("to 127.0.0.1:5000", 3), ("for UDP", 2)):
        table = (
            rf"holders of the used ports {scope}\n"
            rf"holder +user +ports\n{mine} +root +{ports}\n"
        )
        assert re.search(table, run.stdout), run.stdout
