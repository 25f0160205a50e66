"""How a run finds out which ports connect() can share, and what it says otherwise."""

import resource
from functools import partial

import pytest

from tests.support.counters import network_counters
from tests.support.namespace import set_sysctl
from tests.support.plugin_process import check, with_stub
from tests.support.sockets import (
    SERVER_PORT,
    connect,
    held_sockets,
    listen,
    successes_until_refused,
    time_wait,
)

SMALL = pytest.mark.namespace(ports="40000-40099")
LARGE = pytest.mark.namespace(ports="40000-40999")
ASKED = ("127.0.1.1", SERVER_PORT)
ASK = ("-vv", "-d", f"{ASKED[0]}:{ASKED[1]}", "--source", "127.0.0.1")
OK, WARNING, CRITICAL = range(3)

OLDER_KERNEL = """
import os
import _socket
class Older(_socket.socket):
    __slots__ = ()  # the subclass socket.socket has its own
    def setsockopt(self, level, option, *value):
        if (level, option) == (0, 51):
            raise OSError(92, "Protocol not available")
        super().setsockopt(level, option, *value)
    def connect_ex(self, remote):
        with open(os.environ["CONNECTS"], "a") as file:
            print(remote, file=file)
        return super().connect_ex(remote)
_socket.socket = Older
"""
"""A kernel before 6.3, which cannot narrow the range of one socket. It notes every
connect() of the experiment."""


@pytest.fixture
def connects(tmp_path, monkeypatch):
    """From here on, the program runs on an older kernel. Returns the list of its
    connects."""
    path = tmp_path / "connects"
    path.write_text("")
    environment = with_stub(tmp_path, "sitecustomize", OLDER_KERNEL)
    monkeypatch.setenv("PYTHONPATH", environment["PYTHONPATH"])
    monkeypatch.setenv("CONNECTS", str(path))
    return lambda: path.read_text().splitlines()


def clients(plain=0, bind_first=0, named=0):
    """A listener, and clients that connect to ten addresses in turn. With ``named``,
    bind() names their ports."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sockets = [listen("0.0.0.0")]
    ports = [*range(40000, 40000 + named), *[0] * (bind_first + plain)]
    for number, port in enumerate(ports):
        remote = (f"127.0.1.{1 + number % 10}", SERVER_PORT)
        no_port = number >= named + bind_first
        sockets.append(connect(remote, "127.0.0.1", no_port, port=port))
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return held_sockets(*sockets)


def remaining():
    return successes_until_refused(lambda: connect(ASKED, "127.0.0.1"))


def few_descriptors(count):
    """Arguments of a process that can open at most ``count`` files."""
    limit = partial(resource.setrlimit, resource.RLIMIT_NOFILE, (count, count))
    return {"preexec_fn": limit}


@SMALL
@pytest.mark.parametrize(
    "plain, bind_first", [(0, 85), (0, 95), (0, 100), (200, 65), (100, 80)]
)
def test_an_older_kernel_is_asked_by_holding_ports(plain, bind_first, connects):
    with clients(plain, bind_first):
        run = check(*ASK)
        free = remaining()
    assert run.perfdata["tcp_connect_free"] == free
    assert run.free_bounds("tcp_connect") == (free, free)
    assert run.exit_code == (CRITICAL if free < 10 else WARNING if free < 20 else OK)
    assert len(connects()) > 0


@LARGE
@pytest.mark.parametrize("options", [ASK, ("-v",), ()])
def test_an_older_kernel_is_not_asked_if_the_state_is_clear(options, connects):
    with clients(bind_first=600):
        run = check(*options)
        if options == ASK:
            low, high = run.free_bounds("tcp_connect")
            assert low <= remaining() <= high
    assert run.exit_code == OK
    assert connects() == []


@LARGE
@pytest.mark.parametrize("options", [(), ("--probe", "never")])
def test_ports_that_bind_named_are_known_without_an_experiment(options, connects):
    with clients(named=600):
        run = check(*options)
        free = remaining()
    assert run.perfdata["tcp_connect_free"] == free == 400
    assert connects() == []


@LARGE
def test_with_tables_the_figures_are_exact_even_if_the_state_is_clear():
    with clients(bind_first=600):
        estimate, run = check(*ASK[1:]), check(*ASK)
        free = remaining()
    assert estimate.exit_code == run.exit_code == OK
    assert run.perfdata["tcp_connect_free"] == free
    assert run.free_bounds("tcp_connect") == (free, free)


@LARGE
def test_an_older_kernel_is_asked_until_the_state_is_clear(connects):
    with clients(plain=3300, bind_first=350):
        run = check(*ASK)
        made = len(connects())
        every = check(*ASK, "--probe")
        free = remaining()
    low, high = run.free_bounds("tcp_connect")
    assert low <= free <= high
    assert run.exit_code == OK
    assert 0 < made < len(connects()) - made == 651  # the last one is refused
    assert every.perfdata["tcp_connect_free"] == free == 320


@SMALL
@pytest.mark.parametrize(
    "plain, bind_first, known", [(0, 60, False), (200, 65, True), (300, 0, True)]
)
def test_with_few_descriptors_it_says_what_it_knows(plain, bind_first, known, connects):
    with clients(plain, bind_first):
        without = check(*ASK, "--probe", "never").free_bounds("tcp_connect")
        run = check(*ASK, "--probe", **few_descriptors(20))
        free = remaining()
    low, high = run.free_bounds("tcp_connect")
    assert without[0] <= low <= free <= high <= without[1]
    assert (low > without[0]) == known
    assert known or "note: probe: Too many open files" in run.stdout
    assert run.stderr == ""
    assert run.exit_code >= (WARNING if free < 10 else OK)
    assert len(connects()) > 10


@SMALL
@pytest.mark.parametrize("older", [False, True])
def test_a_run_leaves_no_trace(older, request):
    if older:
        request.getfixturevalue("connects")
    with listen(port=6000) as server, clients(15, bind_first=80):
        time_wait(5, server, lambda: connect(server.getsockname()))
        before = network_counters()
        run = check("-vv")
        after = network_counters()
    low, high = run.free_bounds("tcp_connect")
    assert low == high  # so it was settled
    assert after == before


FAST_OPEN_OFF = "note: probe: net.ipv4.tcp_fastopen has the client off"


@SMALL
def test_without_the_experiment_the_worst_case_shows_and_is_a_warning():
    set_sysctl("tcp_fastopen", 0)
    with clients(bind_first=95):
        run = check("-v")
        assert remaining() == 5
    assert run.exit_code == WARNING
    assert "remaining by estimate, perhaps 5" in run.status
    assert FAST_OPEN_OFF in run.stdout
    assert FAST_OPEN_OFF not in run.status


@SMALL
def test_without_the_experiment_ports_that_several_destinations_share_do_not_alarm():
    set_sysctl("tcp_fastopen", 0)
    with clients(plain=500):
        run = check("-v", "-d", "127.0.1.1:5000")
        assert remaining() == 50
    assert run.exit_code == OK
    assert "perhaps" not in run.status


@SMALL
def test_without_the_experiment_a_worst_case_that_is_not_critical_is_ok():
    set_sysctl("tcp_fastopen", 0)
    with clients(bind_first=60):
        run = check("-v")
    assert run.exit_code == OK
    assert "remaining by estimate, perhaps 40" in run.status
    assert FAST_OPEN_OFF in run.stdout
