"""The installed program names problems, and its commands fix them."""

import os
import re
import subprocess
import time

import pytest

from tests.support.namespace import add_address, add_namespace, run_inside, set_sysctl
from tests.support.plugin_process import check
from tests.support.sockets import (
    bind,
    connect,
    held_connections,
    held_sockets,
    listen,
    open_sockets,
    reset_at_close,
    time_wait,
)

USUAL = pytest.mark.namespace(ports="32768-60999")
TINY = pytest.mark.namespace(ports="40000-40039")
SERVER = ("127.0.0.1", 5000)

REFUSED = "a connect tried just now was refused"


def myself():
    with open("/proc/self/comm", encoding="utf-8") as file:
        return f"{file.read().strip()}[{os.getpid()}]"


def advice(*arguments):
    """Each problem in one line, with its fix."""
    run = check("-v", *arguments)
    assert run.stderr == ""
    assert max(map(len, run.stdout.splitlines()[1:])) <= 80
    found = {}
    for part in run.stdout.rstrip("\n").split("\n\n"):
        if part.startswith("advice: "):
            text, fix = re.split(r"\n  (?=sysctl|nsenter|let)", part)
            found[text[len("advice: ") :].replace("\n ", "")] = fix
    return found


def fix(*arguments):
    """Run the only printed command, and return the problem that it fixes."""
    ((problem, command),) = advice(*arguments).items()
    subprocess.run(["sh", "-ec", command], check=True, stdout=subprocess.DEVNULL)
    assert advice(*arguments) == {}
    return problem


@USUAL
def test_an_idle_host_with_default_settings_gets_no_advice():
    assert advice() == {}


@USUAL
def test_an_ordinary_host_gets_no_advice():
    with listen() as server, listen("127.0.0.1", 8080), listen("::1", 443):
        time_wait(100, server, lambda: connect(SERVER))
        with held_sockets(*open_sockets(300, lambda: connect(SERVER))):
            assert advice() == {}


@USUAL
def test_a_listener_inside_the_range_is_named_until_it_is_reserved():
    set_sysctl("ip_local_reserved_ports", "8080,50000-50009")
    with listen(port=33060):
        problem = fix()
    assert problem.startswith(
        f"unreserved ports of the range are listened on: 33060 ({myself()})"
    )
    with open("/proc/sys/net/ipv4/ip_local_reserved_ports") as file:
        assert file.read() == "8080,33060,50000-50009\n"


@USUAL
def test_advice_mentions_that_bind_may_have_chosen_the_port():
    with bind() as server:
        server.listen()
        assert fix().endswith("unless bind() to port 0 chose it")


@pytest.mark.namespace(ports="32768-60998")
def test_bounds_of_the_same_parity_are_fixed():
    assert fix().startswith("the range 32768-60998 has an odd number of ports")


@TINY
def test_a_small_range_is_fixed():
    with held_connections(38):
        assert check().status.endswith(
            f" - {myself()} holds 38 - the range is small, 28232 ports are usual"
        )
        assert fix() == "the range 40000-40039 is small, 28232 ports are usual"
        assert check().exit_code == 0


@USUAL
def test_a_range_full_of_reserved_ports_is_fixed():
    set_sysctl("ip_local_reserved_ports", "32768-60979")
    https = ("127.0.0.1", 443)  # this port is outside of the wider range
    taken = "reserved ports take 28212 of the range's 28232"
    with held_connections(20, https):
        assert check().status.endswith(
            f"none remaining, {REFUSED} - {myself()} holds 20 - {taken}"
        )
        assert fix() == taken
        assert check().exit_code == 0


@pytest.mark.namespace(ports="32768-47999")
@pytest.mark.parametrize("remote, reuse", [("127.0.0.1", 0), ("192.0.2.7", 2)])
def test_time_wait_that_is_never_reused_is_fixed(remote, reuse):
    add_address("192.0.2.7/32")
    set_sysctl("tcp_tw_reuse", reuse)
    server = listen(remote)
    for _ in range(4):
        time_wait(3200, server, lambda: connect((remote, 5000)))
    time.sleep(1.1)  # younger ones are never reused
    cause = f"net.ipv4.tcp_tw_reuse is {reuse}"
    if reuse:
        cause += ", which is for loopback only"
    run = check()
    assert run.exit_code == 1
    assert run.status.endswith(f" - TIME_WAIT holds 12800 - {cause}")
    assert fix().startswith(f"12800 ports to {remote}:5000 are in TIME_WAIT and can't")
    assert check().exit_code == 0


@pytest.mark.namespace(ports="32768-47999")
def test_programs_that_bind_before_they_connect_are_named():
    binding = held_connections(1000, source="127.0.0.1", no_port=False)
    with binding as clients:
        ((problem, words),) = advice().items()
        run = check("-w", "5")
        for client in clients:  # leave no TIME_WAIT
            reset_at_close(client)
    assert problem == (
        f"1000 ports were bound before they connected ({myself()}),"
        " so no other connect() can use them"
    )
    assert "IP_BIND_ADDRESS_NO_PORT before bind()" in words
    assert run.status.endswith(
        f" - {myself()} holds 1000 - 1000 ports were bound before they connected"
    )
    with held_connections(1000, source="127.0.0.1"):
        assert advice() == {}


@USUAL
def test_a_time_wait_table_at_its_cap_is_raised():
    set_sysctl("tcp_max_tw_buckets", 50)
    time_wait(60, listen(), lambda: connect(SERVER))
    assert fix() == (
        "the TIME_WAIT table is full: 50 sockets of at most 50"
        " (net.ipv4.tcp_max_tw_buckets), 10 connections got none"
    )


@pytest.mark.namespace(ports="32768-60999", host=True)
@pytest.mark.parametrize("arguments", [["--netns", "web"], ["--all-netns"]])
def test_a_problem_in_a_namespace_is_fixed_there(arguments):
    web = add_namespace("web", "50000-50019")
    opened = run_inside(
        [web], lambda: [listen(), *open_sockets(15, lambda: connect(SERVER))]
    )
    with held_sockets(*opened):
        assert " - the range is small, " in check(*arguments, "-w", "50").status
        problem = fix(*arguments, "-w", "50")
    assert problem == "the range 50000-50019 is small, 28232 ports are usual"
    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        assert file.read().split() == ["32768", "60999"]


@TINY
def test_the_option_no_advice():
    with listen(port=40000), held_connections(38):
        run = check("-v", "--no-advice")
        assert "advice" not in run.stdout and "small" not in run.stdout
        assert "\nadvice: the range 40000-40039 is small" in check("-v").stdout


@TINY
def test_advice_changes_neither_state_nor_figures():
    with listen(port=40000), held_connections(36):
        with_it, without = check("-v"), check("-v", "--no-advice")
    assert with_it.exit_code == without.exit_code == 2
    assert with_it.perfdata_fields == without.perfdata_fields
