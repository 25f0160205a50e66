"""Bound but idle sockets count, even if the list of sockets lacks them."""

import os
import re
import socket

import pytest

from tests.support.plugin_process import check
from tests.support.sockets import (
    SERVER,
    bind,
    connect,
    held_sockets,
    listen,
    open_sockets,
    successes_until_refused,
)

ALONE = pytest.mark.namespace(ports="40000-40039")


def bind_idle():
    idle = socket.socket()
    idle.bind(("", 0))
    return idle


@ALONE
@pytest.mark.parametrize(
    "probe, code, remaining",
    [
        ("always", 2, "none remaining, a connect tried just now was refused"),
        ("auto", 2, "none remaining, a connect tried just now was refused"),
        ("never", 1, "39 remaining by estimate, perhaps 0"),
    ],
)
def test_the_experiment_finds_them_or_the_line_warns(probe, code, remaining):
    with listen(), held_sockets(connect(SERVER), *open_sockets(39, bind_idle)):
        run = check("--sampler", "psutil", "--probe", probe)
        assert successes_until_refused(lambda: connect(SERVER)) == 0
    assert run.exit_code == code
    assert remaining in run.status
    if probe != "never":
        assert run.perfdata["tcp_bind_free"] == 0


@ALONE
def test_figures_are_exact_once_they_are_found():
    with listen(), held_sockets(connect(SERVER), *open_sockets(10, bind_idle)):
        run = check("--sampler", "psutil", "--probe", "always")
        assert run.perfdata["tcp_connect_free"] == 29
        assert run.perfdata["tcp_bind_free"] == 29
        assert successes_until_refused(lambda: connect(SERVER)) == 29


@pytest.mark.namespace(ports="40000-40039", host=True)
@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "::1", "::"])
def test_for_root_bind_is_exact_on_each_address(address):
    held = [bind(each) for each in ["127.0.0.1"] * 5 + ["0.0.0.0"] * 7 + ["::1"] * 3]
    with held_sockets(*held):
        run = check("--sampler", "psutil", "--source", address)
        free = successes_until_refused(lambda: bind(address))
    assert run.perfdata["tcp_bind_free"] == free


@pytest.mark.namespace(ports="40000-40039", host=True)
def test_root_is_told_who_holds_them():
    with listen(), held_sockets(*open_sockets(40, bind_idle)):
        run = check("-v", "--sampler", "psutil", "--bind-critical", "50")
    with open("/proc/self/comm", encoding="utf-8") as file:
        me = f"{file.read().strip()}[{os.getpid()}]"
    assert re.search(rf"^{re.escape(me)} +root +40$", run.stdout, re.MULTILINE)
    assert f"{me} holds 40" in run.status
