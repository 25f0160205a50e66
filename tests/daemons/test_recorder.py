"""A burst between two runs: the daemons alarm once, and name the program."""

import re
from functools import partial
from pathlib import Path

import pytest

from tests.daemons.filling import PORTS
from tests.daemons.machine import (
    PLUGIN,
    USER,
    edit,
    install,
    install_plugin,
    need_machine,
    run,
    run_on_machine,
    start,
    wait_for,
)
from tests.daemons.test_icinga2 import check_now, set_up
from tests.daemons.test_nagios import CONFIGURATION, HOST, QUICK, service
from tests.daemons.test_nrpe import ask, start_nrpe
from tests.support import recorder
from tests.support.needs import need_recorder

TIMES = 12
USUAL = Path("/run/check_ephemeral_port/check_ephemeral_port")
"""Where the daemons' runs find a recorder; they don't know the name of the test's."""
STATE = f"/var/lib/{USER}/ephemeral_port.state"


def on_machine_with_a_recorder(body):
    """Run the body on a throw-away machine that records connects to one port."""
    need_recorder()
    need_machine()
    name = recorder.new_name()
    try:
        failure = run_on_machine(PORTS, partial(recorded, name, body))
    finally:
        recorder.remove_recorder(name)
    if failure:
        pytest.fail(failure, pytrace=False)


def recorded(name, body):
    recorder.enter_tracefs(name)
    install_plugin()
    run(str(PLUGIN), "--recorder", "on", "--recorder-group", USER)
    port = recorder.own_port()
    recorder.record_only(port)
    USUAL.mkdir()
    run("mount", "--bind", recorder.path(), str(USUAL))
    body(port)


def what_failed(port):
    name = Path("/proc/self/comm").read_text().strip()
    return (
        f"EPHEMERAL_PORT CRITICAL - {TIMES} connects failed since the last check"
        f" because no port was free, all to 127.0.0.1:{port} by {name}"
        " - it was full between the checks - now "
    )


def test_nagios_alarms_once_and_recovers():
    on_machine_with_a_recorder(nagios_alarms_once)


def nagios_alarms_once(port):
    configuration = install("nagios/check_ephemeral_port.cfg")
    text = configuration.read_text()
    text = text.replace("--warning 80 --critical 90", f"--state-file {STATE}")
    text = text.replace("max_check_attempts     3", "max_check_attempts 1")
    configuration.write_text(text)
    Path("/etc/nagios4/objects/localhost.cfg").write_text(HOST)
    edit(CONFIGURATION, **QUICK, log_service_retries=1)
    start("nagios4", CONFIGURATION)
    wait_for(lambda: service("ephemeral ports", 0))
    recorder.fail(port, TIMES)
    log = Path("/var/log/nagios4/nagios.log")
    alerts = wait_for(lambda: two_alerts(log.read_text()))
    # in the log, Nagios writes a colon for each semicolon of the output
    logged = what_failed(port).replace(";", ":")
    assert alerts[0].startswith(f"CRITICAL;HARD;1;{logged}")
    assert alerts[1].startswith("OK;HARD;1;EPHEMERAL_PORT OK - 0% of 40 ports ")
    assert wait_for(lambda: service("ephemeral ports", 0))


def two_alerts(log):
    alerts = re.findall("SERVICE ALERT: localhost;ephemeral ports;(.*)", log)
    return alerts if len(alerts) > 1 else None


def test_nrpe_alarms_once_and_recovers():
    on_machine_with_a_recorder(nrpe_alarms_once)


def nrpe_alarms_once(port):
    start_nrpe()
    assert ask("-c", "check_ephemeral_port_failed")[0] == 0
    recorder.fail(port, TIMES)
    exit_code, output = ask("-c", "check_ephemeral_port_failed")
    assert (exit_code, output[: len(what_failed(port))]) == (2, what_failed(port))
    assert ask("-c", "check_ephemeral_port_failed")[0] == 0
    # the other command knows no last run
    exit_code, output = ask("-c", "check_ephemeral_port")
    assert exit_code == 0 and f" tcp_connect_failed={TIMES};;;0 " in output


def test_icinga_alarms_once_and_recovers():
    on_machine_with_a_recorder(icinga_alarms_once)


def icinga_alarms_once(port):
    set_up(
        'object Service "failed" {\n    host_name = "proxy"\n'
        '    check_command = "ephemeral_port"\n    max_check_attempts = 1\n'
        f'    vars.ephemeral_port_state_file = "{STATE}"\n}}\n'
    )
    assert check_now("failed", "EPHEMERAL_PORT OK - ")[1] == 0
    recorder.fail(port, TIMES)
    _, exit_status, _, figures = check_now("failed", what_failed(port))
    assert exit_status == 2
    (figure,) = (f for f in figures if f["label"] == "tcp_connect_failed")
    assert (figure["value"], figure["crit"]) == (TIMES, 0)
    assert check_now("failed", "EPHEMERAL_PORT OK - ")[1] == 0
