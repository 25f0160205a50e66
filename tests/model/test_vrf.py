"""VRFs have port tables of their own."""

import pytest

from check_ephemeral_port.model.connect import destination_filter
from check_ephemeral_port.model.connections import NO_VRF, device_of
from check_ephemeral_port.model.settings import ConnectRules
from check_ephemeral_port.model.sockets import Destination, TcpState, endpoint
from check_ephemeral_port.model.usage import Question, Watch, host_usage
from check_ephemeral_port.model.vrf import samples_by_vrf
from tests.support.builders import THEM, US, bound, connected, pool, sample, waiting

RED, EAST, WEST = 1, 4, 5
VRF_OF = {RED: RED, EAST: RED}
"""The VRF red has the device east. The device west belongs to none."""
SHARED = ConnectRules(l3mdev_accept=True)
SEPARATE = ConnectRules()


def usage(*entries, rules=SEPARATE, settled=(), **question):
    seen = sample(*entries)
    seen.connections.vrf_of = VRF_OF
    return host_usage(seen, pool(), rules, Question(**question), dict(settled))


def devices(part):
    """The devices of the connections, which are also those of the other sockets."""
    connected_on = {device_of(key) for _, key in part.connections.sizes()}
    assert connected_on == {entry.device for entry in part.entries}
    return connected_on


@pytest.mark.parametrize("connection", [connected, waiting])
def test_each_vrf_has_the_sockets_on_its_devices(connection):
    seen = sample(
        *(connection(40000, device=device) for device in (0, RED, EAST, WEST)),
        *(bound(40001, device=device) for device in (0, RED, EAST, WEST)),
    )
    seen.connections.vrf_of = VRF_OF
    parts = samples_by_vrf(seen, SEPARATE)
    assert [*parts] == [NO_VRF, RED]
    assert devices(parts[NO_VRF]) == {0, WEST}
    assert devices(parts[RED]) == {RED, EAST}
    assert samples_by_vrf(seen, SHARED) == {NO_VRF: seen}


def test_a_port_that_is_bound_in_a_vrf_is_free_outside():
    found = usage(
        *(bound(40000 + n, device=RED) for n in range(30)),
        *(bound(40020 + n) for n in range(5)),
    )
    assert found.tcp_connect.ports.used.best == found.tcp_bind.used.best == 5
    assert found.in_vrfs[RED].ports.used.best == 30
    together = usage(*(bound(40000 + n, device=RED) for n in range(30)), rules=SHARED)
    assert together.tcp_connect.ports.used.best == 30
    assert together.in_vrfs == {}


def used(device, *entries, rules=SEPARATE):
    watch = Watch("them", (endpoint(THEM, 443),), device)
    found = usage(*entries, rules=rules, watches=(watch,))
    return found.tcp_connect.used_if_shared


def test_which_connections_are_in_the_way_of_which():
    every = [
        *(connected(40000 + n) for n in range(1)),
        *(connected(40010 + n, device=RED) for n in range(2)),
        *(connected(40020 + n, device=EAST) for n in range(4)),
        *(connected(40030 + n, device=WEST) for n in range(8)),
    ]
    assert used(0, *every) == used(0, *every, rules=SHARED) == 1
    assert used(WEST, *every) == used(WEST, *every, rules=SHARED) == 1 + 8
    assert (used(RED, *every), used(RED, *every, rules=SHARED)) == (2, 1 + 2)
    assert (used(EAST, *every), used(EAST, *every, rules=SHARED)) == (6, 1 + 6)


def test_time_wait_is_in_the_way_in_its_own_vrf():
    entries = [waiting(40000, device=RED), waiting(40002, device=EAST), waiting(40004)]
    assert (used(0, *entries), used(RED, *entries), used(EAST, *entries)) == (1, 1, 2)


def test_a_host_with_sockets_in_a_vrf_only():
    assert used(RED, connected(40000, device=RED)) == 1
    assert used(0, connected(40000, device=RED)) == 0
    assert usage(bound(40000, device=EAST)).in_vrfs[RED].ports.used.best == 1
    assert usage(connected(40000, device=WEST)).in_vrfs == {}


def test_ports_are_settled_for_one_table():
    entries = [connected(40001), connected(40001, device=RED)]
    found = usage(*entries, settled={RED: {40001: True}})
    outside, inside = found.use_of(None), found.tcp_uses[RED]
    assert [*outside.unclear] == [40001]
    assert (inside.bound, [*inside.unclear]) == ({40001}, [])
    assert found.use_of(Destination(US, endpoint(THEM, 443), EAST)) is inside


def test_the_fullest_destinations_of_all_tables_are_ranked():
    found = usage(
        *(connected(40000 + n, device=EAST) for n in range(3)),
        *(connected(40000 + n, remote="192.0.2.8") for n in range(2)),
        connected(40009, remote="192.0.2.9", device=RED, state=TcpState.SYN_SENT),
    )
    ranked = [(c.destination.device, c.used_if_shared) for c in found.fullest(5)]
    assert ranked == [(EAST, 3), (0, 2), (RED, 1)]
    only = destination_filter(None, [endpoint(THEM, 443), endpoint("192.0.2.9", 443)])
    remotes = [c.destination.remote.address for c in found.fullest(5, only)]
    assert remotes == [THEM, "192.0.2.9"]
    assert len(found.fullest(2)) == 2
