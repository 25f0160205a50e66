"""The installed program on hosts with several network namespaces."""

import os
import re
import subprocess
from contextlib import contextmanager

import pytest

from tests.support.farm import count_tcp_sockets
from tests.support.namespace import (
    add_link,
    add_namespace,
    add_silent_neighbor,
    hold_namespace,
    run_inside,
    set_sysctl,
)
from tests.support.needs import BE_ROOT, skip_without
from tests.support.plugin_process import assert_unknown, check
from tests.support.seccomp import hang_in_setns
from tests.support.sockets import (
    bind,
    connect,
    connect_without_waiting,
    held_sockets,
    held_udp_ports,
    listen,
    on_device,
    open_sockets,
    time_wait,
)
from tests.support.threads import without_first_thread

SERVER = ("127.0.0.1", 5000)
FIX = ", needs root (see contrib/sudoers), or CAP_SYS_ADMIN and CAP_SYS_PTRACE"
IDLE = (
    "0% of 40 ports for TCP connect() used, 40 remaining - 0% of 40 ports for UDP used"
)

# a host with only the sockets and namespaces of the test
HOST = pytest.mark.namespace(ports="40000-40039", host=True)
# root of its own user namespace has no privilege outside of it
STRANGER = ["unshare", "--map-root-user"]


@contextmanager
def connections(path, count):
    """Connections to one destination in this namespace."""
    opened = run_inside(
        [path], lambda: [listen(), *open_sockets(count, lambda: connect(SERVER))]
    )
    with held_sockets(*opened):
        yield


def write_inside(path, name, value):
    """Set ``net.ipv4.NAME`` of this namespace."""
    run_inside([path], lambda: set_sysctl(name, value))


def myself():
    with open("/proc/self/comm", encoding="utf-8") as file:
        return f"{file.read().strip()}[{os.getpid()}]"


@HOST
def test_the_worst_namespace_is_judged_and_named():
    add_namespace("db", "50000-50099")
    web = add_namespace("web", "60000-60019")
    add_namespace("mail", "45000-45199")
    with connections(web, 20):
        run = check("--all-netns")
    assert (run.exit_code, run.stderr) == (2, "")
    assert run.status == (
        "EPHEMERAL_PORT CRITICAL - in netns web, worst of 4,"
        " 100% of 20 ports to 127.0.0.1:5000 used, above 90%, none remaining,"
        " a connect tried just now was refused"
        f" - {myself()} holds 20 - the range is small, 28232 ports are usual"
    )
    assert run.perfdata_fields["tcp_connect_free"] == "0;;;0;20"
    assert (run.perfdata["netns"], run.perfdata["netns_failed"]) == (4, 0)


@HOST
def test_perfdata_has_the_worst_namespace_and_two_counts():
    usual = set(check().perfdata)
    for number in range(5):
        add_namespace(f"n{number}", "50000-50099")
    assert set(check("--all-netns").perfdata) == usual | {"netns", "netns_failed"}
    assert set(check("--netns", "n3").perfdata) == usual


@HOST
def test_a_namespace_that_only_a_process_holds_is_found():
    holder = hold_namespace("50000-50039")
    with connections(f"/proc/{holder.pid}/ns/net", 34):
        run = check("--all-netns")
    assert run.exit_code == 1
    assert run.status.startswith(
        f"EPHEMERAL_PORT WARNING - in netns sleep[{holder.pid}], worst of 2, 85% of 40 "
    )


