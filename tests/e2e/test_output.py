"""The installed program as a process: whole output and exit code."""

import os
from contextlib import contextmanager

import pytest

from tests.support.namespace import set_sysctl
from tests.support.plugin_process import check
from tests.support.sockets import (
    bind_udp,
    connect,
    held_connections,
    held_sockets,
    held_tcp_ports,
    held_udp_ports,
    listen,
    open_sockets,
    time_wait,
)

SERVER = ("127.0.0.1", 5000)
SLOW = "connects are slow because the ports tried first are used up"

# a namespace with only the sockets of the test
ALONE = pytest.mark.namespace(ports="40000-40039")


@contextmanager
def one_connection_each(addresses):
    """A listener at each address, and a connection to it."""
    servers = [listen(address) for address in addresses]
    clients = [connect(server.getsockname()) for server in servers]
    with held_sockets(*servers, *clients):
        yield


@ALONE
def test_ok_on_an_idle_host():
    run = check()
    assert (run.exit_code, run.stderr) == (0, "")
    assert run.stdout == (
        "EPHEMERAL_PORT OK - 0% of 40 ports for TCP connect() used, 40 remaining"
        " - 0% of 40 ports for UDP used, 40 remaining"
        " | tcp_bind=0%;;;0;100 tcp_bind_free=40;;;0;40"
        " tcp_connect=0%;80;90;0;100 tcp_connect_fast=0%;;;0;100"
        " tcp_connect_free=40;;;0;40 tcp_sockets=0;;;0 tcp_time_wait=0;;;0"
        " udp_bind=0%;80;90;0;100 udp_bind_free=40;;;0;40 udp_sockets=0;;;0\n"
    )


@ALONE
@pytest.mark.parametrize(
    "connections, exit_code, state, free",
    [(32, 0, "OK", 8), (33, 1, "WARNING", 7), (37, 2, "CRITICAL", 3)],
)
def test_the_default_thresholds(connections, exit_code, state, free):
    with held_connections(connections):
        run = check()
    assert (run.exit_code, run.stderr) == (exit_code, "")
    assert run.status.startswith(f"EPHEMERAL_PORT {state} - ")
    limit = {"OK": "", "WARNING": "above 80%, ", "CRITICAL": "above 90%, "}[state]
    assert (
        f"% of 40 ports to 127.0.0.1:5000 used, {limit}{free} remaining" in run.status
    )
    if exit_code:
        assert f"[{os.getpid()}] holds {connections} - " in run.status
    else:
        assert f" - {SLOW} - " in run.status


@ALONE
def test_a_full_pool_is_100_percent_and_not_slow():
    with held_connections(40):
        run = check()
    assert (
        "100% of 40 ports to 127.0.0.1:5000 used, above 90%, none remaining"
        in run.status
    )
    assert "slow" not in run.status
    assert run.perfdata_fields["tcp_connect"] == "100%;80;90;0;100"


@ALONE
def test_udp_alarms_by_itself():
    with held_udp_ports(38):
        run = check()
    assert run.exit_code == 2
    assert run.status.startswith(
        "EPHEMERAL_PORT CRITICAL - 95% of 40 ports for UDP used, above 90%, 2 remaining"
    )


@ALONE
def test_bind_alarms_only_if_asked():
    with held_tcp_ports(39):
        assert check("-w", "~:", "-c", "~:").exit_code == 0
        run = check("-w", "~:", "-c", "~:", "--bind-critical", "95%")
    assert run.exit_code == 2
    assert "97% of 40 ports for TCP bind() used, above 95%, 1 remaining" in run.status
    assert run.perfdata_fields["tcp_bind"] == "97.5%;;95;0;100"


@ALONE
def test_thresholds_in_free_ports():
    with held_connections(15):
        run = check("--free-warning", "30:", "--free-critical", "@0:10")
    assert run.exit_code == 1
    assert run.perfdata_fields["tcp_connect_free"] == "25;30:;@10;0;40"


@ALONE
def test_thresholds_for_the_half_that_is_tried_first():
    with held_connections(15):
        run = check("--fast-warning", "50", "--fast-critical", "90")
    assert run.exit_code == 1
    assert run.status == (
        "EPHEMERAL_PORT WARNING - 37% of 40 ports to 127.0.0.1:5000 used, 25 remaining,"
        f" 75% of those that connect() tries first, above 50% - {myself()} holds 15"
        " - the range is small, 28232 ports are usual"
    )
    assert run.perfdata_fields["tcp_connect_fast"] == "75%;50;90;0;100"


