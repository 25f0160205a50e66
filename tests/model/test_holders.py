"""The holders of ports."""

import pytest

from check_ephemeral_port.model.holders import (
    HiddenProcess,
    Holder,
    NoProcess,
    Process,
    holders,
)
from tests.support.builders import bound, connected, waiting


def test_the_largest_holder_comes_first_and_each_port_counts_once():
    entries = [connected(40000, pid=7), connected(40002, pid=7), bound(40001, pid=3)]
    entries.append(connected(40000, remote="192.0.2.8", pid=7))
    assert holders(entries, hidden=True) == [
        Holder(2, Process(7)),
        Holder(1, Process(3)),
    ]


def test_time_wait_and_unknown_processes_are_separate_holders():
    entries = [waiting(40000), waiting(40002), connected(40004)]
    assert holders(entries, hidden=True) == [
        Holder(2, NoProcess.TIME_WAIT),
        Holder(1, HiddenProcess(None)),
    ]


def test_hidden_processes_are_told_apart_by_their_users():
    entries = [
        connected(40000, inode=7, uid=33),
        connected(40002, inode=8, uid=33),
        connected(40004, inode=9, uid=0),
    ]
    assert holders(entries, hidden=True) == [
        Holder(2, HiddenProcess(33)),
        Holder(1, HiddenProcess(0)),
    ]


@pytest.mark.parametrize(
    "inode, who",
    [
        (7, NoProcess.KERNEL),
        (0, NoProcess.CLOSED),
        (None, NoProcess.UNKNOWN),
    ],
)
def test_why_a_socket_has_no_process_if_all_are_visible(inode, who):
    entry = connected(40000, inode=inode, uid=0)
    assert holders([entry], hidden=False) == [Holder(1, who)]


def test_without_sockets_there_is_no_holder():
    assert holders([], hidden=False) == []


def test_the_order_of_equal_holders_does_not_depend_on_the_order_of_sockets():
    entries = [connected(40000 + 2 * pid, pid=pid) for pid in range(1, 6)]
    assert holders(entries, hidden=True) == holders(entries[::-1], hidden=True)