@HOST
@pytest.mark.parametrize("count, code, state", [(0, 1, "WARNING"), (37, 2, "CRITICAL")])
def test_a_namespace_that_hangs_does_not_cost_the_others(count, code, state):
    for name in ("db", "mail", "web"):
        add_namespace(name, "50000-50099")
    with listen(), held_sockets(*open_sockets(count, lambda: connect(SERVER))):
        run = check(
            *("--all-netns", "-v", "-t", "8s"),
            preexec_fn=hang_in_setns,
            close_fds=False,
        )
    assert (run.exit_code, run.stderr) == (code, "")
    missing = "cannot inspect 3 of 4 network namespaces (db, mail, web), no answer"
    assert run.status.startswith(f"EPHEMERAL_PORT {state} - ")
    assert missing in run.status
    assert (run.perfdata["netns"], run.perfdata["netns_failed"]) == (1, 3)
    assert "\nweb: no answer within " in run.stdout
    if count:
        assert f"{state} - in own netns 92% of 40 ports to 127.0.0.1:5000" in run.status
        assert f"{myself()} holds 37" in run.status
    else:
        assert f"{state} - {missing}" in run.status
        assert " - in own netns 0% " in run.status


@HOST
def test_a_namespace_whose_only_process_lost_its_first_thread_is_found():
    # the range of a new namespace is the usual one
    narrow = "echo 50000 50039 >/proc/sys/net/ipv4/ip_local_port_range"
    up = "ip link set lo up"
    within = ["unshare", "--net", "sh", "-c", f'{up}; {narrow}; exec "$@"', "sh"]
    with without_first_thread(38, *within) as pid:
        run = check("--all-netns")
    assert (run.exit_code, run.perfdata["netns"]) == (2, 2)
    assert f"[{pid}], worst of 2, 95% of 40 ports for UDP used" in run.status
    assert f"[{pid}] holds 38" in run.status


@HOST
def test_a_container_is_named_by_its_process_and_its_short_id(tmp_path):
    holder = hold_namespace("50000-50039")
    # the cgroup that Docker would give it
    cgroup = tmp_path / "cgroup"
    cgroup.write_text(f"0::/system.slice/docker-{'4f5a12345678' * 5}abcd.scope\n")
    there = f"/proc/{holder.pid}/cgroup"
    subprocess.run(["mount", "--bind", str(cgroup), there], check=True)
    with connections(f"/proc/{holder.pid}/ns/net", 34):
        run = check("--all-netns", "-v")
    where = f"sleep[{holder.pid}] 4f5a12345678"
    assert f" WARNING - in netns {where}, worst of 2, 85% of 40 " in run.status
    assert f"\n{where}  50000-50039   85.00%" in run.stdout


@HOST
@pytest.mark.parametrize("kind", ["name", "pid", "path"])
def test_netns_reports_range_sockets_and_holders_of_that_namespace(kind):
    holder = hold_namespace("50000-50019")
    path = f"/proc/{holder.pid}/ns/net"
    asked = {"name": "web", "pid": str(holder.pid), "path": path}[kind]
    if kind == "name":
        path = add_namespace("web", "50000-50019")
    with connections(path, 19), held_udp_ports(30):
        run = check("--netns", asked, "-v")
    assert run.exit_code == 2
    assert run.status.startswith(f"EPHEMERAL_PORT CRITICAL - in netns {asked} 95% of ")
    assert f" - {myself()} holds 19 - " in run.status
    assert run.perfdata["udp_sockets"] == 0
    assert "pool: 50000-50019 minus 0 reserved: 20 ports" in run.stdout


# it has its own processes and network, and the host's /proc in a folder
CONTAINER = """
mkdir -p /run/host/proc
mount --rbind /proc /run/host/proc
mount -t proc proc /proc
exec "$@"
"""


@HOST
def test_a_container_checks_another_through_the_proc_of_the_host():
    web = hold_namespace("50000-50019")
    asked = f"/run/host/proc/{web.pid}/ns/net"
    unshare = ["unshare", "--mount", "--pid", "--net", "--fork"]
    within = [*unshare, "sh", "-ec", CONTAINER, "sh"]
    with connections(f"/proc/{web.pid}/ns/net", 19):
        run = check("--netns", asked, "-v", within=within)
    assert (run.exit_code, run.stderr) == (2, "")
    assert run.status.startswith(f"EPHEMERAL_PORT CRITICAL - in netns {asked} 95% of ")
    assert f" - {myself()} holds 19 - " in run.status
    # a number, since a container can have other names for users
    assert re.search(rf"^{re.escape(myself())} +{os.getuid()} +19$", run.stdout, re.M)

    refused = check("--netns", asked, within=[*within, *STRANGER])
    reason = f"cannot enter network namespace {asked}, Permission denied{FIX}"
    assert refused.stdout == f"EPHEMERAL_PORT UNKNOWN - {reason}\n"


