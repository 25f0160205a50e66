"""A ``PortSet`` behaves as a ``set`` of numbers does."""

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


@given(PORTS, st.integers(0, 65535), st.integers(0, 65535), st.sampled_from([1, 2]))
def test_first_choice_ports_are_counted(some, first, last, step):
    ports = PortRange(min(first, last), max(first, last), step)
    wanted = [p for p in some if ports.includes(p) and ports.is_first_choice(p)]
    assert PortSet(some).count_first_choice(ports) == len(wanted)
