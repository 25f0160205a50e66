"""Icinga 2 with the files of contrib/icinga2, queried through its API."""

import base64
import json
import os
import re
import ssl
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from contrib.generators.icinga2 import SUDO, variable
from contrib.generators.options import options
from tests.daemons.filling import FULL, IDLE, PORTS, SERVER, filled
from tests.daemons.machine import (
    CONTRIB,
    PLUGIN,
    PLUGINS,
    USER,
    install,
    install_plugin,
    install_sudo,
    run,
    start,
    wait_for,
)
from tests.support.needs import INSTALL_DAEMONS, need_program

API_USER = """
object ApiUser "test" {
    password = "secret"
    permissions = [ "*" ]
}
"""
SITE = """
object HostGroup "proxies" {}
object Host "proxy" {
    check_command = "dummy"
    groups = [ "proxies" ]
    vars.agent_endpoint = NodeName
    vars.ephemeral_port_destinations["backend"] = "%s:%d"
    vars.ephemeral_port_destinations["all"] = [ "[2001:db8::7]:443", "[::1]:443" ]
}
"""


def set_up(more="", features="", windows_program=""):
    """A master that is an agent, too."""
    install_plugin()
    install("icinga2/command.conf")
    windows = install("windows/icinga2.conf")
    if windows_program:
        text = re.sub(
            "command = .*", f'command = [ "{windows_program}" ]', windows.read_text()
        )
        windows.write_text(text)
    services = install("icinga2/services.conf")
    for sample in Path("/etc/icinga2/conf.d").glob("*.conf"):
        sample.unlink()
    (services.parent / "site.conf").write_text(API_USER + SITE % SERVER + more)
    start_icinga(features, NodeName="node", ZoneName=services.parent.name)


def quoted_json(value):
    return json.dumps(json.dumps(value))


def start_icinga(features="", **names):
    constants = Path("/etc/icinga2/constants.conf")
    text = constants.read_text()
    for name, value in names.items():
        text, count = re.subn(
            rf".*const {name} = .*", f'const {name} = "{value}"', text
        )
        assert count == 1, f"{name} is in {constants} {count} times"
    constants.write_text(text)
    Path("/etc/icinga2/features-enabled/api.conf").write_text(
        'object ApiListener "api" { bind_host = "127.0.0.1" }\n' + features
    )
    certificates = Path("/var/lib/icinga2/certs")
    certificates.mkdir()
    run(
        *"openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=node -days 1".split(),
        *("-keyout", str(certificates / "node.key")),
        *("-out", str(certificates / "node.crt")),
    )
    (certificates / "ca.crt").write_bytes((certificates / "node.crt").read_bytes())
    run("chown", "-R", USER, "/var/lib/icinga2", "/var/log/icinga2")
    verified = run("icinga2", "daemon", "-C")
    assert "warning/" not in verified and "critical/" not in verified
    start("icinga2", "daemon")
    wait_for(answers)


def api(path, **body):
    login = base64.b64encode(b"test:secret").decode()
    request = urllib.request.Request(
        f"https://127.0.0.1:5665/v1/{path}",
        json.dumps(body).encode(),
        {"Authorization": f"Basic {login}", "Accept": "application/json"},
    )
    context = ssl._create_unverified_context()  # the certificate is our own
    with urllib.request.urlopen(request, context=context) as answer:
        return json.load(answer)["results"]


def result(host, service, begin):
    """The last result as Icinga 2 parsed it, if its output begins like that."""
    script = (
        f'var r = get_service("{host}", "{service}").last_check_result;'
        "if (r) { [r.output, r.exit_status, r.command,"
        " r.performance_data.map(parse_performance_data)] }"
    )
    (answer,) = api("console/execute-script", command=script)
    found = answer["result"]
    return found if found and found[0].startswith(begin) else None


def answers():
    try:
        return api("console/execute-script", command="true")
    except urllib.error.URLError:  # not yet started
        return None


def check_now(service, begin, host="proxy"):
    api("actions/reschedule-check", service=f"{host}!{service}", force=True)
    return wait_for(lambda: result(host, service, begin))


@pytest.mark.machine(ports=PORTS)
def test_icinga_shows_ok_critical_and_ok_again():
    set_up()
    assert check_now("ephemeral-ports", IDLE)[1] == 0
    with filled():
        _, exit_status, _, figures = check_now("ephemeral-ports", FULL)
        assert exit_status == 2
        by_label = {figure["label"]: figure for figure in figures}
        shown = {
            label: [f["value"], f["unit"], f["warn"], f["crit"], f["min"], f["max"]]
            for label, f in by_label.items()
        }
        counts = {
            name: shown.pop(name)[1:] for name in ("tcp_sockets", "tcp_time_wait")
        }
        assert shown == {
            "tcp_connect": [95, "percent", 80, 90, 0, 100],
            "tcp_connect_free": [2, "", None, None, 0, 40],
            "tcp_connect_fast": [100, "percent", 90, 99, 0, 100],
            "tcp_bind": [95, "percent", None, None, 0, 100],
            "tcp_bind_free": [2, "", None, None, 0, 40],
            "udp_bind": [0, "percent", 80, 90, 0, 100],
            "udp_bind_free": [40, "", None, None, 0, 40],
            "udp_sockets": [0, "", None, None, 0, None],
        }
        assert set(map(tuple, counts.values())) == {("", None, None, 0, None)}

        _, exit_status, command, figures = check_now("ephemeral-ports to backend", FULL)
        assert exit_status == 2
        assert command[1:] == ["--destination", "127.0.0.1:5000", "--protocol", "tcp"]
        assert "tcp_connect_127.0.0.1:5000" in {f["label"] for f in figures}
    assert check_now("ephemeral-ports", IDLE)[1] == 0


