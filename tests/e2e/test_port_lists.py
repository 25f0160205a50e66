"""``--port`` with lists, names of services and network namespaces."""

import os
import re
import socket
from contextlib import ExitStack, contextmanager

import pytest

from check_ephemeral_port.plugin.port.summaries import UNLISTED
from tests.support.namespace import add_namespace, hold_namespace, run_inside
from tests.support.plugin_process import assert_plain, assert_unknown, check, with_stub
from tests.support.sockets import connect, held_sockets, listen

ALONE = pytest.mark.namespace(ports="32768-60999")
HOST = pytest.mark.namespace(ports="40000-40039", host=True)
STRANGER = ["unshare", "--map-root-user"]
PORTS = ("-p", "8000-8010,9000")


def myself():
    with open("/proc/self/comm", encoding="utf-8") as file:
        return f"{file.read().strip()}[{os.getpid()}] (root)"


@contextmanager
def some_ports():
    """A listener with a connection on 8001, an idle socket on 8003."""
    with listen(port=8001), connect(("127.0.0.1", 8001)), socket.socket() as idle:
        idle.bind(("127.0.0.1", 8003))
        yield


@ALONE
def test_a_list_without_a_socket():
    run = check(*PORTS)
    assert (run.exit_code, run.stderr) == (0, "")
    assert run.stdout == (
        "EPHEMERAL_PORT OK - none of 12 ports in use - outside the ephemeral range"
        " 32768-60999 | established=0;;;0 listening=0;;;0 ports_used=0;;;0;12"
        " sockets=0;;;0 time_wait=0;;;0\n"
    )


@ALONE
def test_a_list_in_one_line():
    with some_ports():
        run = check(*PORTS)
    assert (run.exit_code, run.stderr) == (0, "")
    assert run.stdout == (
        "EPHEMERAL_PORT OK - 2 of 12 ports in use, 8001,8003 - 3 sockets (1 LISTEN,"
        f" 1 ESTABLISHED, 1 BOUND), first LISTEN 127.0.0.1:8001, {myself()}"
        " - outside the ephemeral range 32768-60999"
        " | established=1;;;0 listening=1;;;0 ports_used=2;;;0;12 sockets=3;;;0"
        " time_wait=0;;;0\n"
    )


@ALONE
@pytest.mark.parametrize("sampler", ["sock_diag", "psutil"])
def test_the_table_has_a_row_for_each_port_in_use(sampler):
    with some_ports():
        run = check(*PORTS, "-v", "--sampler", sampler)
    table, free, listed = run.stdout.split("\n", 1)[1].split("\n\n")
    assert [re.split(r"  +", line.strip()) for line in table.splitlines()] == [
        ["port", "state", "sockets", "first holder"],
        ["8001", "listening", "2", myself()],
        ["8003", "used", "1", myself()],
    ]
    assert free == "not in use: 8000, 8002, 8004-8010, 9000"
    assert listed.startswith(f"listed by {sampler}")


@ALONE
def test_long_tables_are_cut_and_fit_80_columns():
    with ExitStack() as held:
        for port in range(8000, 8030):
            held.enter_context(listen(port=port))
        short, long = (check("-p", "1-65535", v) for v in ("-v", "-vvv"))
        two = check("-p", "1-65535", "-v", "--top", "2")
    assert [run.stdout.count(" listening ") for run in (short, long, two)] == [
        20,
        30,
        2,
    ]
    assert "\nand 10 more (--top shows more rows)\n" in short.stdout
    assert max(map(len, long.stdout.splitlines()[1:])) <= 80
    assert "28232 of them in the ephemeral range 32768-60999" in long.status
    assert (
        "30 of 65535 ports in use, 8000-8029 - 30 sockets (30 LISTEN), fi"
        in long.status
    )


