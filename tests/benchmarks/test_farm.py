"""The farm holds exactly the requested sockets, and cleans up at its end."""

import os
import subprocess
import sys
import time
from collections import Counter

import pytest

from tests.support.farm import PORTS, Farm, Plan, count_tcp_sockets


def states_listed_by_ss():
    lines = subprocess.check_output(["ss", "-Htan"], text=True).splitlines()
    return Counter(line.split()[0] for line in lines)


@pytest.mark.namespace(ports=PORTS)
def test_a_farm_holds_the_requested_sockets():
    with Farm(Plan(2000)):
        assert states_listed_by_ss() == {"ESTAB": 2000}


@pytest.mark.namespace(ports=PORTS)
def test_time_wait_has_its_share_and_can_be_renewed():
    with Farm(Plan(2000, time_wait_share=0.5)) as farm:
        assert states_listed_by_ss() == {"ESTAB": 1000, "TIME-WAIT": 1000}
        time.sleep(1.1)  # net.ipv4.tcp_tw_reuse_delay
        farm.renew_time_wait()
        assert states_listed_by_ss() == {"ESTAB": 1000, "TIME-WAIT": 1000}


@pytest.mark.namespace(ports=PORTS)
def test_sockets_and_processes_end_with_their_farm():
    with Farm(Plan(2000)) as farm:
        holders = farm.holders.pids
        assert holders
    assert count_tcp_sockets() == (0, 0)
    for pid in holders:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@pytest.mark.namespace(ports=PORTS)
def test_a_missing_socket_raises_an_error():
    with Farm(Plan(10)) as farm:
        farm.plan = Plan(12)
        with pytest.raises(RuntimeError, match="10, 0.* instead of .*12, 0"):
            farm.verify()


@pytest.mark.namespace(ports=PORTS)
def test_the_command_runs_in_the_namespace_of_the_farm():
    command = "cat /proc/net/sockstat; exit 7"
    done = run_in_farm("--sockets", "100", "--", "sh", "-c", command)
    assert "TCP: inuse 100 " in done.stdout
    assert done.returncode == 7


@pytest.mark.namespace(ports=PORTS)
def test_holders_end_when_their_farm_is_killed():
    # returns when the last holder has closed the output
    done = run_in_farm("--sockets", "100", "--", "sh", "-c", "kill -9 $PPID")
    assert done.returncode == -9


def run_in_farm(*arguments):
    command = [sys.executable, "-m", "tests.support.farm", *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60)


def test_clients_have_the_ports_that_connect_would_choose():
    clients = list(Plan(40_000, destinations=1).established_clients())
    assert len(set(clients)) == 20_000
    # kernel: __inet_hash_connect() tries ports with the parity of the first one first
    assert {port % 2 for _, port in clients[:14_116]} == {0}
    assert {port % 2 for _, port in clients[14_116:]} == {1}
    assert all(32768 <= port <= 60999 for _, port in clients)


def test_by_default_no_destination_uses_half_of_the_range():
    clients = Plan(500_000).established_clients()
    assert max(Counter(address for address, _ in clients).values()) < 14_116


def test_every_connection_can_have_a_port_of_its_own():
    clients = list(
        Plan(52_000, destinations=10, ports_shared=False).established_clients()
    )
    assert len({port for _, port in clients}) == 26_000
    assert set(Counter(address for address, _ in clients).values()) == {2_600}


def test_every_connection_can_have_a_different_destination():
    plan = Plan(500_000, destinations=250_000)
    assert len({address for address, _ in plan.established_clients()}) == 250_000


def test_time_wait_has_the_same_destinations_as_the_others_but_other_ports():
    plan = Plan(50_000, destinations=10, time_wait_share=0.5)
    established = set(plan.established_clients())
    time_wait = set(plan.time_wait_clients())
    assert (len(established), len(time_wait)) == (12_500, 25_000)
    assert {address for address, _ in established} == {
        address for address, _ in time_wait
    }
    assert not established & time_wait


def test_a_destination_with_more_clients_than_ports_is_refused():
    with pytest.raises(ValueError, match="30000 ports for a destination, of 28232"):
        list(Plan(60_000, destinations=1).established_clients())
