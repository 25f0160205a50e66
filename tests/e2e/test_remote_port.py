"""``--port`` with ``--hostname``: the port of another host, by one connect()."""

import re
import time

import pytest

from tests.support.namespace import add_route, set_sysctl, write_hosts
from tests.support.plugin_process import check
from tests.support.sockets import full_listener, held_tcp_ports, listen

LIMIT = "4s"
"""A fifth of it is for the start, also on a busy machine."""

ALONE = pytest.mark.namespace(ports="40000-40999")


def check_there(*arguments, host="127.0.0.1", port="5000"):
    return check("-p", port, "-H", host, *arguments)


@ALONE
@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "[::1]"])
def test_open(host):
    where = host.strip("[]")
    begin = time.monotonic()
    with listen(where):
        run = check_there(host=host)
    elapsed = time.monotonic() - begin
    assert (run.exit_code, run.stderr) == (0, "")
    assert run.status.startswith(
        f"EPHEMERAL_PORT OK - port 5000 of {where} is open after "
    )
    assert " ms - user by IANA" in run.status and "ephemeral range" not in run.status
    value, *rest = run.perfdata_fields["time"].split(";")
    assert value.endswith("s") and 0 <= float(value[:-1]) < elapsed
    assert rest == ["", "", "0", "30"] and list(run.perfdata) == ["time"]


@ALONE
def test_filtered_is_an_answer_and_comes_before_the_time_out():
    with full_listener():
        run = check_there("-t", LIMIT)
    assert (run.exit_code, run.stderr) == (0, "")
    assert re.search(
        r"port 5000 of 127\.0\.0\.1 is filtered after 3\.\d s -", run.status
    )
    assert 3 < run.perfdata["time"] < 4
    assert run.perfdata_fields["time"].endswith("s;;;0;4")


@ALONE
def test_unreachable_has_the_words_of_the_system():
    add_route("unreachable", "192.0.2.0/24")
    run = check_there(host="192.0.2.7")
    assert run.exit_code == 0
    assert "192.0.2.7 is unreachable after " in run.status
    assert " ms, No route to host - user by IANA" in run.status


@ALONE
def test_a_name_is_shown_with_its_address():
    with listen():
        run = check_there("-4", host="localhost")
    assert "port 5000 of localhost (127.0.0.1) is open after " in run.status


@ALONE
@pytest.mark.parametrize(
    "expected, exit_codes",
    [("open", [0, 2, 2, 2]), ("closed", [2, 0, 2, 2]), ("filtered", [2, 2, 0, 2])],
)
def test_expectations(expected, exit_codes):
    add_route("unreachable", "192.0.2.0/24")
    with listen(), full_listener(port=5002):
        runs = [
            check_there("--expect", expected, "-t", LIMIT, port=port, host=host)
            for port, host in (
                ("5000", "127.0.0.1"),
                ("5001", "127.0.0.1"),
                ("5002", "127.0.0.1"),
                ("5000", "192.0.2.7"),
            )
        ]
    assert [run.exit_code for run in runs] == exit_codes
    for run, found in zip(runs, ("open", "closed", "filtered", "unreachable")):
        words = f"CRITICAL - expected {expected}, found {found} - port 500"
        assert (words in run.status) == (run.exit_code == 2)
        assert "time" in run.perfdata


@ALONE
def test_thresholds_are_seconds():
    with full_listener():
        run = check_there("-t", LIMIT, "-w", "0.5", "-c", "5")
    assert run.exit_code == 1
    assert re.search(r" WARNING - it took 3\.\d", run.status)
    assert " - port 5000 of 127.0.0.1 is filtered" in run.status
    assert run.perfdata_fields["time"].endswith("s;0.5;5;0;4")


@ALONE
def test_the_address_that_answered_is_named(tmp_path):
    write_hosts(tmp_path, "127.0.0.2 db.example.com\n127.0.0.3 db.example.com\n")
    script = f'mount --bind {tmp_path} /etc && exec "$0" "$@"'
    with listen("127.0.0.3"):
        run = check(
            *("-p", "5000", "-H", "db.example.com", "-v"),
            within=["unshare", "-rm", "sh", "-c", script],
        )
    assert (run.exit_code, run.stderr) == (0, "")
    assert "port 5000 of db.example.com (127.0.0.3) is open after " in run.status
    assert " ms (1 more address tried) - " in run.status
    *_, refused, answered = run.stdout.splitlines()
    assert refused.split()[:2] == ["127.0.0.2", "closed"]
    assert answered.split()[:2] == ["127.0.0.3", "open"]


@ALONE
def test_a_host_without_free_ports_is_unknown():
    set_sysctl("ip_local_port_range", "40000 40001")
    with listen(), held_tcp_ports(2):
        run = check_there("--expect", "closed")
    assert (run.exit_code, run.stderr) == (3, "")
    assert run.stdout == (
        "EPHEMERAL_PORT UNKNOWN - cannot connect to 127.0.0.1, no ephemeral port"
        " remains, or this host has no such address\n"
    )


@ALONE
def test_details():
    run = check_there("-vvv")
    assert run.stdout.count("|") == 1
    assert "IANA:    user (registered) ports, 1024-49151" in run.stdout
    assert "127.0.0.1  closed   " in run.stdout
    assert " ms  reaching 127.0.0.1" in run.stdout


@ALONE
def test_without_privilege():
    with listen():
        run = check("-p", "5000", "-H", "127.0.0.1", within=["unshare", "--user"])
    assert run.exit_code == 0 and " is open after " in run.status