@HOST
def test_settings_of_time_wait_are_those_of_the_namespace():
    path = add_namespace("web", "50000-50019")
    write_inside(path, "tcp_tw_reuse", 0)

    def wait():
        time_wait(18, listen(), lambda: connect(SERVER))

    run_inside([path], wait)
    wait()
    inside, outside = check("--netns", "web"), check()
    assert (inside.exit_code, outside.exit_code) == (1, 0)
    assert " - TIME_WAIT holds 18 - " in inside.status


@HOST
def test_probing_happens_inside():
    path = add_namespace("web", "50000-50019")

    def bound_first():
        return [listen(), *open_sockets(6, lambda: connect(SERVER, "127.0.0.1", False))]

    with held_sockets(*run_inside([path], bound_first)):
        guessed = check("--netns", "web", "-vv").free_bounds("tcp_connect")
        settled = check("--netns", "web", "-vv", "--probe").free_bounds("tcp_connect")
        assert guessed[0] == settled[0] == settled[1] == 14
        every = check("--all-netns", "--probe", "-vv").free_bounds("tcp_connect")
    assert every == (14, 14)


@HOST
def test_a_namespace_that_vanishes_after_the_listing_is_skipped():
    with vanishing():
        for _ in range(10):
            run = check("--all-netns")
            assert run.exit_code == 0
            assert run.perfdata["netns_failed"] == 0
            assert run.perfdata["netns"] >= 1


@contextmanager
def vanishing():
    """Namespaces of processes that come and go all the time."""
    loop = subprocess.Popen(
        ["sh", "-c", "while :; do unshare --net true; done"], start_new_session=True
    )
    try:
        yield
    finally:
        os.killpg(loop.pid, 9)
        loop.wait()


@HOST
def test_without_privilege_other_namespaces_are_unknown_with_reason_and_fix():
    add_namespace("web", "50000-50019")
    run = check("--netns", "web", within=STRANGER)
    refused = "cannot enter network namespace /run/netns/web, Operation not permitted"
    assert run.stdout == f"EPHEMERAL_PORT UNKNOWN - {refused}{FIX}\n"
    assert run.exit_code == 3

    run = check("--all-netns", within=STRANGER)
    assert (run.exit_code, run.stderr) == (3, "")
    assert run.status.startswith(
        "EPHEMERAL_PORT UNKNOWN - cannot inspect 1 of 2 network namespaces"
        f" (web), {refused}{FIX} - in own netns {IDLE}"
    )
    assert (run.perfdata["netns"], run.perfdata["netns_failed"]) == (1, 1)


@HOST
def test_without_privilege_the_own_namespace_can_be_checked():
    with held_udp_ports(38):
        for asked in ("/proc/self/ns/net", str(os.getpid())):
            run = check("--netns", asked, within=STRANGER)
            assert run.exit_code == 2 and run.perfdata["udp_bind"] == 95
        assert check("--all-netns", within=STRANGER).exit_code == 2


@HOST
def test_a_namespace_that_cannot_be_entered_does_not_hide_an_alarm():
    add_namespace("web", "50000-50019")
    with held_udp_ports(38):
        run = check("--all-netns", within=STRANGER)
    assert run.exit_code == 2
    assert run.status.startswith("EPHEMERAL_PORT CRITICAL - in own netns 95% of 40 ")
    assert " - cannot inspect 1 of 2 network namespaces (web), " in run.status