@ALONE
@pytest.mark.parametrize("verbose", ["-v", "-vv", "-vvv"])
def test_perfdata_is_whole_on_the_first_line_at_every_verbosity(verbose):
    with held_connections(35), bind_udp():
        plain, run = check(), check(verbose)
    assert run.stdout.split("\n")[0] == plain.stdout.rstrip("\n")
    assert "|" not in run.stdout.split("\n", 1)[1]
    assert run.exit_code == plain.exit_code == 1
    assert max(map(len, run.stdout.split("\n")[1:])) <= 80


@ALONE
def test_top_limits_the_tables():
    with one_connection_each(f"127.0.0.{n}" for n in range(1, 8)):
        assert check("-v").stdout.count(":5000 from ") == 5
        assert check("-v", "--top", "2").stdout.count(":5000 from ") == 2


@ALONE
def test_one_protocol_leaves_the_other_out():
    tcp, udp = check("--protocol", "tcp"), check("--protocol", "udp")
    assert not any("udp" in label for label in tcp.perfdata)
    assert set(udp.perfdata) == {"udp_bind", "udp_bind_free", "udp_sockets"}
    assert udp.status == "EPHEMERAL_PORT OK - 0% of 40 ports for UDP used, 40 remaining"


@ALONE
def test_several_destinations_have_perfdata_each():
    with listen("127.0.0.2"), listen("::1"), held_connections(20):
        others = open_sockets(4, lambda: connect(("127.0.0.2", 5000)))
        others += open_sockets(8, lambda: connect(("::1", 5000)))
        with held_sockets(*others):
            run = check("-d", "127.0.0.2:5000", "-d", "[::1]:5000")
    v6 = "[0000:0000:0000:0000:0000:0000:0000:0001]:5000"
    assert run.perfdata["tcp_connect_127.0.0.2:5000"] == 10
    assert run.perfdata[f"tcp_connect_{v6}"] == run.perfdata["tcp_connect"] == 20
    assert run.perfdata[f"tcp_connect_{v6}_free"] == 32
    assert "20% of 40 ports to [::1]:5000 used, 32 remaining" in run.status


@ALONE
def test_exit_ok_exits_0_and_shows_the_state():
    with held_udp_ports(38):
        run = check("--exit-ok")
    assert run.exit_code == 0
    assert run.status.startswith("EPHEMERAL_PORT CRITICAL - ")


@ALONE
def test_without_privilege_the_state_is_the_same_without_names():
    with held_udp_ports(38):
        # root of its own user namespace has no privilege outside of it
        unprivileged = check("-v", within=["unshare", "--map-root-user"])
        privileged = check("-v")
    assert unprivileged.exit_code == privileged.exit_code == 2
    assert unprivileged.perfdata_fields == privileged.perfdata_fields
    assert f"[{os.getpid()}] holds 38" in privileged.status
    assert " - a process of root holds 38 - " in unprivileged.status


def myself():
    """How the check names the process that runs the test."""
    with open("/proc/self/comm", encoding="utf-8") as file:
        return f"{file.read().strip()}[{os.getpid()}]"


@ALONE
@pytest.mark.parametrize(
    "connections, exit_code, state, share, limit",
    [(33, 1, "WARNING", "82", "80%"), (37, 2, "CRITICAL", "92", "90%")],
)
def test_the_whole_line_of_an_alarm(connections, exit_code, state, share, limit):
    with held_connections(connections):
        run = check()
    free = 40 - connections
    assert (run.exit_code, run.stderr) == (exit_code, "")
    assert run.stdout == (
        f"EPHEMERAL_PORT {state} - {share}% of 40 ports to 127.0.0.1:5000 used,"
        f" above {limit}, {free} remaining - {myself()} holds {connections}"
        " - the range is small, 28232 ports are usual"
        f" | tcp_bind={share}.5%;;;0;100 tcp_bind_free={free};;;0;40"
        f" tcp_connect={share}.5%;80;90;0;100 tcp_connect_fast=100%;;;0;100"
        f" tcp_connect_free={free};;;0;40"
        f" tcp_sockets={connections};;;0 tcp_time_wait=0;;;0"
        " udp_bind=0%;80;90;0;100 udp_bind_free=40;;;0;40 udp_sockets=0;;;0\n"
    )


@ALONE
def test_every_threshold_is_printed_as_it_was_given():
    run = check(
        *("-w", "70%", "-c", "@75:100%", "--bind-warning", "12.5"),
        *("--bind-critical", "~:99", "--fast-warning", "10:20"),
        *("--fast-critical", "50%", "--free-warning", "2:", "--free-critical", "~:"),
    )
    assert run.exit_code == 1
    assert run.stdout.partition(" | ")[2] == (
        "tcp_bind=0%;12.5;~:99;0;100 tcp_bind_free=40;;;0;40"
        " tcp_connect=0%;70;@75:100;0;100 tcp_connect_fast=0%;10:20;50;0;100"
        " tcp_connect_free=40;2:;~:;0;40 tcp_sockets=0;;;0 tcp_time_wait=0;;;0"
        " udp_bind=0%;70;@75:100;0;100 udp_bind_free=40;2:;~:;0;40 udp_sockets=0;;;0\n"
    )