@ALONE
@pytest.mark.parametrize(
    "arguments, exit_code, problem",
    [
        (
            ["8000-8010", "free"],
            2,
            "expected free, but 2 of 11 ports are not, 8001,8003",
        ),
        (["8000,8002", "free"], 0, ""),
        (["8001,8003", "used"], 0, ""),
        (["8000-8001", "used"], 2, "expected used, but 1 of 2 ports is not, 8000"),
        (["8001,8003", "listening"], 2, "but 1 of 2 ports is not, 8003"),
        (["8001", "listening"], 0, ""),
    ],
)
def test_every_port_of_a_list_must_be_as_expected(arguments, exit_code, problem):
    ports, expected = arguments
    with some_ports():
        run = check("-p", ports, "--expect", expected)
    assert run.exit_code == exit_code
    assert_plain(run)
    assert (" - expected " in run.status) == bool(problem)
    assert problem in run.status
    # the list of ports is not there twice
    assert expected != "free" or " OK " in run.status or " in use" not in run.status


@ALONE
def test_thresholds_count_the_sockets_of_all_ports():
    with some_ports():
        run = check(*PORTS, "-w", "2", "-c", "5")
    assert run.exit_code == 1
    assert " WARNING - 3 sockets use the ports (above 2) - 2 of 12 ports" in run.status
    assert run.perfdata_fields["sockets"] == "3;2;5;0"


@pytest.mark.namespace(ports="60000-60999", host=True)
def test_a_port_of_a_list_that_may_be_held_is_never_called_free(tmp_path):
    # psutil lists no idle sockets, like the kernel before Linux 6.8
    stub = "import os\nos.geteuid = lambda: 65534\n"
    env = with_stub(tmp_path, "sitecustomize", stub)
    arguments = ("-p", "5555,60840", "--sampler", "psutil", "--expect", "free")
    with socket.socket() as idle:
        idle.bind(("127.0.0.1", 60840))
        root, other = check(*arguments), check(*arguments, env=env)
        idle.close()
        nothing = check(*arguments, env=env)
    assert "2 ports is not, 60840 - 1 socket, BOUND 127.0.0.1:60840, " in root.status
    assert other.exit_code == 2 and "5555 perhaps" in other.status
    assert nothing.exit_code == 0
    with socket.socket() as idle:
        idle.bind(("127.0.0.1", 5555))
        run = check("-p", "5554-5555", *arguments[2:], env=env)
    assert run.exit_code == 3
    assert "but 2 of 2 ports are perhaps not, 5554-5555 - " in run.status
    assert UNLISTED in run.status


# names


@ALONE
def test_names_of_services_are_ports(tmp_path):
    (tmp_path / "services").write_text("db 8001/tcp\ndb 8002/udp\nlog 8003/udp\n")
    script = f'mount --bind {tmp_path} /etc && exec "$0" "$@"'
    within = ["unshare", "-rm", "sh", "-c", script]
    with listen(port=8001), connect(("127.0.0.1", 8001)):
        run = check("-p", "db", within=within)
        both = check("-p", "db,log", within=within)
        udp = check("-p", "db", "--protocol", "udp", within=within)
        there = check("-p", "db", "-H", "127.0.0.1", within=within)
        to = check("-d", "127.0.0.1:db", "-d", "127.0.0.1:8001", within=within)
        none = check("-p", "log", "--protocol", "tcp", within=within)
    assert " OK - port 8001 is user by IANA, db, " in run.status
    assert " OK - 1 of 2 ports in use, 8001 - " in both.status
    assert " OK - port 8002 is user by IANA, db, " in udp.status
    assert " OK - port 8001 of 127.0.0.1 is open after " in there.status
    assert " ports to 127.0.0.1:8001 used, " in to.status
    assert to.stdout.count("'tcp_connect_127.0.0.1:8001'=") == 1
    assert_unknown(
        none, "the system knows no tcp service 'log', give the number of its"
    )


# network namespaces


