"""The process that holds a socket, and its name and user."""

import os
import socket
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager, suppress
from itertools import count
from types import SimpleNamespace

import psutil
import pytest

from check_ephemeral_port.model.holders import Holder, Process, holders
from check_ephemeral_port.system.processes import describe_process, find_pids
from tests.support.builders import bound
from tests.support.farm import Children


def test_an_inode_leads_to_its_process():
    with socket.socket() as held:
        inode = os.fstat(held.fileno()).st_ino
        found = find_pids([bound(40000, inode=inode), bound(40001, inode=1)])
    assert [entry.pid for entry in found.entries] == [os.getpid(), None]


def test_the_first_of_several_processes_that_share_a_socket_counts():
    with Children() as others, socket.socket() as held:
        for _ in range(3):
            others.start(lambda: held)
        others.wait_until_ready()
        inode = os.fstat(held.fileno()).st_ino
        held.close()
        (entry,) = find_pids([bound(40000, inode=inode)]).entries
    assert entry.pid == min(others.pids)


@contextmanager
def socket_processes(*numbers):
    """Start a process for each number, with that number of sockets on different ports.

    Yields the entries by pid.
    """
    with Children() as children:
        for number in numbers:
            children.start(lambda: [socket.socket() for _ in range(number)])
        children.wait_until_ready()
        ports = count(20000)
        yield {
            pid: [bound(next(ports), inode=inode) for inode in inodes_of(pid)]
            for pid in children.pids
        }


def inodes_of(pid):
    """The inodes of its sockets in order of the descriptors, without inherited ones."""
    inherited, inodes = links_of("self"), []
    for link in links_of(pid):
        if link.startswith("socket:") and link not in inherited:
            inodes.append(int(link[8:-1]))
    return inodes


def links_of(pid):
    links = []
    for descriptor in sorted(os.listdir(f"/proc/{pid}/fd"), key=int):
        with suppress(FileNotFoundError):  # the descriptor of the listing itself
            links.append(os.readlink(f"/proc/{pid}/fd/{descriptor}"))
    return links


@pytest.mark.parametrize(
    "numbers",
    [
        (30,),
        (10, 30),
        (30, 30),
        (12, 11, 10),
        (5, 5, 5, 6),
        (200, *[1] * 50),
        (100, 99),
    ],
)
def test_the_leader_is_the_same_with_leader_only(numbers):
    with socket_processes(*numbers) as held:
        entries = [entry for entries in held.values() for entry in entries]
        all_holders = holders(find_pids(entries).entries, False)
        leader = holders(find_pids(entries, leader_only=True).entries, True)[0]
    assert sorted(ports for ports, _ in all_holders) == sorted(numbers)
    assert leader == all_holders[0]


def test_no_more_processes_are_inspected_when_the_leader_is_certain():
    with socket_processes(30, 20, 9) as held:
        found = find_pids(sum(held.values(), []), leader_only=True).entries
    assert Counter(entry.pid for entry in found) == {next(iter(held)): 30, None: 29}


@pytest.mark.parametrize("turn", [0, 1])
def test_the_estimate_of_a_proxy_is_right_for_every_second_socket(turn):
    with socket_processes(208, 20) as held:
        (proxy, of_proxy), (_, of_other) = held.items()
        found = find_pids(of_proxy[turn::2] + of_other, leader_only=True).entries
    assert Counter(entry.pid for entry in found) == {proxy: 104, None: 20}


def test_ports_of_entries_with_a_pid_count_for_the_leader():
    with socket_processes(30, 10) as held:
        _, leader = held
        known = [bound(50000 + n, pid=leader, inode=n) for n in range(25)]
        found = find_pids(known + sum(held.values(), []), leader_only=True)
    assert holders(found.entries, True)[0] == Holder(35, Process(leader))


def test_many_sockets_on_one_port_count_once_for_the_leader():
    with socket_processes(30, 20) as held:
        (_, of_first), (second, of_second) = held.items()
        of_one_port = [entry._replace(local=of_first[0].local) for entry in of_first]
        found = find_pids(of_one_port + of_second, leader_only=True)
    assert holders(found.entries, True)[0] == Holder(20, Process(second))


@pytest.mark.parametrize("descriptor", [30, 1000])
def test_sockets_at_high_descriptors_are_found(descriptor):
    def hold():
        with socket.socket() as held:
            os.dup2(held.fileno(), descriptor)

    with Children() as children:
        children.start(hold)
        children.wait_until_ready()
        (pid,) = children.pids
        (inode,) = inodes_of(pid)
        (entry,) = find_pids([bound(40000, inode=inode)]).entries
    assert entry.pid == pid


def test_an_entry_keeps_its_pid():
    assert find_pids([bound(40000, pid=7, inode=5)]).entries[0].pid == 7


def test_an_unreadable_proc_hides_the_holders(tmp_path):
    entry = bound(40000, inode=5)
    assert find_pids([entry], str(tmp_path / "absent")) == ([entry], True)


def test_name_and_user_are_those_of_psutil():
    process = psutil.Process()
    described = describe_process(os.getpid())
    assert described[:3] == (os.getpid(), process.name()[:15], process.username())


def test_a_user_of_a_windows_domain_has_a_slash(monkeypatch):
    process = SimpleNamespace(name=lambda: "svchost.exe", username=lambda: r"CORP\anna")
    monkeypatch.setattr(psutil, "Process", lambda pid: process)
    monkeypatch.setattr(sys, "platform", "win32")
    assert describe_process(812) == Process(812, "svchost.exe", "CORP/anna")


def test_a_process_that_has_ended_keeps_its_pid():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert describe_process(child.pid) == Process(child.pid)
