r"""Windows: dynamic ranges and excluded ranges, by protocol and version of IP.

They come from ``netsh.exe``, which is started without a shell. Its words are in the
language of the system, so only the numbers are read. A dynamic range is two lines that
end in a number: the start and the size. An excluded range is a row with two numbers.

The WMI classes ``MSFT_NetTCPSetting`` and ``MSFT_NetUDPSetting`` do not suffice. They
have the dynamic ranges, but neither the excluded ranges nor a range for each version of
IP, and Python cannot read them without a library or PowerShell.

Sources, Microsoft Learn:

- "The default dynamic port range for TCP/IP has changed": the range "is set
  separately for each transport"; ``netsh int <ipv4|ipv6> show dynamicport <tcp|udp>``.
- ``Set-NetTCPSetting``, ``AutoReusePortRangeStartPort``: connect() without bind()
  shares ports if there is an auto-reuse range; with 0, the default, "the auto-reuse
  feature is disabled and ephemeral ports are drawn instead from the dynamic port
  range".
- "Troubleshoot port exhaustion issues", event 4231: a request for a port from "the
  global TCP port space has failed due to all such ports being in use".

So a port in use is not free for any destination. The sources do not say when connect()
can reuse a port in TIME_WAIT (120 s, or ``TcpTimedWaitDelay``), so it is never free.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ...model.ports import PortPool, PortRange
from ...model.settings import ConnectRules, PortSettings, Sharing
from ...model.sockets import TCP, UDP
from ..errors import SystemReadError
from ..windows_program import run_windows_program

RunNetsh = Callable[[Sequence[str]], bytes]

IPV4, IPV6 = "ipv4", "ipv6"

# patterns of bytes, because digits are ASCII in every code page of a console
_ENDS_IN_NUMBER = re.compile(rb"(?:^|[^0-9])([0-9]{1,5})$")
_STARTS_WITH_DIGIT = re.compile(rb"[0-9]")
_TWO_NUMBERS = re.compile(rb"([0-9]{1,5})\s+([0-9]{1,5})\s*\*?$")


def read_windows_port_settings(
    run_netsh: RunNetsh, protocols: Sequence[str] = (TCP, UDP)
) -> PortSettings:
    """The settings for these protocols.

    The pool is the ports that lie in the dynamic ranges of all these protocols and of
    both versions of IP, and that are not excluded. IPv6 is skipped if netsh reports
    nothing for it.
    Raises :class:`SystemReadError` with the command that failed.
    """
    ranges: dict[str, PortRange] = {}
    excluded: set[int] = set()
    notes: list[str] = []
    for protocol in protocols:
        for version in (IPV4, IPV6):
            try:
                span = _dynamic_range(run_netsh, version, protocol)
                excluded |= _excluded_ports(run_netsh, version, protocol)
            except SystemReadError:
                if version == IPV4:
                    raise
                notes.append(f"netsh reports nothing for {protocol} over IPv6")
                continue
            ranges[f"{protocol} {version}"] = span
    common = _common(ranges)
    if len(set(ranges.values())) > 1:
        notes.append(f"counted: {common}, the ports that all of these share")
        notes += [f"dynamic range of {name}: {span}" for name, span in ranges.items()]
    notes.append("every TCP port in use counts for every destination")
    pool = PortPool(common, excluded)
    origin = "netsh int ipv4|ipv6 show dynamicport, show excludedportrange"
    rules = ConnectRules(reuse=0, sharing=Sharing.NEVER)
    return PortSettings(pool, rules, origin, notes, "excludedportrange")


def _dynamic_range(run_netsh: RunNetsh, version: str, protocol: str) -> PortRange:
    command = ("int", version, "show", "dynamicport", protocol)
    try:
        return decode_dynamic_range(run_netsh(command))
    except ValueError as error:
        raise SystemReadError(f"netsh {' '.join(command)}: {error}") from None


def _excluded_ports(run_netsh: RunNetsh, version: str, protocol: str) -> set[int]:
    command = ("int", version, "show", "excludedportrange", f"protocol={protocol}")
    try:
        spans = decode_excluded_ranges(run_netsh(command))
    except ValueError as error:
        raise SystemReadError(f"netsh {' '.join(command)}: {error}") from None
    return {port for span in spans for port in range(span.first, span.last + 1)}


def _common(ranges: dict[str, PortRange]) -> PortRange:
    (_, common), *others = ranges.items()
    for _, other in others:
        both = common.common(other)
        if both is None:
            listed = ", ".join(f"{name} {span}" for name, span in ranges.items())
            raise SystemReadError(f"the ranges have no port in common: {listed}")
        common = both
    return common


def decode_dynamic_range(output: bytes) -> PortRange:
    """The range in the output of ``netsh int ... show dynamicport``.

    The output can be in any language. It must have exactly two numbers: the first port
    and the number of ports. Otherwise, or if they are no range, ``ValueError`` is
    raised.
    """
    matches = (_ENDS_IN_NUMBER.search(line) for line in _lines(output))
    numbers = [int(match[1]) for match in matches if match]
    if len(numbers) != 2:
        raise ValueError(f"{len(numbers)} numbers, not a start and a size")
    first, size = numbers
    return PortRange(first, first + size - 1, step=1)


def decode_excluded_ranges(output: bytes) -> list[PortRange]:
    """The ranges in the output of ``netsh int ... show excludedportrange``.

    The output can be in any language. Some ranges are reserved by a program such as
    Hyper-V, others are set by an administrator (marked with ``*``); both count.
    Raises ``ValueError`` for a row that is not a range.
    """
    spans = []
    for line in _lines(output):
        if not _STARTS_WITH_DIGIT.match(line):
            continue  # a title, a line of dashes, or the legend
        match = _TWO_NUMBERS.match(line)
        if not match:
            raise ValueError("a row that is not two ports")
        spans.append(PortRange(int(match[1]), int(match[2]), step=1))
    return spans


def _lines(output: bytes) -> list[bytes]:
    return [line.strip() for line in output.splitlines()]


def run_netsh(arguments: Sequence[str]) -> bytes:
    """The output of ``netsh.exe``. Raises :class:`SystemReadError` if it fails."""
    return run_windows_program("netsh", arguments)
