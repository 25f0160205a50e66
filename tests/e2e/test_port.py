"""``--port`` on this host: the installed program reports real sockets."""

import ctypes
import os
import re
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack, contextmanager

import pytest

from check_ephemeral_port.plugin.port.summaries import UNLISTED
from tests.support.namespace import add_address, set_sysctl
from tests.support.plugin_process import check, with_stub
from tests.support.sockets import (
    connect,
    established,
    held_connections,
    held_sockets,
    listen,
    time_wait,
)

PR_SET_NAME = 15
OK, CRITICAL, UNKNOWN = 0, 2, 3
CLIENT, SERVER = ("198.51.100.5", 60840), ("192.0.2.7", 8443)

# a namespace with only the sockets of the test
ALONE = pytest.mark.namespace(ports="32768-60999")


@contextmanager
def a_connection():
    """A listener and both ends of a connection from port 60840."""
    add_address(f"{CLIENT[0]}/32")
    add_address(f"{SERVER[0]}/32")
    with listen(*SERVER) as server:
        client = socket.create_connection(SERVER, source_address=CLIENT)
        with held_sockets(*established(server, client)):
            yield


def myself(pid=None):
    """How the check names the process that runs the test, and its user."""
    with open("/proc/self/comm", encoding="utf-8") as file:
        return f"{file.read().strip()}[{pid or os.getpid()}] (root)"


def rows(run, protocol):
    """The table rows of one protocol, each in one piece."""
    text = re.sub(r"\n {3,}", "  ", run.stdout)
    return [
        re.split(r"\s{2,}", line)
        for line in text.split("\n")
        if line.startswith(f"{protocol} ")
    ]


@ALONE
def test_a_free_port():
    run = check("-p", "60840")
    assert (run.exit_code, run.stderr) == (0, "")
    assert run.stdout == (
        "EPHEMERAL_PORT OK - port 60840 is dynamic by IANA, in the ephemeral range"
        " 32768-60999 - not in use"
        " | established=0;;;0 listening=0;;;0 sockets=0;;;0 time_wait=0;;;0\n"
    )


@ALONE
@pytest.mark.parametrize(
    "port, words",
    [
        ("1023", "system by IANA, outside the ephemeral range 32768-60999 - "),
        ("1024", "user by IANA, outside the ephemeral range 32768-60999 - "),
        ("40000", "user by IANA, in the ephemeral range 32768-60999 - "),
        ("60840", "dynamic by IANA, in the ephemeral range 32768-60999 - "),
        ("61000", "dynamic by IANA, outside the ephemeral range 32768-60999 - "),
    ],
)
def test_what_the_port_is(port, words):
    assert f"port {port} is {words}" in check("-p", port).status


@ALONE
def test_a_reserved_port_is_reported():
    set_sysctl("ip_local_reserved_ports", "60840")
    assert "60999, but reserved by ip_local_reserved_ports - " in (
        check("-p", "60840").status
    )


@ALONE
def test_the_client_of_a_connection_in_one_line():
    with a_connection():
        run = check("--port", "60840")
    assert (run.exit_code, run.stderr) == (0, "")
    assert run.stdout == (
        "EPHEMERAL_PORT OK - port 60840 is dynamic by IANA, in the ephemeral range"
        " 32768-60999 - 1 socket, ESTABLISHED 198.51.100.5:60840 -> 192.0.2.7:8443,"
        f" {myself()}, 1 connected to port 60840"
        " | established=1;;;0 listening=0;;;0 sockets=1;;;0 time_wait=0;;;0\n"
    )


