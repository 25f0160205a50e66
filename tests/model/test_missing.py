"""Which sockets hold the ports that a request cannot get."""

from check_ephemeral_port.model.connections import NO_VRF
from check_ephemeral_port.model.missing import MissingForBind, missing_for_connect
from check_ephemeral_port.model.settings import ConnectRules, Sharing
from check_ephemeral_port.model.sockets import (
    TCP,
    UDP,
    Destination,
    TcpState,
    endpoint,
)
from check_ephemeral_port.model.usage import host_usage
from tests.support.builders import THEM, US, bound, connected, pool, sample, waiting

TO_THEM = Destination(US, endpoint(THEM, 443))
OTHER = "192.0.2.8"


def usage(*entries, settled=(), vrf_of=(), **rules):
    seen = sample(*entries)
    seen.connections.vrf_of = dict(vrf_of)
    settled = {NO_VRF: dict.fromkeys(settled, True)}
    return host_usage(seen, pool(), ConnectRules(**rules), settled=settled)


def holding(entries, destination=TO_THEM, **how):
    """The entries that hold a missing port, and whose connections to list for them."""
    missing = missing_for_connect(usage(*entries, **how), destination)
    return [e for e in entries if missing.are_held_by(e)], missing.connections


def test_connections_to_the_destination_hold_missing_ports():
    mine, other = connected(40000), connected(40002, OTHER)
    assert holding([mine, other]) == ([mine], {TO_THEM})
    same_port = connected(40000, OTHER)
    assert holding([mine, same_port]) == ([mine], {TO_THEM})


def test_so_do_listeners_and_idle_sockets():
    listener = bound(40001, state=TcpState.LISTEN)
    entries = [connected(40000), bound(40003), listener]
    assert holding(entries) == (entries, {TO_THEM})
    assert holding(entries, None) == (entries[1:], ())


def test_so_do_connections_to_others_whose_port_was_bound_first():
    mine, bound_first, other = (
        connected(40000),
        connected(40001, OTHER),
        connected(40002, OTHER),
    )
    entries = [mine, bound_first, other]
    found, connections = holding(entries, settled=[40001])
    assert found == [mine, bound_first]
    assert connections == {None}


def test_all_connections_do_where_ports_are_never_shared():
    entries = [connected(40000), connected(40002, OTHER)]
    assert holding(entries, None, sharing=Sharing.NEVER) == (entries, {None})


def test_a_time_wait_that_connect_takes_over_holds_none():
    old, young = waiting(40000, age=30.0), waiting(40002, age=0.1)
    found, _ = holding([old, young], reuse=1, timestamps=True)
    assert found == [young]
    found, _ = holding([old, young], reuse=0, timestamps=True)
    assert found == [old, young]


def test_udp_holds_no_port_of_tcp():
    assert holding([connected(40000, protocol=UDP)])[0] == []
    tcp, udp = bound(40000), bound(40000, protocol=UDP)
    assert holding([tcp, udp])[0] == [tcp]


def test_a_socket_on_another_device_or_in_another_vrf_is_not_in_the_way():
    everywhere, on_east, on_west = (
        connected(40000 + 2 * device, device=device) for device in (0, 4, 5)
    )
    entries = [everywhere, on_east, on_west]
    assert holding(entries)[0] == [everywhere]
    assert holding(entries, TO_THEM._replace(device=4))[0] == [everywhere, on_east]
    in_vrf = [on_east, bound(40001, device=3), bound(40003)]
    found, _ = holding(in_vrf, TO_THEM._replace(device=4), vrf_of={4: 3, 3: 3})
    assert found == in_vrf[:2]
    assert holding(in_vrf, vrf_of={4: 3, 3: 3})[0] == in_vrf[2:]


def test_where_vrfs_share_their_ports_a_connection_of_the_vrf_is_in_the_way():
    everywhere, on_red, on_east, on_west = (
        connected(40000 + 2 * device, device=device) for device in (0, 3, 4, 5)
    )
    entries = [everywhere, on_red, on_east, on_west]
    vrf_of = {4: 3, 3: 3}
    found, _ = holding(
        entries, TO_THEM._replace(device=4), vrf_of=vrf_of, l3mdev_accept=True
    )
    assert found == [everywhere, on_red, on_east]


def test_in_a_vrf_too_all_connections_hold_ports_that_are_never_shared():
    to = TO_THEM._replace(device=4)
    never = {"vrf_of": {4: 3, 3: 3}, "sharing": Sharing.NEVER}
    entries = [connected(40000, device=4), connected(40002, OTHER, device=3)]
    assert holding(entries, to, **never) == (entries, {None})


def holding_for_bind(entries, protocol, source=None, **how):
    missing = MissingForBind(usage(*entries, **how), protocol, source)
    return [e for e in entries if missing.are_held_by(e)], missing.connections


def test_every_socket_of_the_protocol_is_in_the_way_of_bind():
    tcp = [connected(40000), bound(40001), connected(40002, OTHER)]
    udp = [bound(40000, protocol=UDP), connected(40001, protocol=UDP)]
    assert holding_for_bind(tcp + udp, TCP) == (tcp, {None})
    assert holding_for_bind(tcp + udp, UDP) == (udp, ())


def test_with_a_source_only_sockets_on_its_address_are():
    here, everywhere = bound(40001), bound(40002, "0.0.0.0")
    elsewhere = bound(40003, "198.51.100.6")
    found, _ = holding_for_bind([here, everywhere, elsewhere], TCP, US)
    assert found == [here, everywhere]


def test_a_vrf_has_ports_of_its_own_for_tcp_bind():
    for vrf in (1, 3):
        inside, outside = bound(40001, device=vrf), bound(40002)
        found, _ = holding_for_bind([inside, outside], TCP, vrf_of={vrf: vrf})
        assert found == [outside]


def test_an_ipv6_socket_is_in_the_way_of_ipv4_unless_it_is_known_not_to_be():
    dual, unknown, only = (
        connected(port, "2001:db8::2", local="2001:db8::1", v6only=v6only)
        for port, v6only in ((40001, False), (40002, None), (40003, True))
    )
    idle = bound(40004, "2001:db8::1", v6only=False)
    entries = [dual, unknown, only, idle]
    assert holding_for_bind(entries, TCP, "0.0.0.0")[0] == [dual, unknown]
    assert holding_for_bind(entries, TCP, US)[0] == []
