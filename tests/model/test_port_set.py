"""A ``PortSet`` behaves as a ``set`` of numbers does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_ephemeral_port.model.port_set import PortSet
from check_ephemeral_port.model.ports import PortRange

PORTS = st.sets(st.integers(0, 65535), max_size=50)


@given(PORTS, PORTS)
def test_a_port_set_behaves_as_a_set(some, others):
    ports = PortSet(some)
    assert (len(ports), list(ports)) == (len(some), sorted(some))
    assert {*ports.without(others)} == some - others
    assert {*ports.without(PortSet(others))} == some - others
    assert {*ports} == some  # unchanged
    assert all((port in ports) == (port in some) for port in some | others)
    for added in (others, PortSet(others)):
        ports = PortSet(some)
        ports.update(added)
        assert {*ports} == some | others


def test_adjacent_ports_are_members_from_the_first_to_the_last():
    for ports in (range(9), range(65530, 65536)):
        assert [*PortSet(ports)] == [*ports]


@pytest.mark.parametrize("step, count", [(1, 40), (2, 20)])
@pytest.mark.parametrize("last", [40039, 40038])
def test_ports_around_the_range_do_not_count(step, count, last):
    ports = PortRange(40000, last, step)
    around = PortSet(range(39990, 40050))
    assert around.count_first_choice(ports) == count - (step == 1 and last == 40038)


@given(PORTS, st.integers(0, 65535), st.integers(0, 65535), st.sampled_from([1, 2]))
def test_first_choice_ports_are_counted(some, first, last, step):
    ports = PortRange(min(first, last), max(first, last), step)
    wanted = [p for p in some if ports.includes(p) and ports.is_first_choice(p)]
    assert PortSet(some).count_first_choice(ports) == len(wanted)