@ALONE
def test_both_ends_of_a_connection_are_distinguished():
    with a_connection():
        run = check("-p", "8443", "-v", "--protocol", "tcp")
    listener, server_end, client_end = rows(run, "tcp")
    ends = ["192.0.2.7:8443", "198.51.100.5:60840"]
    assert listener == ["tcp", "LISTEN", ends[0], "-", "listener", myself()]
    assert server_end == ["tcp", "ESTABLISHED", *ends, "server #1", myself()]
    assert client_end[:5] == ["tcp", "ESTABLISHED", *ends[::-1], "client #1"]
    used, _, callers = run.stdout.partition("\nconnected to port 8443:\n")
    assert "server #1" in used and "client #1" in callers
    counts = {"sockets": 2, "listening": 1, "established": 1, "time_wait": 0}
    assert run.perfdata == counts


@ALONE
def test_the_same_connection_seen_from_the_port_of_the_client():
    with a_connection():
        run = check("-p", "60840", "-v")
    client_end, server_end = rows(run, "tcp")
    assert client_end[4] == "client #1" and server_end[4] == "server #1"


@ALONE
def test_time_wait_has_an_age_and_no_process():
    server, ports = listen(), []

    def client():
        made = connect(("127.0.0.1", 5000))
        ports.append(made.getsockname()[1])
        return made

    time_wait(1, server, client)
    (port,) = ports
    time.sleep(1.2)
    run = check("-p", str(port), "-v")
    expected = f"1 socket, TIME_WAIT 127.0.0.1:{port} -> 127.0.0.1:5000, for "
    assert expected in run.status
    assert run.perfdata["time_wait"] == 1
    (row,) = rows(run, "tcp")
    assert row[1] == "TIME_WAIT" and row[4] == "closed"
    assert row[5] in ("for 1 s", "for 2 s")


@ALONE
def test_a_socket_that_is_bound_but_idle_is_found():
    with socket.socket() as idle:
        idle.bind(("127.0.0.1", 60840))
        run = check("-p", "60840", "-v")
        assert rows(run, "tcp") == [
            ["tcp", "BOUND", "127.0.0.1:60840", "-", "idle", myself()]
        ]
        assert run.perfdata["sockets"] == 1


@ALONE
def test_a_kernel_that_lists_no_idle_sockets_may_still_have_some():
    note = "note: bound but idle TCP sockets are visible from Linux 6.8 on"
    old = check("-p", "60840", "-v", within=["setarch", "--uname-2.6"])
    assert old.exit_code == 0 and note in old.stdout
    assert note not in check("-p", "60840", "-v").stdout


