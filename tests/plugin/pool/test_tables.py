"""Tables fit into 80 columns, even with long names and large numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_ephemeral_port.model.bounds import Bounds, Usage
from check_ephemeral_port.model.cgroups import Unit
from check_ephemeral_port.model.holders import (
    HiddenProcess,
    Holder,
    NoProcess,
    Process,
)
from check_ephemeral_port.model.observation import Observation
from check_ephemeral_port.model.ports import PortPool, PortRange
from check_ephemeral_port.model.settings import ConnectRules
from check_ephemeral_port.model.sockets import endpoint
from check_ephemeral_port.model.usage import Question, Watch, host_usage
from check_ephemeral_port.plugin.layout import detail_lines, section_lines
from check_ephemeral_port.plugin.pool.figures import UsageFigure
from check_ephemeral_port.plugin.pool.resource import EphemeralPorts
from check_ephemeral_port.plugin.pool.tables import (
    holder_table,
    pool_notes,
    pool_sections,
    sample_notes,
    usage_table,
)
from tests.support.builders import connected, pool, sample, waiting

NGINX = Holder(21004, Process(812, "nginx", "www-data"))
LONG = "2001:db8:1111:2222:3333:4444:5555:"


def lines(verbose=3, rows=5, holders=()):
    entries = [
        connected(40000 + 2 * n, local=f"{LONG}{n}", remote=f"{LONG}666{n}")
        for n in range(8)
    ]
    seen = sample(*entries, waiting(40020), unseen=3)
    usage = host_usage(seen, pool(), ConnectRules())
    observation = Observation(pool(), "/proc/range", seen, usage)
    resource = EphemeralPorts(observation)
    stages = [("sampling", 0.0123)]
    fullest = usage.fullest(rows)
    by_figure = [(resource.figures[0], holders)]
    return detail_lines(
        pool_sections(
            observation, resource.figures, fullest, by_figure, stages, verbose
        )
    )


def test_rows_are_no_longer_than_80_columns():
    process = Process(4194304, "n" * 300, "DOMAIN\\" + "u" * 300)
    for line in lines(holders=[Holder(28232, process), Holder(5, NoProcess.TIME_WAIT)]):
        assert len(line) <= 80, line
    table = section_lines(holder_table(f"to {LONG_NAMES[2]} on {'d' * 28}", [NGINX]))
    assert max(map(len, table)) == 80


def test_rows_are_aligned():
    table = lines(holders=[NGINX, Holder(7, NoProcess.TIME_WAIT)])
    start = table.index("holders of the used ports to 192.0.2.7:443")
    assert table[start + 1 : start + 4] == [
        "holder      user      ports",
        "nginx[812]  www-data  21004",
        "TIME_WAIT   -             7",
    ]


def test_the_unit_of_a_holder_follows_or_has_the_next_line():
    service, pod = Unit("", "nginx.service"), Unit("pod 1b2c3d4e containerd", "4f5a")
    holders = [
        Holder(21004, Process(812, "nginx", "www-data", service)),
        Holder(96, HiddenProcess(33, "www-data")),
        Holder(5, Process(9, "n" * 28, "u" * 20, pod)),
    ]
    assert section_lines(holder_table("for UDP", holders)) == [
        "holders of the used ports for UDP",
        "holder                           user                  ports",
        "nginx[812]                       www-data              21004 in nginx.service",
        "a process of www-data            www-data                 96",
        "nnnnnnnnnnnnnnnnnnnnnnnnnnnn[9]  uuuuuuuuuuuuuuuuuuuu      5",
        " " * 49 + "in pod 1b2c3d4e containerd 4f5a",
    ]


def test_each_further_v_shows_more():
    assert "   12.3 ms  sampling" not in "\n".join(lines(verbose=2))
    assert "    12.3 ms  sampling" in lines(verbose=3)
    assert any("may have been bound before" in line for line in lines(verbose=2))
    assert not any("may have been bound before" in line for line in lines(verbose=1))


LONG_NAMES = [
    "192.0.2.7:65535",
    "[2001:db8:1111:2222:3333:4444:5555:6666]:65535",
    "a-rather-long-host-name.of-a-long-subdomain.of-a-long-domain.example:65535",
]


def observed(question=Question(), notes=()):
    """A large range: every port is connected to one destination with a long address."""
    whole = PortPool(PortRange(1024, 65535))
    entries = [
        connected(port, local=f"{LONG}1", remote=f"{LONG}6666", remote_port=65535)
        for port in range(1024, 65536)
    ]
    seen = sample(*entries, unseen=123456)._replace(notes=notes)
    usage = host_usage(seen, whole, ConnectRules(), question)
    return Observation(whole, "/proc/sys/net/ipv4/ip_local_port_range", seen, usage)


def test_rows_with_the_largest_numbers_are_no_longer_than_80_columns():
    resource = EphemeralPorts(observed())
    usage = resource.observation.usage
    fullest = usage.fullest(20)
    rows = detail_lines(
        pool_sections(resource.observation, resource.figures, fullest, [], [], 3)
    )
    assert max(map(len, rows)) <= 80


@pytest.mark.parametrize("name", LONG_NAMES)
def test_usage_of_a_watched_destination_is_no_wider_than_80_columns(name):
    question = Question(watches=(Watch(name, (endpoint("192.0.2.7", 443),)),))
    seen = sample(connected(40000), unseen=3)
    usage = host_usage(seen, pool(), ConnectRules(), question)
    resource = EphemeralPorts(Observation(pool(), "/proc", seen, usage))
    for line in section_lines(usage_table(resource.figures, with_bounds=True)):
        assert len(line) <= 80, line


@given(st.text(), st.text(), st.integers(1, 2**22), st.integers(1, 65535))
def test_no_name_widens_or_breaks_the_table_of_holders(name, user, pid, ports):
    unit = Unit("docker", user)
    holders = [
        Holder(ports, Process(pid, name, user, unit)),
        Holder(1, HiddenProcess(7, user)),
    ]
    title, *table = section_lines(holder_table("for UDP", holders))
    assert title == "holders of the used ports for UDP"
    assert 3 <= len(table) <= 4
    for line in table:
        assert len(line) <= 80 and line.isascii() and line.isprintable()
        assert "|" not in line


@given(st.text())
def test_no_note_breaks_the_table(note):
    observation = Observation(
        pool(),
        "/proc",
        sample()._replace(notes=[note]),
        usage=host_usage(sample(), pool(), ConnectRules()),
    )
    for line in sample_notes(observation, ()).notes:
        assert len(line) <= 80 and line.isascii() and line.isprintable()
        assert "|" not in line


def test_notes_on_the_pool_follow_its_settings():
    usage = host_usage(sample(), pool(), ConnectRules())
    observation = Observation(pool(), "sysctl", sample(), usage, pool_notes=["a", "b"])
    assert pool_notes(observation).notes[1:] == [
        "read from: sysctl",
        "note: a",
        "note: b",
    ]


def test_bounds_are_shown_where_they_differ():
    def table(used):
        figure = UsageFigure("tcp_connect", Usage(40, used), "tcp", "to 192.0.2.7:443")
        return section_lines(usage_table([figure], with_bounds=False))

    assert table(Bounds(3, 4, 9))[1].split() == [
        "tcp_connect",
        "4",
        "10.00%",
        "36",
        "31-37",
    ]
    assert table(Bounds(4, 4, 4))[1].split() == ["tcp_connect", "4", "10.00%", "36"]


def test_a_table_without_rows_is_left_out():
    assert section_lines(holder_table("for UDP", [])) == []
    assert "holder" not in "\n".join(lines())
    assert "" not in (lines()[0], lines()[-1])
