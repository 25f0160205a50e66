"""Who holds the ports."""

from check_ephemeral_port.model.ownership import Holding, Nobody, Owner, holdings
from tests.support.builders import bound, connected, waiting


def test_the_largest_holding_comes_first_and_ports_count_once():
    entries = [connected(40000, pid=7), connected(40002, pid=7), bound(40001, pid=3)]
    entries.append(connected(40000, remote="192.0.2.8", pid=7))
    assert holdings(entries, hidden=True) == [
        Holding(2, Owner(7)),
        Holding(1, Owner(3)),
    ]


def test_time_wait_and_unknown_processes_count_by_themselves():
    entries = [waiting(40000), waiting(40002), connected(40004)]
    assert holdings(entries, hidden=True) == [
        Holding(2, Nobody.TIME_WAIT),
        Holding(1, Nobody.HIDDEN),
    ]


def test_nobody_holds_nothing():
    assert holdings([], hidden=False) == []
