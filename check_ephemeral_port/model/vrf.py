"""VRFs: parts of a network namespace that have a port table of their own.

A VRF is a network device that stands for a routing table. Other devices can belong to
it. Sockets that are bound to one of these devices, or to the VRF itself, are inside the
VRF. A TCP port that is bound inside is free outside, and vice versa, unless
``net.ipv4.tcp_l3mdev_accept`` is set. UDP has one table for all.

Source: Linux, Documentation/networking/vrf.rst; ``inet_sk_bound_l3mdev()``.

A VRF is identified by the index of its device. A mapping ``vrf_of`` has the VRF of each
device that belongs to one, and of each VRF itself (``Connections.vrf_of``).
"""

from __future__ import annotations

from collections import defaultdict

from .connections import NO_VRF, Connections, device_of
from .sample import SocketSample
from .settings import ConnectRules
from .sockets import SocketEntry


def samples_by_vrf(
    sample: SocketSample, rules: ConnectRules
) -> dict[int, SocketSample]:
    """The sockets of each port table for TCP, by VRF. :data:`NO_VRF` comes first.

    The parts don't count connections by state."""
    vrf_of = sample.connections.vrf_of
    if rules.l3mdev_accept or not vrf_of:
        return {NO_VRF: sample}
    whole = sample.connections
    connections = {vrf: Connections() for vrf in (NO_VRF, *vrf_of.values())}
    for part in connections.values():
        part.vrf_of = vrf_of
    for key, ports in whole.held.items():
        connections[vrf_of.get(device_of(key), NO_VRF)].held[key] = ports
    for key, ports in whole.time_wait.items():
        connections[vrf_of.get(device_of(key), NO_VRF)].time_wait[key] = ports
    entries: dict[int, list[SocketEntry]] = defaultdict(list)
    for entry in sample.entries:
        entries[vrf_of.get(entry.device or 0, NO_VRF)].append(entry)
    return {
        vrf: sample._replace(entries=entries[vrf], connections=part)
        for vrf, part in connections.items()
        if vrf == NO_VRF or vrf in entries or part.any_destination()
    }