@HOST
def test_a_survey_that_never_began_counts_no_namespaces():
    run = check("--all-netns", "-d", "no-such-host.invalid:443")
    assert_unknown(run, "cannot resolve 'no-such-host.invalid', ")


@HOST
def test_a_name_that_is_no_namespace_is_counted_and_named():
    os.makedirs("/run/netns")
    open("/run/netns/stale", "w").close()
    run = check("--all-netns")
    assert run.exit_code == 3
    assert (
        "(stale), /run/netns/stale is not a network namespace - in own " in run.status
    )


@HOST
def test_each_namespace_has_a_row_with_the_fullest_first():
    for number in range(8):
        add_namespace(f"n{number}", f"5000{number}-50099")
    web = add_namespace("x" * 60, "60000-60019")
    bound = run_inside([web], lambda: open_sockets(3, bind))
    with connections(web, 10), held_sockets(*bound):
        run = check("--all-netns", "-v")
        few = check("--all-netns", "-v", "--top", "2").stdout.split("\n\n")[-1]
    head, *rows = run.stdout.split("\n\n")[-1].splitlines()
    name = "x" * 38 + ".."
    assert head.split() == ["namespace", "range", "connect", "UDP", "sockets"]
    assert rows[0].split() == [name, "60000-60019", "65.00%", "0.00%", "13"]
    assert rows[1].split() == ["own", "40000-40039", "0.00%", "0.00%", "0"]
    assert [row.split()[0] for row in rows[2:]] == [f"n{number}" for number in range(8)]
    assert max(map(len, run.stdout.splitlines()[1:])) <= 80
    assert few.splitlines() == [head, *rows[:2], "and 8 more, none of them worse"]


@HOST
@pytest.mark.parametrize("name", ["a|b", "\x1b[31m", "a'b=c;d", "<script>", "x y"])
def test_a_hostile_name_breaks_nothing(name):
    path = add_namespace(name, "50000-50019")
    with connections(path, 20):
        run = check("--all-netns", "-v")
    first = run.stdout.split("\n")[0]
    assert run.exit_code == 2
    assert first.count("|") == 1 and run.stdout.isascii()
    assert not set("<>\x1b") & set(run.stdout) and name not in run.stdout


@HOST
def test_a_host_name_is_resolved_outside_of_the_namespace():
    # inside, no interface is up, not even loopback
    subprocess.run(["ip", "netns", "add", "web"], check=True)
    run = check("--netns", "web", "-d", "localhost:443")
    assert run.exit_code == 0 and "to localhost:443 used" in run.status


@HOST
def test_20000_sockets_are_counted_in_their_namespace_only():
    web = add_namespace("web", "20000-59999")
    write_inside(web, "tcp_tw_reuse", 0)

    def wait():
        for number in range(1, 5):
            server = listen(f"127.0.0.{number}")
            time_wait(5000, server, lambda: connect((f"127.0.0.{number}", 5000)))

    run_inside([web], wait)
    for options in ("--netns", "web"), ("--all-netns",):
        _, before = run_inside([web], count_tcp_sockets)
        run = check(*options)
        _, after = run_inside([web], count_tcp_sockets)
        # the kernel drops some if all namespaces together have many
        least, most = sorted((before, after))
        assert 19000 < least <= most <= 20000
        assert least <= run.perfdata["tcp_time_wait"] <= most
        assert run.perfdata["tcp_sockets"] == run.perfdata["tcp_time_wait"]
        assert run.perfdata["tcp_connect"] == pytest.approx(12.5, abs=0.7)
    assert check().perfdata["tcp_sockets"] == 0