@ALONE
@pytest.mark.parametrize(
    "option, text",
    [
        ("--warning=40", "to 127.0.0.1:5000 used, above 40%, 20 remaining - "),
        ("--free-warning=21:", "to 127.0.0.1:5000 used, 20 remaining, below 21 - "),
        ("--bind-warning=40", "for TCP bind() used, above 40%, 20 remaining - "),
        (
            "--fast-warning=90",
            "to 127.0.0.1:5000 used, 20 remaining, 100% of those that connect() tries"
            " first, above 90% - ",
        ),
    ],
)
def test_each_pair_of_thresholds_warns_or_is_critical(option, text):
    with held_connections(20):
        for severity, exit_code in (("warning", 1), ("critical", 2)):
            run = check("--protocol=tcp", option.replace("warning", severity))
            assert run.exit_code == exit_code
            state = severity.upper()
            begin = f"EPHEMERAL_PORT {state} - 50% of 40 ports {text}"
            assert run.status.startswith(f"{begin}{myself()} holds 20")


@ALONE
def test_the_whole_output_of_one_protocol():
    assert check("--protocol", "tcp").stdout == (
        "EPHEMERAL_PORT OK - 0% of 40 ports for TCP connect() used, 40 remaining"
        " | tcp_bind=0%;;;0;100 tcp_bind_free=40;;;0;40"
        " tcp_connect=0%;80;90;0;100 tcp_connect_fast=0%;;;0;100"
        " tcp_connect_free=40;;;0;40 tcp_sockets=0;;;0 tcp_time_wait=0;;;0\n"
    )
    assert check("--protocol", "udp").stdout == (
        "EPHEMERAL_PORT OK - 0% of 40 ports for UDP used, 40 remaining"
        " | udp_bind=0%;80;90;0;100 udp_bind_free=40;;;0;40 udp_sockets=0;;;0\n"
    )


@ALONE
def test_the_perfdata_of_a_destination_in_whole():
    run = check("-d", "192.0.2.7:443", "--protocol", "tcp", "--free-warning", "9:")
    assert run.stdout == (
        "EPHEMERAL_PORT OK - 0% of 40 ports to 192.0.2.7:443 used, 40 remaining"
        " | 'tcp_connect_192.0.2.7:443'=0%;80;90;0;100"
        " 'tcp_connect_192.0.2.7:443_free'=40;9:;;0;40"
        " tcp_bind=0%;;;0;100 tcp_bind_free=40;;;0;40"
        " tcp_connect=0%;80;90;0;100 tcp_connect_fast=0%;;;0;100"
        " tcp_connect_free=40;9:;;0;40 tcp_sockets=0;;;0 tcp_time_wait=0;;;0\n"
    )


@ALONE
@pytest.mark.parametrize(
    "asked", [["192.0.2.7:443"] * 2, ["[2001:db8::1]:443", "[2001:DB8:0::1]:443"]]
)
def test_no_label_is_printed_twice(asked):
    run = check(*(word for name in asked for word in ("-d", name)))
    labels = [part.split("=")[0] for part in run.stdout.split(" | ")[1].split()]
    assert sorted(labels) == sorted(set(labels))


@ALONE
def test_the_source_narrows_the_count():
    with held_connections(20, source="127.0.0.2"):
        others = open_sockets(4, lambda: connect(SERVER, "127.0.0.3"))
        with held_sockets(*others):
            used = [
                check("--source", source).perfdata["tcp_connect"]
                for source in ("127.0.0.2", "127.0.0.3", "127.0.0.4", "0.0.0.0")
            ]
    assert used == [50, 10, 0, 50]


@ALONE
def test_time_wait_is_counted_and_named_as_the_cause():
    set_sysctl("tcp_tw_reuse", 0)
    server = listen()
    time_wait(35, server, lambda: connect(SERVER))
    run = check()
    assert run.exit_code == 1
    assert run.perfdata["tcp_time_wait"] == run.perfdata["tcp_sockets"] == 35
    assert " - TIME_WAIT holds 35 - " in run.status


@ALONE
def test_more_rows_with_more_v_unless_top_says_how_many():
    def rows(*arguments):
        return check(*arguments).stdout.count(":5000 from ")

    with one_connection_each(f"127.0.0.{n}" for n in range(1, 26)):
        assert [rows("-v"), rows("-vv"), rows("-vvv")] == [5, 20, 20]
        assert [rows("-v", "--top=1"), rows("-vvv", "--top=25")] == [1, 25]
