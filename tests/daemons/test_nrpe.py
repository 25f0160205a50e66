"""A real NRPE daemon with the files of contrib/nrpe, queried by check_nrpe."""

import os
import subprocess
from functools import partial
from pathlib import Path
from pwd import getpwuid

import pytest

from tests.daemons.filling import FULL, IDLE, PORTS, SERVER, filled
from tests.daemons.machine import PLUGINS, install, install_plugin, run, start, wait_for
from tests.support.hostile_python import BROKEN, hostile_caller
from tests.support.namespace import add_namespace, run_inside
from tests.support.plugin_process import PluginRun, assert_unknown
from tests.support.sockets import connect, held_sockets, listen, open_sockets

AS_NAGIOS = ["setpriv", "--reuid", "nagios", "--regid", "nagios", "--init-groups"]
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
    install("sudoers/check_ephemeral_port_sudo", 0o755)
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
def test_with_sudo_nothing_of_the_caller_is_imported(tmp_path):
    install_plugin()
    install("sudoers/check_ephemeral_port", 0o440)
    wrapper = str(install("sudoers/check_ephemeral_port_sudo", 0o755))
    caller = hostile_caller(tmp_path)
    env = {**caller.environment, **BROKEN}
    kept = " ".join(env)  # an administrator who trusts the user too much
    Path("/etc/sudoers.d/keep").write_text(f'Defaults env_keep += "{kept}"\n')
    usual = ["--warning", "80", "--critical", "90"]
    for arguments in ([*usual, "--verbose"], ["--all-netns", *usual]):
        done = subprocess.run(
            [*AS_NAGIOS, wrapper, *arguments],
            capture_output=True,
            text=True,
            env=env,
            cwd=caller.home,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        assert done.stdout.startswith(IDLE)
    assert caller.foreign_modules() == []


@pytest.mark.machine(ports=PORTS)
def test_what_sudo_cannot_run_is_unknown():
    install_plugin()
    wrapper = str(install("sudoers/check_ephemeral_port_sudo", 0o755))
    command = [*AS_NAGIOS, wrapper, "--warning", "80", "--critical", "90", "--verbose"]

    def run_wrapper():
        done = subprocess.run(command, capture_output=True, text=True)
        return PluginRun(done.returncode, done.stdout, done.stderr)

    assert_unknown(run_wrapper(), "with sudo, sudo a password is required")
    install("sudoers/check_ephemeral_port", 0o440)
    assert run_wrapper().exit_code == 0
    python = Path("/usr/bin/python3").resolve()
    for content, reason in (
        ("#!/bin/sh\necho 'bad | luck' >&2\nexit 1\n", "with sudo, bad  luck"),
        ("#!/bin/sh\nexit 1\n", "with sudo, exit code 1"),
        ("#!/no/such/file\n", "with sudo, sudo unable to execute"),
    ):
        python.unlink()
        python.write_text(content)
        python.chmod(0o755)
        assert_unknown(run_wrapper(), reason)


@pytest.mark.machine(ports=PORTS)
def test_sudo_refuses_other_arguments():
    start_nrpe()
    plugin = ["sudo", "-n", str(PLUGINS / "check_ephemeral_port")]
    usual = ["--warning", "80", "--critical", "90"]
    for allowed in ([*usual, "--verbose"], ["--all-netns", *usual]):
        assert subprocess.run([*AS_NAGIOS, *plugin, *allowed]).returncode == 0
        for others in (
            *([], ["--top", "9"], [*allowed, "--exit-ok"], allowed[:-1]),
            [*allowed, "--state-file", "/etc/shadow"],
        ):
            assert subprocess.run([*AS_NAGIOS, *plugin, *others]).returncode == 1