@HOST
def test_a_device_belongs_to_the_namespace_that_is_checked():
    web = add_namespace("web", "40000-40039")
    for link in "other", "eth1":  # so that the index of eth1 is another one here
        add_link(link)

    def connect_over_eth1():
        return connect_without_waiting(("192.0.2.7", 443), [on_device("eth1")])

    def opened():
        add_link("eth1", "192.0.2.1/24")
        add_silent_neighbor("192.0.2.7", "eth1")
        return open_sockets(30, connect_over_eth1)

    with held_sockets(*run_inside([web], opened)):
        run = check("-d", "192.0.2.7%eth1:443", "--netns", "web")
        assert run.perfdata["tcp_connect_192.0.2.7%eth1:443_free"] == 10
    elsewhere = check("-d", "192.0.2.7%other:443", "--netns", "web")
    assert_unknown(elsewhere, "there is no network device 'other'")


@HOST
def test_psutil_is_left_out_if_other_namespaces_hold_many_sockets():
    with connections(add_namespace("busy", "32768-60999"), 1500):
        run = check("-v")
    assert "\nsampled by sock_diag: 0 sockets in the pool\n" in run.stdout


@HOST
def test_200_empty_namespaces_are_inspected():
    for number in range(200):
        subprocess.run(["ip", "netns", "add", f"n{number}"], check=True)
    run = check("--all-netns")
    assert run.perfdata["netns"] == 201 and run.exit_code == 0
    # tables of the worst come first, and rows fill the remaining room
    _, head, *_, last = check("--all-netns", "-v").stdout.splitlines()
    assert head.startswith("usage ") and last.endswith(" lines left out)")


# a host with several users, where /proc hides their processes from each other
HIDING = """
mount -t proc -o hidepid=$0 proc /proc
exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
"""
HIDDEN = "/proc hides the processes of other users (hidepid)"


def without_others(hidepid):
    """Run the program as a user who sees no process of another one."""
    if os.geteuid():
        skip_without("root, which can mount /proc with hidepid", BE_ROOT)
    return ["unshare", "--mount", "sh", "-ec", HIDING, hidepid]


@pytest.mark.namespace(ports="40000-40039", host=True, users=True)
@pytest.mark.parametrize("hidepid", ["noaccess", "invisible", "ptraceable"])
def test_where_processes_are_hidden_all_netns_is_not_ok(hidepid):
    hold_namespace("50000-50019")
    within = without_others(hidepid)
    run = check("--all-netns", within=within)
    assert (run.exit_code, run.stderr) == (3, "")
    reason = f"{HIDDEN} and so their network namespaces, run as root"
    start = f"EPHEMERAL_PORT UNKNOWN - {reason} - in own netns {IDLE}"
    assert run.status.startswith(start)
    with held_udp_ports(38):
        run = check("--all-netns", within=within)
    assert run.exit_code == 2
    assert " CRITICAL - in own netns 95% of 40 ports for UDP used" in run.status
    assert f" - {reason}" in run.status
    add_namespace("web", "50000-50019")
    run = check("--all-netns", within=within)
    assert run.exit_code == 3
    assert "cannot inspect 1 of 2 network namespaces (web), " in run.status
    assert f"{FIX}, and {HIDDEN} - in own " in run.status
    # root sees all
    assert check("--all-netns").exit_code == 0


@pytest.mark.namespace(ports="40000-40039", host=True, users=True)
@pytest.mark.parametrize("hidepid", ["noaccess", "invisible", "ptraceable"])
def test_where_processes_are_hidden_a_pid_is_not_called_missing(hidepid):
    pid = hold_namespace("50000-50019").pid
    run = check("--netns", str(pid), within=without_others(hidepid))
    where = f"/proc/{pid}/ns/net"
    if hidepid == "noaccess":  # the folder is there, but closed
        reason = f"cannot enter network namespace {where}, Operation not permitted"
    else:
        reason = f"there is no {where} to see, {HIDDEN}"
    assert run.stdout == f"EPHEMERAL_PORT UNKNOWN - {reason}{FIX}\n"
    assert run.exit_code == 3
    assert check("--netns", str(pid)).exit_code == 0
