"""macOS and the BSDs: the range from sysctl, read through the C library.

The names and rules come from the kernel sources:

- macOS: ``xnu/bsd/netinet/in_pcb.c``, ``in_pcbbind()``. ``portrange.first`` and
  ``.last`` are the range by default (``IP_PORTRANGE_DEFAULT``). ``hifirst`` and
  ``hilast`` apply only to sockets that set ``IP_PORTRANGE_HIGH``. An implicit bind,
  also that of connect(), takes "an unused port" (comment in the source).
- FreeBSD: ``sys/netinet/in_pcb.c``, ``in_pcb_lport_dest()`` (before 13:
  ``in_pcb_lport()``), with the same names. From 13 on, connect() takes a port that is
  "unused with" its destination (comment in the source) and that no unconnected socket
  holds. Before 13, it takes a port that no TCP socket holds.
- OpenBSD: ``sys/netinet/in_pcb.c``, ``in_pcbpickport()``. ``portfirst`` and
  ``portlast`` are the range by default. ``porthifirst`` and ``porthilast`` apply only
  to sockets that set ``IP_PORTRANGE_HIGH``.
- NetBSD: ``sys/netinet/portalgo.c``. ``pcb_getports()`` reads one range for IPv4 and
  one for IPv6; ``check_suitable_port()`` refuses every port in use.

Except for FreeBSD from 13 on, all of them compare only the local port. The state of the
socket does not matter, so a port in TIME_WAIT is not free for any destination.
The first port can be higher than the last one; the range is the same.
"""

from __future__ import annotations

from ...model.ports import PortPool, PortRange
from ...model.records import NamedTuple
from ...model.settings import ConnectRules, PortSettings, Sharing
from ..errors import SystemReadError
from .bsd_sysctl import ReadSysctl, read_int, split_platform

FREEBSD_SHARES_FROM = 13
"""The first major version in which connect() shares ports between destinations."""

_PORTRANGE = ("net.inet.ip.portrange.first", "net.inet.ip.portrange.last")


class _Names(NamedTuple):
    ipv4: tuple[str, str]
    """The sysctls of the first and of the last port."""
    ipv6: tuple[str, str] = ("", "")
    """The same for IPv6; empty if IPv6 has no range of its own."""


NAMES = {
    "darwin": _Names(_PORTRANGE),
    "freebsd": _Names(_PORTRANGE),
    "openbsd": _Names(("net.inet.ip.portfirst", "net.inet.ip.portlast")),
    "netbsd": _Names(
        ("net.inet.ip.anonportmin", "net.inet.ip.anonportmax"),
        ("net.inet6.ip6.anonportmin", "net.inet6.ip6.anonportmax"),
    ),
}


def read_bsd_port_settings(platform: str, read_sysctl: ReadSysctl) -> PortSettings:
    """The settings of a platform such as ``freebsd14``.

    Raises :class:`SystemReadError` with the name of the sysctl that failed.
    """
    system, major = split_platform(platform)
    names = NAMES[system]
    ports = _read_range(names.ipv4, read_sysctl)
    notes: list[str] = []
    if names.ipv6[0]:
        ipv6 = _read_range(names.ipv6, read_sysctl)
        common = ports.common(ipv6)
        if common is None:
            raise SystemReadError(
                f"the ranges of IPv4 ({ports}) and IPv6 ({ipv6}) have no port in common"
            )
        if ports != ipv6:
            notes.append(f"counted: the ports that IPv4 ({ports}), IPv6 ({ipv6}) share")
        ports = common
    if system == "freebsd" and major >= FREEBSD_SHARES_FROM:
        sharing = Sharing.BY_DESTINATION
    else:
        sharing = Sharing.NEVER
        notes.append("connect() takes an unused port here, whatever its destination")
    origin = f"sysctl {names.ipv4[0]}, {names.ipv4[1].rpartition('.')[2]}"
    rules = ConnectRules(reuse=0, sharing=sharing)
    return PortSettings(PortPool(ports), rules, origin, notes)


def is_bsd(platform: str) -> bool:
    """Whether this module can read the settings of the platform."""
    return split_platform(platform)[0] in NAMES


def _read_range(names: tuple[str, str], read_sysctl: ReadSysctl) -> PortRange:
    first, last = (read_int(read_sysctl, name) for name in names)
    try:
        return PortRange(min(first, last), max(first, last), step=1)
    except ValueError as error:
        raise SystemReadError(f"sysctl {names[0]}, {names[1]}: {error}") from None