@contextmanager
def listening_in(path, *ports):
    with held_sockets(*run_inside([path], lambda: [listen(port=p) for p in ports])):
        yield


@HOST
@pytest.mark.parametrize("kind", ["name", "pid"])
def test_a_port_of_a_namespace(kind):
    holder = hold_namespace("50000-50999")
    path = f"/proc/{holder.pid}/ns/net"
    asked = str(holder.pid)
    if kind == "name":
        asked, path = "web", add_namespace("web", "50000-50999")
    with listening_in(path, 50500):
        inside = check("-p", "50500", "--netns", asked)
        several = check("-p", "50500-50501", "--netns", asked)
        outside = check("-p", "50500")
    assert (inside.exit_code, inside.stderr) == (0, "")
    assert inside.status == (
        f"EPHEMERAL_PORT OK - port 50500 in netns {asked} is dynamic by IANA, in the"
        " ephemeral range 50000-50999 - 1 socket, LISTEN 127.0.0.1:50500, " + myself()
    )
    assert several.status == (
        f"EPHEMERAL_PORT OK - 1 of 2 ports in use, 50500 in netns {asked} - 1 socket,"
        f" LISTEN 127.0.0.1:50500, {myself()} - in the ephemeral range 50000-50999"
    )
    assert outside.status.endswith(
        "outside the ephemeral range 40000-40039 - not in use"
    )


@HOST
def test_which_namespaces_have_the_port():
    web, db = (add_namespace(name, "50000-50999") for name in ("web", "db"))
    with listening_in(web, 8001, 8002), listening_in(db, 8001):
        run = check("-p", "8001", "--all-netns", "-v")
        only = check("-p", "8002", "--all-netns", "--expect", "listening")
        free = check("-p", "8001", "--all-netns", "--expect", "free")
        several = check("-p", "8000-8002", "--all-netns", "-v")
        none = check("-p", "8003", "--all-netns", "--expect", "free")
    assert (run.exit_code, run.stderr) == (0, "")
    assert run.status == (
        "EPHEMERAL_PORT OK - port 8001 is in use in 2 of 3 network namespaces, db, web"
        " - 2 sockets (2 LISTEN), first LISTEN 127.0.0.1:8001,"
        f" {myself()} in netns db - user by IANA"
    )
    assert run.perfdata == {
        "established": 0,
        "listening": 2,
        "sockets": 2,
        "time_wait": 0,
        "netns": 3,
        "netns_failed": 0,
    }
    rows = [line.split()[:4] for line in several.stdout.splitlines()[2:5]]
    assert rows == [
        ["db", "8001", "listening", "1"],
        ["web", "8001", "listening", "1"],
        ["web", "8002", "listening", "1"],
    ]
    assert " OK - 2 of 3 ports in use, 8001-8002 in 2 of 3 network" in several.status
    assert (
        only.exit_code == 0 and " in 1 of 3 network namespaces, web - " in only.status
    )
    assert free.exit_code == 2
    assert "CRITICAL - expected free, found listening - port 8001 is in " in free.status
    assert none.exit_code == 0
    assert "port 8003 is not in use in any of 3 network namespaces - " in none.status


@HOST
def test_a_namespace_that_cannot_be_entered_makes_the_answer_unknown():
    add_namespace("web", "50000-50999")
    run = check("-p", "8001", "--all-netns", within=STRANGER)
    assert (run.exit_code, run.stderr) == (3, "")
    assert "UNKNOWN - cannot inspect 1 of 2 network namespaces (web), " in run.status
    assert_plain(run)
    with listen(port=8001):
        run = check("-p", "8001", "--all-netns", "--expect", "free", within=STRANGER)
    assert run.exit_code == 2
    assert (
        "CRITICAL - expected free, found listening - cannot inspect 1 of" in run.status
    )
    one = check("-p", "8001", "--netns", "web", within=STRANGER)
    assert_unknown(one, "cannot enter network namespace /run/netns/web")