@ALONE
def test_udp_ipv6_and_v4_mapped():
    with ExitStack() as stack:
        udp = stack.enter_context(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
        udp.bind(("::1", 60840))
        peer = stack.enter_context(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
        peer.connect(("::1", 60840))
        server = stack.enter_context(socket.socket(socket.AF_INET6))
        server.bind(("::", 60840))
        server.listen()
        client = stack.enter_context(socket.create_connection(("127.0.0.1", 60840)))
        accepted = stack.enter_context(server.accept()[0])
        assert accepted.getsockname()[0] == "::ffff:127.0.0.1"
        run = check("-p", "60840", "-v")
        here, there = run.stdout.split("connected to port 60840:")
        local, remote = "127.0.0.1:60840", f"127.0.0.1:{client.getsockname()[1]}"
        assert [row[1:5] for row in rows(run, "tcp")] == [
            ["LISTEN", "[::]:60840", "-", "listener"],
            ["ESTABLISHED", local, remote, "server #1"],
            ["ESTABLISHED", remote, local, "client #1"],
        ]
        assert [row[1:5] for row in rows(run, "udp")] == [
            ["-", "[::1]:60840", "-", "unconnected"],
            ["-", f"[::1]:{peer.getsockname()[1]}", "[::1]:60840", "connected"],
        ]
        assert "connected" in there and "unconnected" in here
        assert run.perfdata["sockets"] == 3
        assert check("-p", "60840", "--protocol", "udp").perfdata["sockets"] == 1


@ALONE
def test_listeners_that_share_a_port_are_all_counted():
    with socket.socket() as one, socket.socket() as other:
        for server in (one, other):
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            server.bind(("127.0.0.1", 60840))
            server.listen()
        run = check("-p", "60840")
    assert "2 sockets (2 LISTEN), first LISTEN 127.0.0.1:60840, " in run.status
    assert run.perfdata["listening"] == 2


@ALONE
def test_a_connection_to_itself():
    with socket.socket() as client:
        client.bind(("127.0.0.1", 60840))
        client.connect(("127.0.0.1", 60840))
        run = check("-p", "60840", "-v")
        (row,) = rows(run, "tcp")
        assert row[4] == "itself" and run.perfdata["sockets"] == 1


@ALONE
def test_a_connection_that_waits_to_be_accepted_has_no_process():
    with held_connections(1):
        _, waits, client = rows(check("-p", "5000", "-v"), "tcp")
    assert waits[4:] == ["server #1", "no process"]
    assert client[5].endswith("(root)")


@ALONE
@pytest.mark.parametrize(
    "expected, exit_codes",
    # no socket, a socket that is bound but idle, a listener
    [("free", [0, 2, 2]), ("used", [2, 0, 0]), ("listening", [2, 2, 0])],
)
def test_expectations(expected, exit_codes):
    arguments = ("-p", "60840", "--expect", expected)
    runs = [check(*arguments)]
    with socket.socket() as server:
        server.bind(("127.0.0.1", 60840))
        runs.append(check(*arguments))
        server.listen()
        runs.append(check(*arguments))
    assert [run.exit_code for run in runs] == exit_codes
    for run, found in zip(runs, ("free", "used", "listening")):
        words = f"CRITICAL - expected {expected}, found {found} - "
        assert (words in run.status) == (run.exit_code == 2)


@pytest.fixture(params=["root", "another user"])
def user(request, tmp_path):
    """Arguments to run the program as this user."""
    if request.param == "root":
        return {}
    stub = "import os\nos.geteuid = lambda: 65534\n"
    return {"env": with_stub(tmp_path, "sitecustomize", stub)}


@pytest.mark.namespace(ports="60000-60999", host=True)
@pytest.mark.parametrize("port, inside", [(60840, True), (5555, False)])
def test_a_port_is_never_called_free_if_no_list_shows_its_socket(port, inside, user):
    def expect(what):
        # psutil lists no idle sockets, like the kernel before Linux 6.8
        run = check("-p", str(port), "--sampler", "psutil", "--expect", what, **user)
        return run.exit_code, run.status.split(" - ")[2]

    nothing = expect("free")
    with socket.socket() as idle, socket.socket() as other:
        other.bind(("127.0.0.1", 45000))
        beside = expect("free")
        idle.bind(("127.0.0.1", port))
        held, used = expect("free"), expect("used")
    assert nothing == (OK, "not in use")
    if user and not inside:
        assert beside == held == used == (UNKNOWN, f"perhaps in use by {UNLISTED}")
        return
    assert beside == nothing
    assert (held[0], used[0]) == (CRITICAL, OK)
    for _, text in (held, used):
        if user:
            assert text == f"in use by {UNLISTED}"
        else:
            assert text == f"1 socket, BOUND 127.0.0.1:{port}, {myself()}"


@ALONE
@pytest.mark.parametrize(
    "thresholds, exit_code, reason",
    [
        (["-w", "3", "-c", "500"], 0, ""),
        (["-w", "2", "-c", "500"], 1, "3 sockets use the port (above 2) - "),
        (["-w", "1", "-c", "2"], 2, "3 sockets use the port (above 2) - "),
        (["-c", "4:"], 2, "3 sockets use the port (below 4) - "),
        (["-w", "@3:3"], 1, "3 sockets use the port (within 3 to 3) - "),
    ],
)
def test_thresholds_are_numbers_of_sockets(thresholds, exit_code, reason):
    with ExitStack() as stack:
        for address in ("127.0.0.1", "127.0.0.2", "127.0.0.3"):
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            stack.enter_context(udp).bind((address, 60840))
        run = check("-p", "60840", *thresholds)
    assert run.exit_code == exit_code
    assert f" - {reason}" in run.status
    asked = dict(zip(thresholds[::2], thresholds[1::2]))
    assert run.perfdata_fields["sockets"] == (
        f"3;{asked.get('-w', '')};{asked.get('-c', '')};0"
    )


@ALONE
@pytest.mark.parametrize("addresses", [["127.0.0.1", "127.0.0.2"], ["::1"]])
def test_tables_fit_80_columns(addresses):
    ctypes.CDLL(None).prctl(PR_SET_NAME, b"fifteen-letters", 0, 0, 0)
    servers = [listen(address, 60840) for address in addresses]
    clients = [connect((address, 60840)) for address in addresses]
    with held_sockets(*servers, *clients):
        run, plain = check("-p", "60840", "-vvv"), check("-p", "60840")
    assert max(map(len, run.stdout.split("\n")[1:])) <= 80
    assert len(rows(run, "tcp")) == 3 * len(addresses)
    assert "listing the sockets" in run.stdout
    assert run.stdout.split("\n")[0] == plain.stdout.rstrip("\n")


@ALONE
def test_the_longest_addresses_take_lines_of_their_own():
    address = "2001:db8:1111:2222:3333:4444:5555:6666"
    add_address(f"{address}/128")
    with listen(address, 60840), connect((address, 60840)) as client:
        port = client.getsockname()[1]
        run = check("-p", "60840", "-v")
    assert max(map(len, run.stdout.split("\n")[1:])) <= 80
    assert rows(run, "tcp")[1][2:4] == [
        f"[{address}]:60840",
        f"[{address}]:{port}",
    ]


@ALONE
def test_a_busy_port_has_some_rows_and_says_how_many_more():
    def shown(*arguments):
        return len(rows(check("-p", "60840", *arguments), "tcp"))

    with held_connections(30, ("127.0.0.1", 60840)):
        assert [shown("-v"), shown("-vv"), shown("-v", "--top", "2")] == [40, 61, 4]
        run = check("-p", "60840", "-v")
    assert "and 11 more" in run.stdout and "and 10 more" in run.stdout
    assert "31 sockets (1 LISTEN, 30 ESTABLISHED), first LISTEN" in run.status


@ALONE
def test_a_hostile_process_name_breaks_nothing():
    ctypes.CDLL(None).prctl(PR_SET_NAME, b"a|b\n\x1b[31m<i>", 0, 0, 0)
    with listen("127.0.0.1", 60840), connect(("127.0.0.1", 60840)):
        run = check("-p", "60840", "-v")
    first, others = run.stdout.split("\n", 1)
    assert first.count("|") == 1 and "|" not in others
    assert run.stdout.isascii() and not set("<>'\x1b") & set(run.stdout)
    assert f"[{os.getpid()}] (root)" in first


@ALONE
def test_neither_command_lines_nor_environments_are_printed():
    program = "import socket, time; s = socket.socket();"
    program += "s.bind(('127.0.0.1', 60840)); s.listen(); print(flush=True);"
    child = subprocess.Popen(
        ["python3", "-c", program + "time.sleep(60)", "--password=hush-argument"],
        env={**os.environ, "TOKEN": "hush-environment"},
        stdout=subprocess.PIPE,
    )
    try:
        child.stdout.readline()
        run = check("-p", "60840", "-vvv")
        assert f"[{child.pid}]" in run.stdout and "hush" not in run.stdout
    finally:
        child.kill()
        child.wait()


@ALONE
def test_a_title_that_a_process_gives_itself_is_not_printed():
    # as programs do that show their current task in their command line
    program = "import ctypes, socket, time; s = socket.socket();"
    program += "s.bind(('127.0.0.1', 60840)); s.listen();"
    program += f"ctypes.CDLL(None).prctl({PR_SET_NAME}, b'worker-of-pool7', 0, 0, 0);"
    child = subprocess.Popen(
        ["worker-of-pool7 hush", "-c", program + "print(flush=True); time.sleep(60)"],
        executable=shutil.which("python3"),
        stdout=subprocess.PIPE,
    )
    try:
        child.stdout.readline()
        for sampler in ("psutil", "sock_diag"):
            run = check("-p", "60840", "-v", "--sampler", sampler)
            assert f" worker-of-pool7[{child.pid}] (root)" in run.status
            assert "hush" not in run.stdout
    finally:
        child.kill()
        child.wait()


@ALONE
def test_without_privilege_only_the_processes_are_missing():
    with listen("127.0.0.1", 60840), connect(("127.0.0.1", 60840)):
        privileged, unprivileged = (
            check("-p", "60840", "-v", within=within)
            for within in ([], ["unshare", "--user"])
        )
    assert (unprivileged.exit_code, unprivileged.stderr) == (0, "")
    assert unprivileged.perfdata_fields == privileged.perfdata_fields
    assert [row[:5] for row in rows(unprivileged, "tcp")] == [
        row[:5] for row in rows(privileged, "tcp")
    ]
    assert ", a process of nobody, 1 conn" in unprivileged.status
    assert "a process without a name: try as root to see" in unprivileged.stdout
    assert "try as root" not in privileged.stdout


@ALONE
def test_no_hint_if_nothing_is_missing():
    assert "root" not in check("-p", "1", "-v", within=["unshare", "--user"]).stdout


@ALONE
def test_root_is_not_advised_to_try_as_root():
    with listen("127.0.0.1", 60840):
        run = check("-p", "60840", "-v", within=["unshare", "--map-root-user"])
    assert "try as root" not in run.stdout
    assert (
        "a process without a name: outside of this container, or not visible"
        in run.stdout
    )


@ALONE
@pytest.mark.parametrize("sampler", ["auto", "psutil", "sock_diag"])
def test_every_sampler_shows_the_same(sampler):
    with a_connection():
        usual = check("-p", "8443", "-v", "--sampler", "sock_diag")
        run = check("-p", "8443", "-v", "--sampler", sampler)
    assert run.stdout.split("\n")[0] == usual.stdout.split("\n")[0]
    assert rows(run, "tcp") == rows(usual, "tcp")
    assert ("psutil" in run.stdout) == (sampler == "psutil")


@ALONE
@pytest.mark.parametrize(
    "services, words",
    [
        ("shell 514/tcp\nsyslog 514/udp\n", "by IANA, shell/tcp syslog/udp, outside"),
        ("shell 514/tcp\n", "by IANA, shell, outside"),
        ("both 514/tcp\nboth 514/udp\n", "by IANA, both, outside"),
        ("a|b<i> 514/tcp\n", "by IANA, a?b?i?, outside"),
        ("other 515/tcp\n", "by IANA, outside"),
    ],
)
def test_the_name_comes_from_the_services_database(tmp_path, services, words):
    (tmp_path / "services").write_text(services)
    script = f'mount --bind {tmp_path} /etc && exec "$0" "$@"'
    run = check("-p", "514", "-v", within=["unshare", "-rm", "sh", "-c", script])
    assert words in run.status
    assert run.stderr == "" and run.stdout.count("|") == 1


@ALONE
def test_a_range_that_cannot_be_read_is_only_a_note():
    script = 'mount -t tmpfs none /proc/sys && exec "$0" "$@"'
    run = check("-p", "60840", "-v", within=["unshare", "-rm", "sh", "-c", script])
    assert (run.exit_code, run.stderr) == (0, "")
    assert "dynamic by IANA, ephemeral range unknown - not in use" in run.status
    assert "note: cannot read /proc/sys/net/ipv4/ip_local_port_range" in run.stdout
