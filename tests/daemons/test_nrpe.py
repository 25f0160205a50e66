"""A real NRPE daemon with the files of contrib/nrpe, queried by check_nrpe."""

import os
import subprocess
from functools import partial
from pwd import getpwuid

import pytest

from tests.daemons.filling import FULL, IDLE, PORTS, SERVER, filled
from tests.daemons.machine import (
    PLUGINS,
    install,
    install_plugin,
    install_sudo,
    start,
    wait_for,
)
from tests.support.namespace import add_namespace, run_inside
from tests.support.sockets import connect, held_sockets, listen, open_sockets

OLD_PACKET = 1024
"""Bytes that a version 2 packet carries: clients and daemons before NRPE 3."""


def ask(*options):
    command = [str(PLUGINS / "check_nrpe"), "-H", "127.0.0.1", *options]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout


def start_nrpe():
    install_plugin()
    install("nrpe/check_ephemeral_port.cfg")
    install_sudo()
    # becomes the nrpe_user of Debian's configuration by itself
    nrpe = start("nrpe", "-c", "/etc/nagios/nrpe.cfg", "-f", user="root")
    wait_for(lambda: "NRPE v" in ask()[1])
    return nrpe


@pytest.mark.machine(ports=PORTS)
def test_check_nrpe_reports_ok_critical_and_ok_again():
    nrpe = start_nrpe()
    assert getpwuid(os.stat(f"/proc/{nrpe.pid}").st_uid).pw_name == "nagios"

    exit_code, output = ask("-c", "check_ephemeral_port")
    assert exit_code == 0 and output.startswith(IDLE)
    with filled():
        exit_code, output = ask("-c", "check_ephemeral_port")
        assert exit_code == 2 and output.startswith(FULL)
        assert " tcp_connect=95%;80;90;0;100 " in output
        assert output.endswith(" udp_sockets=0;;;0\n")
        assert " - a process of root holds 38 - " in output
    exit_code, output = ask("-c", "check_ephemeral_port")
    assert exit_code == 0 and output.startswith(IDLE)


@pytest.mark.machine(ports=PORTS)
def test_the_answer_fits_into_a_packet_of_old_clients():
    start_nrpe()
    with filled():
        new = ask("-c", "check_ephemeral_port")
        old = ask("-c", "check_ephemeral_port", "-2")
    # the figures can differ by a TIME_WAIT
    assert old[0] == new[0] == 2
    assert old[1].partition(" | ")[0] == new[1].partition(" | ")[0]
    assert old[1].endswith(" udp_sockets=0;;;0\n")
    assert len(new[1]) < OLD_PACKET


@pytest.mark.machine(ports=PORTS)
def test_sudo_lets_it_name_the_processes_of_others():
    start_nrpe()
    with filled():
        exit_code, output = ask("-c", "check_ephemeral_port_owners")
    assert exit_code == 2 and output.startswith(FULL)
    assert f"[{os.getpid()}] holds 38 - " in output
    assert "\nholder " in output


@pytest.mark.machine(ports=PORTS)
def test_sudo_lets_it_inspect_the_namespaces_of_others():
    start_nrpe()
    web = add_namespace("web", "50000-50039")
    fill = partial(open_sockets, 38, lambda: connect(SERVER))
    opened = run_inside([web], lambda: [listen(), *fill()])
    with held_sockets(*opened):
        exit_code, output = ask("-c", "check_ephemeral_port_netns")
    assert exit_code == 2
    assert output.startswith("EPHEMERAL_PORT CRITICAL - in netns web, worst of 2, 95% ")
    assert f"[{os.getpid()}] holds 38 - " in output
    assert " | netns=2;;;0 netns_failed=0;;;0 " in output


@pytest.mark.machine(ports=PORTS)
def test_sudo_lets_it_keep_a_history_where_only_root_writes():
    start_nrpe()
    with filled():
        for run_number in (1, 2):
            exit_code, output = ask("-c", "check_ephemeral_port_forecast")
            assert exit_code == 2 and output.startswith(FULL)
            assert f", run {run_number} of " in output
            assert f"[{os.getpid()}] holds 38 - " in output