@pytest.mark.machine(ports=PORTS)
@pytest.mark.parametrize("as_root", [False, True])
def test_a_single_node_shows_ok_critical_and_ok_again(as_root):
    install_plugin()
    install_sudo()
    commands = install("icinga2/command.conf")
    services = install("icinga2/single_node.conf")
    commands.rename(services.parent / commands.name)
    assert f"(on a single node {services.parent}/)" in (
        (CONTRIB / "icinga2/command.conf").read_text()
    )
    services.with_name("api-users.conf").write_text(API_USER)
    # all else is as the distribution has it
    if as_root:
        setting = 'vars.ephemeral_port_check = "owners"'
        assert setting in services.read_text()
        hosts = services.with_name("hosts.conf")
        begin = "object Host NodeName {\n"
        text = hosts.read_text()
        assert begin in text
        hosts.write_text(text.replace(begin, f"{begin}  {setting}\n"))
    start_icinga(NodeName="node")

    assert check_now("ephemeral-ports", IDLE, "node")[1] == 0
    with filled():
        output, exit_status, command, _ = check_now("ephemeral-ports", FULL, "node")
    holder = f"[{os.getpid()}]" if as_root else "a process of root"
    assert exit_status == 2 and f"{holder} holds 38 - " in output
    sorted_arguments = ["--critical", "90", "--warning", "80"]
    assert command[1:] == (["owners"] if as_root else sorted_arguments)
    assert check_now("ephemeral-ports", IDLE, "node")[1] == 0


@pytest.mark.machine(ports=PORTS)
def test_with_sudo_it_names_the_process():
    install_sudo()
    host = 'object Host "%s" {\n    check_command = "dummy"\n%s}\n'
    root = (
        '    vars.agent_endpoint = NodeName\n    vars.ephemeral_port_check = "owners"\n'
    )
    # what the Director writes for its commands
    basket = json.loads((CONTRIB / "director/basket.json").read_text())
    director = basket["Command"][SUDO]
    deployed = (
        'object CheckCommand "director" {\n'
        f"    command = {json.dumps([director['command']])}\n"
        f"    arguments = Json.decode({quoted_json(director['arguments'])})\n"
        '}\nobject Service "director" {\n    host_name = "root"\n'
        '    check_command = "director"\n'
        '    vars.ephemeral_port_check = "forecast"\n}\n'
    )
    set_up(host % ("root", root) + deployed)
    for service, arguments in (("ephemeral-ports", "owners"), ("director", "forecast")):
        assert check_now(service, IDLE, "root")[1] == 0
        with filled():
            output, exit_status, command, _ = check_now(service, FULL, "root")
        assert exit_status == 2 and f"[{os.getpid()}] holds 38 - " in output
        assert command == [f"{PLUGINS}/check_ephemeral_port_sudo", arguments]
        assert check_now(service, IDLE, "root")[1] == 0


@pytest.mark.machine(ports=PORTS)
def test_every_option_is_a_custom_variable_that_reaches_the_program():
    settings, expected = [], []
    setting: object
    for option in options():
        if not option.checks:
            continue
        if option.counted:
            setting, arguments = 3, ["-" + 3 * option.flags[0].lstrip("-")]
        elif option.repeatable:
            values = [f"{option.name} {n}" for n in (1, 2)]
            setting = values
            arguments = [word for text in values for word in (option.flag, text)]
        elif option.takes_value:
            value = f"{option.name} value"
            setting, arguments = value, [option.flag, value]
        else:
            setting, arguments = True, [option.flag]
        settings.append(f"    vars.{variable(option)} = {json.dumps(setting)}\n")
        expected.append(arguments)
    none = [f"    vars.{variable(o)} = false\n" for o in options() if not o.takes_value]
    service = """object Service "%s" {
    host_name = "proxy"
    check_command = "ephemeral_port"
%s}
"""
    set_up(service % ("all", "".join(settings)) + service % ("none", "".join(none)))

    command = check_now("all", "EPHEMERAL_PORT UNKNOWN - ")[2]
    # the order is up to Icinga 2
    assert sorted(command[1:]) == sorted(word for part in expected for word in part)
    for part in expected:
        begin = command.index(part[0])
        assert command[begin : begin + len(part)] == part
    assert check_now("none", IDLE)[2] == [
        "/usr/lib/nagios/plugins/check_ephemeral_port"
    ]


WINDOWS = """
object Host "windows" {
    check_command = "dummy"
    vars.os = "Windows"
    vars.agent_endpoint = NodeName
    vars.ephemeral_port_destinations["backend"] = "192.0.2.7:443"
}
"""


