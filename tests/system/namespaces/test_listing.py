"""The list of all network namespaces of a host, and their names."""

import os
import subprocess
import sys
import time

import pytest

from check_ephemeral_port.model.holders import Process
from check_ephemeral_port.model.namespaces import Namespace
from check_ephemeral_port.system.errors import SystemReadError
from check_ephemeral_port.system.namespaces import listing
from check_ephemeral_port.system.namespaces.enter import NamespaceGone
from check_ephemeral_port.system.namespaces.listing import list_namespaces
from check_ephemeral_port.system.ranges import read_port_settings
from tests.support.namespace import add_namespace, hold_namespace, run_inside
from tests.support.waiting import wait_until

HOST = pytest.mark.namespace(ports="40000-40039", host=True)
PORTS = "50000-50019"


def names():
    return [namespace.name for namespace in list_namespaces()]


@HOST
def test_the_order_is_own_then_named_then_others():
    add_namespace("web", PORTS)
    add_namespace("db", PORTS)
    holder = hold_namespace(PORTS)
    own, db, web, other = list_namespaces()
    assert own.own and not (db.own or web.own or other.own)
    assert (own.name, db.name, web.name, other.name) == (None, "db", "web", None)
    assert db.process is web.process is None
    assert other.process == Process(holder.pid, "sleep")
    assert other.paths == (f"/proc/{holder.pid}/ns/net",)


@HOST
@pytest.mark.parametrize("of_host", [True, False], ids=["host", "container"])
def test_the_namespace_of_process_1_is_that_of_the_host(of_host, monkeypatch):
    holder = hold_namespace(PORTS)
    # this test runs in a container
    assert not any(namespace.of_host for namespace in list_namespaces())
    monkeypatch.setattr(listing, "lists_first_processes", lambda proc: of_host)
    own, other = list_namespaces()
    assert (own.own, own.of_host) == (True, of_host)
    assert (other.process.pid, other.of_host) == (holder.pid, False)


@HOST
def test_a_named_namespace_with_processes_is_listed_once():
    path = add_namespace("web", PORTS)
    sleepers = [
        subprocess.Popen(["nsenter", f"--net={path}", "sleep", "100"]) for _ in range(9)
    ]
    wait_until(lambda: len(list_namespaces()[1].paths) == 6)
    _, web = list_namespaces()
    assert web.name == "web" and web.process.pid in {s.pid for s in sleepers}
    assert web.paths[0] == path


@HOST
def test_the_own_namespace_can_have_a_name():
    add_namespace("web", PORTS)
    program = (
        "from check_ephemeral_port.system.namespaces.listing import list_namespaces\n"
        "for n in list_namespaces(): print(n.own, n.name)"
    )
    command = ["nsenter", "--net=/run/netns/web", sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == "True web\nFalse None\n"


@HOST
def test_the_busiest_process_has_most_descriptors_or_the_lowest_pid():
    idle = hold_namespace(PORTS)
    inside = ["nsenter", f"--net=/proc/{idle.pid}/ns/net"]
    busy = subprocess.Popen(
        [*inside, sys.executable, "-c", "import os; r = os.pipe(); os.read(r[0], 1)"]
    )
    twin = subprocess.Popen([*inside, "sleep", "100"])
    wait_until(lambda: len(list_namespaces()[1].paths) == 3)
    time.sleep(0.5)  # until the pipe is open
    counts_descriptors = os.stat("/proc/self/fd").st_size > 0
    assert (
        list_namespaces()[1].process.pid == (busy if counts_descriptors else idle).pid
    )
    busy.kill()
    busy.wait()
    assert list_namespaces()[1].process.pid == idle.pid < twin.pid


@HOST
def test_entering_a_deleted_namespace_is_an_error():
    add_namespace("web", PORTS)
    holder = hold_namespace(PORTS)
    _, web, other = list_namespaces()
    subprocess.run(["ip", "netns", "del", "web"], check=True)
    holder.kill()
    holder.wait()
    for namespace in (web, other):
        with pytest.raises(NamespaceGone):
            run_inside(namespace.paths, read_port_settings)
    assert names() == [None]


@HOST
def test_a_zombie_process_is_skipped():
    holder = hold_namespace(PORTS)
    holder.kill()
    os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
    assert len(list_namespaces()) == 1


@HOST
def test_namespaces_of_other_users_are_listed():
    add_namespace("web", PORTS)
    holders = [hold_namespace(PORTS) for _ in range(2)]
    program = (
        "from check_ephemeral_port.system.namespaces.listing import list_namespaces\n"
        "for n in list_namespaces(): print(n.own, n.name, n.process and n.process.pid)"
    )
    # root of a new user namespace has no privilege outside it
    command = ["unshare", "--map-root-user", sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.splitlines()[1:] == [
        "False web None",
        *(f"False None {holder.pid}" for holder in holders),
    ]


@HOST
def test_file_names_in_unnamed_folders_are_ignored():
    path = add_namespace("4f5a12345678", PORTS)
    own, unnamed = list_namespaces(named=(), unnamed=["/run/netns"])
    assert own.own and unnamed == Namespace((path,))


def test_the_container_is_that_of_the_busiest_process(tmp_path):
    # files that are the same inode stand for one namespace
    for pid, namespace, cgroup in (
        ("self", "host", "0::/init.scope\n"),
        ("100", "container", f"0::/system.slice/docker-{'4f5a' * 16}.scope\n"),
        ("101", "container", "0::/\n"),
    ):
        for file in ("ns/net", "net/dev"):
            first = tmp_path / namespace / file
            first.parent.mkdir(parents=True, exist_ok=True)
            first.touch()
            (tmp_path / pid / file).parent.mkdir(parents=True)
            os.link(first, tmp_path / pid / file)
        (tmp_path / pid / "cgroup").write_text(cgroup)
        (tmp_path / pid / "comm").write_text("nginx\n")
    (found,) = list_namespaces(str(tmp_path), (), ())
    assert found.container == "4f5a4f5a4f5a"
    assert found.process == Process(100, "nginx")
    assert found.paths == tuple(f"{tmp_path}/{pid}/ns/net" for pid in (100, 101))


def test_without_proc_it_is_an_error(tmp_path):
    with pytest.raises(SystemReadError, match="/self/net/dev"):
        list_namespaces(str(tmp_path), (), ())
