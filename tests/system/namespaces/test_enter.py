"""Running a task inside another network namespace."""

import os
import subprocess
import sys
import threading

import pytest

from check_ephemeral_port.model.namespaces import Namespace
from check_ephemeral_port.model.ports import PortRange
from check_ephemeral_port.system.errors import SystemReadError
from check_ephemeral_port.system.namespaces.enter import (
    NamespaceGone,
    namespace_path,
    proc_of,
)
from check_ephemeral_port.system.ranges import read_port_settings
from tests.support.namespace import add_namespace, hold_namespace, run_inside
from tests.support.sockets import bind_udp, held_sockets, held_udp_ports, open_sockets

HOST = pytest.mark.namespace(ports="40000-40039", host=True)


def own_namespace():
    return os.readlink("/proc/thread-self/ns/net")


def port_range():
    return read_port_settings().pool.range


@HOST
def test_the_task_runs_inside_and_the_process_stays_outside():
    web = add_namespace("web", "50000-50019")
    before, own_descriptors = own_namespace(), os.listdir("/proc/self/fd")

    inside, seen = run_inside([web], lambda: (own_namespace(), port_range()))

    assert inside != before == own_namespace() == os.readlink("/proc/self/ns/net")
    assert seen == PortRange(50000, 50019) and port_range() == PortRange(40000, 40039)
    assert threading.active_count() == 1
    assert os.listdir("/proc/self/fd") == own_descriptors


@HOST
def test_sockets_of_each_namespace_are_counted_apart():
    web = add_namespace("web", "40000-40039")
    inside = run_inside([web], lambda: open_sockets(7, bind_udp))

    def count():
        with open("/proc/thread-self/net/udp") as file:
            return len(file.readlines()) - 1

    with held_udp_ports(3), held_sockets(*inside):
        assert (count(), run_inside([web], count), count()) == (3, 7, 3)


@HOST
def test_one_namespace_after_the_other():
    paths = [add_namespace(f"n{n}", f"5000{n}-50099") for n in range(5)]
    seen = [run_inside([path], port_range).first for path in paths]
    assert seen == [50000, 50001, 50002, 50003, 50004]


@HOST
def test_an_exception_of_the_task_is_raised_and_the_process_stays():
    web, before = add_namespace("web", "50000-50019"), own_namespace()

    def fail():
        raise SystemReadError("no luck")

    with pytest.raises(SystemReadError, match="^no luck$"):
        run_inside([web], fail)
    assert own_namespace() == before and threading.active_count() == 1


@HOST
def test_the_first_existing_path_is_used():
    holder = hold_namespace("50000-50019")
    paths = ["/run/netns/gone", "/proc/999999/ns/net", namespace_path(str(holder.pid))]
    assert run_inside(paths, port_range) == PortRange(50000, 50019)

    holder.kill()
    holder.wait()
    with pytest.raises(NamespaceGone, match=f"/proc/{holder.pid}/ns/net"):
        run_inside(paths, port_range)


@HOST
def test_a_name_wins_over_a_pid_and_a_path_stays():
    path = add_namespace("1", "50000-50019")
    assert namespace_path("1") == path
    assert namespace_path("2") == "/proc/2/ns/net"
    assert namespace_path("./2") == "./2"
    with pytest.raises(NamespaceGone, match="'blue'"):
        namespace_path("blue")


@HOST
def test_the_own_namespace_needs_no_privilege():
    refuse = "from check_ephemeral_port.system.namespaces import enter; "
    refuse += "enter._enter = None; "
    task = "enter.in_namespace(Namespace(('/proc/self/ns/net',)), lambda: print(7))"
    program = f"{refuse}from tests.support.namespace import Namespace; {task}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True)
    assert (done.stdout, done.stderr) == (b"7\n", b"")


@pytest.mark.parametrize(
    "path", ["/proc/self/ns/mnt", "/etc/hostname", "/proc/self/ns", "/dev/null"]
)
def test_other_files_are_not_entered(path):
    with pytest.raises(SystemReadError, match=f"^{path} is not a network namespace$"):
        run_inside([path], own_namespace)


def test_a_pipe_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SystemReadError, match="is not a network namespace"):
        run_inside([str(tmp_path / "pipe")], own_namespace)


def test_a_namespace_without_paths_is_gone():
    with pytest.raises(NamespaceGone):
        run_inside([], own_namespace)


@HOST
def test_without_privilege_the_error_names_the_fix():
    web, holder = add_namespace("web", "50000-50019"), hold_namespace("50000-50019")
    program = (
        "import sys\n"
        "from check_ephemeral_port.model.namespaces import Namespace\n"
        "from check_ephemeral_port.system import errors\n"
        "from check_ephemeral_port.system.namespaces.enter import in_namespace\n"
        "try: in_namespace(Namespace(tuple(sys.argv[1:])), print)\n"
        "except errors.SystemReadError as error: print(error)"
    )

    def stranger(path):
        # root of a new user namespace has no privilege outside it
        command = ["unshare", "--map-root-user", sys.executable, "-c", program, path]
        return subprocess.run(command, capture_output=True, text=True).stdout

    fix = "; needs root (see contrib/sudoers), or CAP_SYS_ADMIN and CAP_SYS_PTRACE\n"
    entering = "cannot enter network namespace "
    assert stranger(web) == f"{entering}{web}: Operation not permitted{fix}"
    path = f"/proc/{holder.pid}/ns/net"
    assert stranger(path) == f"{entering}{path}: Permission denied{fix}"
    assert stranger("/proc/self/ns/net") == "\n"


@pytest.mark.parametrize(
    "path, proc",
    [
        ("/proc/1/ns/net", "/proc"),
        ("/host/proc/1/ns/net", "/host/proc"),
        ("/host/proc/7/task/8/ns/net", "/host/proc"),
        ("/run/netns/web", "/proc"),
    ],
)
def test_processes_are_found_in_the_proc_of_the_path(path, proc):
    assert proc_of(Namespace((path,))) == proc
