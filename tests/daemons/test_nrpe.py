"""A real NRPE daemon with the files of contrib/nrpe, queried by check_nrpe."""

import os
import subprocess
from functools import partial
from pwd import getpwuid

import pytest

from tests.daemons.filling import FULL, IDLE, PORTS, SERVER, filled
from tests.daemons.machine import PLUGINS, install, install_plugin, run, start, wait_for
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
    install("sudoers/check_ephemeral_port", 0o440)
    run("visudo", "--check")
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
        assert "; unknown process (try as root) holds 38 | " in output
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
    assert f"[{os.getpid()}] holds 38 | " in output
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
    assert output.startswith("EPHEMERAL_PORT CRITICAL - netns web, worst of 2: 95% of ")
    assert f"[{os.getpid()}] holds 38 | netns=2;;;0 netns_failed=0;;;0 " in output


@pytest.mark.machine(ports=PORTS)
def test_sudo_refuses_other_arguments():
    start_nrpe()
    as_nagios = ["setpriv", "--reuid", "nagios", "--regid", "nagios", "--init-groups"]
    plugin = ["sudo", "-n", str(PLUGINS / "check_ephemeral_port")]
    usual = ["--warning", "80", "--critical", "90"]
    for allowed in ([*usual, "--verbose"], ["--all-netns", *usual]):
        assert subprocess.run([*as_nagios, *plugin, *allowed]).returncode == 0
        for others in (
            *([], ["--top", "9"], [*allowed, "--exit-ok"], allowed[:-1]),
            [*allowed, "--state-file", "/etc/shadow"],
        ):
            assert subprocess.run([*as_nagios, *plugin, *others]).returncode == 1
