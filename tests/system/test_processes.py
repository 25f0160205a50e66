"""Which process holds which socket."""

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

from check_ephemeral_port.model.holders import holders
from check_ephemeral_port.system.processes import describe_process, find_pids
from tests.support.builders import bound
from tests.support.farm import Children


def test_an_inode_leads_to_its_process():
    with socket.socket() as held:
        inode = os.fstat(held.fileno()).st_ino
        found = find_pids([bound(40000, inode=inode), bound(40001, inode=1)])
    assert [entry.pid for entry in found.entries] == [os.getpid(), None]


def test_of_several_that_share_a_socket_the_first_process_is_told():
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
    """A process for each number, which holds so many sockets, each on another port;
    the entries, by process."""
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
    """Of its sockets, by descriptor, less those that it has from this process."""
    inherited, inodes = links_of("self"), []
    for link in links_of(pid):
        if link.startswith("socket:") and link not in inherited:
            inodes.append(int(link[8:-1]))
    return inodes


def links_of(pid):
    links = []
    for descriptor in sorted(os.listdir(f"/proc/{pid}/fd"), key=int):
        with suppress(FileNotFoundError):  # that of the listing itself
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
def test_the_leader_is_the_same_if_nobody_else_is_asked_for(numbers):
    with socket_processes(*numbers) as held:
        entries = [entry for entries in held.values() for entry in entries]
        everybody = holders(find_pids(entries).entries, False)
        leader = holders(find_pids(entries, leader_only=True).entries, True)[0]
    assert sorted(ports for ports, _ in everybody) == sorted(numbers)
    assert leader == everybody[0]


def test_nobody_is_looked_into_once_the_leader_is_clear():
    with socket_processes(30, 20, 9) as held:
        found = find_pids(sum(held.values(), []), leader_only=True).entries
    assert Counter(entry.pid for entry in found) == {next(iter(held)): 30, None: 29}


@pytest.mark.parametrize("turn", [0, 1])
def test_a_proxy_with_every_second_socket_wanted_is_guessed_right(turn):
    with socket_processes(208, 20) as held:
        (proxy, of_proxy), (_, of_other) = held.items()
        found = find_pids(of_proxy[turn::2] + of_other, leader_only=True).entries
    assert Counter(entry.pid for entry in found) == {proxy: 104, None: 20}


def test_ports_that_are_known_to_be_of_a_process_count_for_the_leader():
    with socket_processes(30, 10) as held:
        _, leader = held
        known = [bound(50000 + n, pid=leader, inode=n) for n in range(25)]
        found = find_pids(known + sum(held.values(), []), leader_only=True)
    assert holders(found.entries, True)[0] == (35, (leader, None, None))


def test_who_has_many_sockets_on_one_port_does_not_lead():
    with socket_processes(30, 20) as held:
        (_, of_first), (second, of_second) = held.items()
        of_one_port = [entry._replace(local=of_first[0].local) for entry in of_first]
        found = find_pids(of_one_port + of_second, leader_only=True)
    assert holders(found.entries, True)[0] == (20, (second, None, None))


@pytest.mark.parametrize("descriptor", [30, 1000])
def test_descriptors_with_gaps_between_them_are_found(descriptor):
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


def test_pids_that_are_known_stay():
    assert find_pids([bound(40000, pid=7, inode=5)]).entries[0].pid == 7


def test_an_unreadable_proc_leaves_owners_unknown(tmp_path):
    entry = bound(40000, inode=5)
    assert find_pids([entry], str(tmp_path / "absent")) == ([entry], False)


def test_name_and_user_are_those_that_psutil_tells():
    process = psutil.Process()
    told = describe_process(os.getpid())
    assert told == (os.getpid(), process.name()[:15], process.username())


def test_a_user_of_a_windows_domain_stays_readable(monkeypatch):
    process = SimpleNamespace(name=lambda: "svchost.exe", username=lambda: r"CORP\anna")
    monkeypatch.setattr(psutil, "Process", lambda pid: process)
    monkeypatch.setattr(sys, "platform", "win32")
    assert describe_process(812) == (812, "svchost.exe", "CORP/anna")


def test_a_process_that_is_gone_keeps_its_number():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert describe_process(child.pid) == (child.pid, None, None)
