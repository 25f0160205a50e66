"""Nagios Core with the files of contrib/nagios, on its own schedule."""

import os
import re
from pathlib import Path

import pytest

from tests.daemons.filling import FULL, IDLE, PORTS, filled
from tests.daemons.machine import (
    edit,
    install,
    install_plugin,
    install_sudo,
    run,
    start,
    wait_for,
)

CONFIGURATION = "/etc/nagios4/nagios.cfg"
QUICK = {
    "interval_length": 1,
    "status_update_interval": 1,
    "check_result_reaper_frequency": 1,
    "service_inter_check_delay_method": "n",
    "use_syslog": 0,
    "execute_host_checks": 0,
    "check_for_updates": 0,
    "enable_notifications": 0,
}
"""With these settings, a minute of the configuration lasts a second."""
STATUS = Path("/var/lib/nagios4/status.dat")
HOST = """
define host {
    use        linux-server
    host_name  localhost
    address    127.0.0.1
}
define hostgroup {
    hostgroup_name  linux-servers
    members         localhost
}
"""


def service(description, state):
    """The fields of the service in status.dat, if it is in that state."""
    try:
        parts = STATUS.read_text().split("servicestatus {")[1:]
    except FileNotFoundError:  # not yet written, or being replaced
        return None
    for part in parts:
        fields = dict(re.findall(r"^\t(\w+)=(.*)$", part, re.MULTILINE))
        if (fields["service_description"], fields["current_state"]) == (
            description,
            str(state),
        ):
            return fields if fields["has_been_checked"] == "1" else None
    return None


def start_nagios():
    # without the sample services of the distribution
    Path("/etc/nagios4/objects/localhost.cfg").write_text(HOST)
    edit(CONFIGURATION, **QUICK)
    verified = run("nagios4", "-v", CONFIGURATION)
    assert "Total Warnings: 0" in verified and "Total Errors:   0" in verified
    start("nagios4", CONFIGURATION)


@pytest.mark.machine(ports=PORTS)
def test_nagios_shows_ok_critical_and_ok_again_here_and_by_nrpe():
    install_plugin()
    install("nagios/check_ephemeral_port.cfg")
    install("nagios/check_ephemeral_port_nrpe.cfg")
    install("nrpe/check_ephemeral_port.cfg")
    start("nrpe", "-c", "/etc/nagios/nrpe.cfg", "-f", user="root")
    start_nagios()

    names = ("ephemeral ports", "ephemeral ports by NRPE")
    for name in names:
        found = wait_for(lambda: service(name, 0))
        assert found["plugin_output"].startswith(IDLE)
    with filled():
        for name in names:
            found = wait_for(lambda: service(name, 2))
            assert found["plugin_output"].startswith(FULL)
            figures = found["performance_data"].split()
            assert "tcp_connect=95%;80;90;0;100" in figures
            assert "tcp_connect_free=2;;;0;40" in figures
            assert "udp_bind=0%;80;90;0;100" in figures
            assert found["check_type"] == "0"  # active: scheduled by Nagios
    for name in names:
        assert wait_for(lambda: service(name, 0))["plugin_output"].startswith(IDLE)


@pytest.mark.machine(ports=PORTS)
def test_with_sudo_nagios_shows_the_process_here_and_by_nrpe():
    install_plugin()
    install_sudo()
    for path, usual, as_root in (
        (
            "nagios/check_ephemeral_port.cfg",
            r"check_ephemeral_port!--.*",
            "..._sudo!owners",
        ),
        (
            "nagios/check_ephemeral_port_nrpe.cfg",
            r"-c check_ephemeral_port$",
            "-c ..._owners",
        ),
    ):
        file = install(path)
        as_root = as_root.replace("...", "check_ephemeral_port")
        assert as_root.rpartition(" ")[2] in file.read_text()  # its text says so
        text, count = re.subn(usual, as_root, file.read_text(), flags=re.MULTILINE)
        assert count == 1
        file.write_text(text)
    install("nrpe/check_ephemeral_port.cfg")
    start("nrpe", "-c", "/etc/nagios/nrpe.cfg", "-f", user="root")
    start_nagios()
    names = ("ephemeral ports", "ephemeral ports by NRPE")
    for name in names:
        assert wait_for(lambda: service(name, 0))["plugin_output"].startswith(IDLE)
    with filled():
        for name in names:
            found = wait_for(lambda: service(name, 2))
            assert found["plugin_output"].startswith(FULL)
            assert f"[{os.getpid()}] holds 38 - " in found["plugin_output"]
            assert "\\nholder " in found["long_plugin_output"]
    for name in names:
        assert wait_for(lambda: service(name, 0))["plugin_output"].startswith(IDLE)
