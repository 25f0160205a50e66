"""Tables fit into 80 columns, whatever they hold."""

from check_ephemeral_port.model.ownership import Holding, Owner
from check_ephemeral_port.model.usage import TimeWaitRules, host_usage
from check_ephemeral_port.plugin.resources import EphemeralPorts, Observation
from check_ephemeral_port.plugin.tables import detail_lines
from tests.model.builders import connected, pool, sample, waiting

LONG = "2001:db8:1111:2222:3333:4444:5555:"


def lines(verbose=3, rows=5, holdings=()):
    entries = [
        connected(40000 + 2 * n, local=f"{LONG}{n}", remote=f"{LONG}666{n}")
        for n in range(8)
    ]
    seen = sample(*entries, waiting(40020), unseen=3)
    usage = host_usage(seen, pool(), TimeWaitRules())
    observation = Observation(pool(), "/proc/range", seen, usage)
    resource = EphemeralPorts(lambda: observation)
    resource.probe()
    stages = [("sampling", 0.0123)]
    return detail_lines(observation, resource.readings, holdings, stages, verbose, rows)


def test_rows_are_no_longer_than_80_columns():
    owner = Owner(4194304, "n" * 300, "DOMAIN\\" + "u" * 300)
    for line in lines(holdings=[Holding(28232, owner), Holding(5, None, True)]):
        assert len(line) <= 80, line


def test_rows_are_aligned():
    holders = [Holding(21004, Owner(812, "nginx", "www-data")), Holding(7, None, True)]
    table = lines(holdings=holders)
    start = table.index("holder      user      ports")
    assert table[start + 1 : start + 3] == [
        "nginx[812]  www-data  21004",
        "TIME_WAIT   -             7",
    ]


def test_more_with_more_v():
    assert "   12.3 ms  sampling" not in "\n".join(lines(verbose=2))
    assert "    12.3 ms  sampling" in lines(verbose=3)
    assert any("may have been bound before" in line for line in lines(verbose=2))
    assert not any("may have been bound before" in line for line in lines(verbose=1))
