"""Which process holds which socket."""

import os
import socket
import subprocess
import sys
from types import SimpleNamespace

import psutil

from check_ephemeral_port.system.processes import describe_owner, find_pids
from tests.benchmarks.farm import Children
from tests.model.builders import bound


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


def test_pids_that_are_known_stay():
    assert find_pids([bound(40000, pid=7, inode=5)]).entries[0].pid == 7


def test_an_unreadable_proc_leaves_owners_unknown(tmp_path):
    entry = bound(40000, inode=5)
    assert find_pids([entry], str(tmp_path / "absent")) == ([entry], False)


def test_name_and_user():
    owner = describe_owner(os.getpid())
    assert owner.pid == os.getpid() and owner.name and owner.user


def test_a_user_of_a_windows_domain_stays_readable(monkeypatch):
    process = SimpleNamespace(name=lambda: "svchost.exe", username=lambda: r"CORP\anna")
    monkeypatch.setattr(psutil, "Process", lambda pid: process)
    assert describe_owner(812) == (812, "svchost.exe", "CORP/anna")


def test_a_process_that_is_gone_keeps_its_number():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert describe_owner(child.pid) == (child.pid, None, None)