@pytest.mark.machine(ports=PORTS)
def test_windows_has_a_command_of_its_own_with_the_same_options():
    set_up(more=WINDOWS)
    services = [
        ("proxy", "ephemeral-ports"),
        ("windows", "ephemeral-ports"),
        ("windows", "ephemeral-ports to backend"),
    ]
    used = ", ".join(f'get_service("{h}", "{s}").check_command' for h, s in services)
    usual, windows = "ephemeral_port", "ephemeral_port_windows"
    asked = (
        f'get_check_command("{windows}").command[0]',
        f'get_check_command("{windows}").arguments',
        f'get_check_command("{usual}").arguments',
    )
    script = f"[ {used}, {', '.join(asked)} ]"
    (answer,) = api("console/execute-script", command=script)
    *commands, program, found, expected = answer["result"]
    assert commands == [usual, windows, windows]
    assert program.endswith(r"\Scripts\check_ephemeral_port.exe")
    assert found == expected != {}


@pytest.mark.machine(ports=PORTS)
def test_labels_of_ipv6_destinations_stay_as_they_are():
    set_up()
    figures = check_now("ephemeral-ports to all", IDLE)[3]
    loopback = "[0000:0000:0000:0000:0000:0000:0000:0001]:443"
    documented = "[2001:0db8:0000:0000:0000:0000:0000:0007]:443"
    assert {figure["label"] for figure in figures} == {
        *("tcp_bind", "tcp_bind_free", "tcp_connect", "tcp_connect_fast"),
        *("tcp_connect_free", "tcp_sockets", "tcp_time_wait"),
        *(f"tcp_connect_{name}" for name in (loopback, documented)),
        *(f"tcp_connect_{name}_free" for name in (loopback, documented)),
    }


@pytest.mark.machine(ports=PORTS)
def test_every_panel_of_the_dashboard_shows_its_figures():
    start_influx()
    set_up(features=INFLUX_WRITER)
    with filled():
        check_now("ephemeral-ports", FULL)
        check_now("ephemeral-ports to backend", FULL)

    assert hosts_of_dashboard() == {"proxy"}
    labels = (
        {"tcp_connect", "tcp_connect_fast", "tcp_bind", "udp_bind"},
        {"tcp_connect_free", "tcp_bind_free", "udp_bind_free"},
        {"tcp_connect_127.0.0.1:5000"},
        {"tcp_sockets", "tcp_time_wait", "udp_sockets"},
    )
    for panel, expected in zip(DASHBOARD["panels"], labels):
        shown = shown_by(panel, "proxy")
        assert set(shown) == expected
        if panel["title"] == "Ports used":
            assert shown["tcp_connect"] == 95


@pytest.mark.machine(ports=PORTS)
def test_the_dashboard_shows_windows_hosts_and_checks_as_root():
    start_influx()
    install_sudo()
    root = WINDOWS.replace('"windows"', '"root"').replace(
        'vars.os = "Windows"', 'vars.ephemeral_port_check = "owners"'
    )
    # Icinga 2 names what it writes after the CheckCommand, whatever program that runs
    set_up(more=WINDOWS + root, features=INFLUX_WRITER, windows_program=str(PLUGIN))
    with filled():
        for host in ("windows", "root"):
            check_now("ephemeral-ports", FULL, host)
    wait_for(lambda: hosts_of_dashboard() == {"windows", "root"})
    for host in ("windows", "root"):
        assert shown_by(DASHBOARD["panels"][0], host)["tcp_connect"] == 95


DASHBOARD = json.loads((CONTRIB / "grafana/icinga2-influxdb.json").read_text())
INFLUX_WRITER = 'object InfluxdbWriter "influxdb" { flush_interval = 1s }\n'


def start_influx():
    need_program("influxd", INSTALL_DAEMONS)
    start("influxd", "-config", "/etc/influxdb/influxdb.conf", user="influxdb")
    wait_for(lambda: influx("CREATE DATABASE icinga2"))


def hosts_of_dashboard():
    (host,) = (v for v in DASHBOARD["templating"]["list"] if v["name"] == "host")
    series = wait_for(lambda: influx(host["query"]).get("series"))
    return {name for one in series for _, name in one["values"]}


def shown_by(panel, host):
    """The last value of each label in the panel."""
    (target,) = panel["targets"]
    query = target["query"]
    for name, value in (
        ("$host", host),
        ("$timeFilter", "time > now() - 1h"),
        ("$__interval", "1h"),
    ):
        assert name in query
        query = query.replace(name, value)
    shown = wait_for(lambda: influx(query).get("series"))
    return {series["tags"]["metric"]: series["values"][-1][1] for series in shown}


def influx(query):
    """The answer of InfluxDB; ``None`` until it has started."""
    url = "http://127.0.0.1:8086/query?db=icinga2"
    data = urllib.parse.urlencode({"q": query}).encode()
    try:
        with urllib.request.urlopen(url, data) as answer:
            (result,) = json.load(answer)["results"]
    except urllib.error.URLError:  # not yet started
        return None
    assert "error" not in result, result
    return result
