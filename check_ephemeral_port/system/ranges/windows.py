r"""Windows: dynamic ranges and excluded ranges, by protocol and version of IP.

From ``netsh.exe``, which is started without a shell and read by shape alone, since
its words are translated: a dynamic range is two lines that end in a number, its start
and its size; an excluded range is a row of two numbers. (The WMI classes
``MSFT_NetTCPSetting`` and ``MSFT_NetUDPSetting`` have the dynamic ranges, but not the
excluded ones, nor one for each version of IP; Python can't reach them without a
library or PowerShell.)

Sources, Microsoft Learn:

- "The default dynamic port range for TCP/IP has changed": the range "is set
  separately for each transport"; ``netsh int <ipv4|ipv6> show dynamicport <tcp|udp>``.
- ``Set-NetTCPSetting``, ``AutoReusePortRangeStartPort``: connect() without bind()
  shares ports if there is an auto-reuse range; with 0, the default, "the auto-reuse
  feature is disabled and ephemeral ports are drawn instead from the dynamic port
  range".
- "Troubleshoot port exhaustion issues", event 4231: a request for a port from "the
  global TCP port space has failed due to all such ports being in use".

So a port in use counts against everyone. When connect() may take over one in TIME_WAIT
(120 s, or ``TcpTimedWaitDelay``) is not to be found there, so it never counts as free.
"""

from __future__ import annotations

import ntpath
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence

from ...model.ports import PortPool, PortRange
from ...model.settings import ConnectRules, PortSettings, Sharing
from ...model.sockets import TCP, UDP
from ..errors import SystemReadError

RunNetsh = Callable[[Sequence[str]], bytes]

IPV4, IPV6 = "ipv4", "ipv6"
TIMEOUT_SECONDS = 10

# bytes, whatever the code page: digits are ASCII in all that a console may have
_ENDS_IN_NUMBER = re.compile(rb"(?:^|[^0-9])([0-9]{1,5})$")
_STARTS_WITH_DIGIT = re.compile(rb"[0-9]")
_TWO_NUMBERS = re.compile(rb"([0-9]{1,5})\s+([0-9]{1,5})\s*\*?$")


def read_windows_port_settings(
    run_netsh: RunNetsh, protocols: Sequence[str] = (TCP, UDP)
) -> PortSettings:
    """Settings for the protocols that are asked for.

    One pool has to serve all: the ports that lie in every range, and are excluded
    from none. Raises :class:`SystemReadError`, with the command at fault.
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
    try:
        pool = PortPool(common, excluded)
    except ValueError as error:
        raise SystemReadError(f"netsh: {error}") from None
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
            told = ", ".join(f"{name} {span}" for name, span in ranges.items())
            raise SystemReadError(f"the ranges have no port in common: {told}")
        common = both
    return common


def decode_dynamic_range(output: bytes) -> PortRange:
    """The range that ``netsh int ... show dynamicport`` prints, in any language.

    ``ValueError`` if it doesn't hold exactly a first port and a number of ports.
    """
    matches = (_ENDS_IN_NUMBER.search(line) for line in _lines(output))
    numbers = [int(match[1]) for match in matches if match]
    if len(numbers) != 2:
        raise ValueError(f"{len(numbers)} numbers, not a start and a size")
    first, size = numbers
    return PortRange(first, first + size - 1, step=1)


def decode_excluded_ranges(output: bytes) -> list[PortRange]:
    """The rows that ``netsh int ... show excludedportrange`` prints, in any language.

    Both kinds: those that a program such as Hyper-V has reserved, and those that an
    administrator has set (with a ``*``). ``ValueError`` for a row that is none.
    """
    spans = []
    for line in _lines(output):
        if not _STARTS_WITH_DIGIT.match(line):
            continue  # a title, the rule below it, or the legend
        match = _TWO_NUMBERS.match(line)
        if not match:
            raise ValueError("a row that is not two ports")
        spans.append(PortRange(int(match[1]), int(match[2]), step=1))
    return spans


def _lines(output: bytes) -> list[bytes]:
    return [line.strip() for line in output.splitlines()]


def run_netsh(arguments: Sequence[str]) -> bytes:
    """What ``netsh.exe`` of the system itself prints; no other of that name is run.

    Raises :class:`SystemReadError`.
    """
    command = "netsh " + " ".join(arguments)
    root = os.environ.get("SystemRoot", "")
    if not ntpath.isabs(root):
        raise SystemReadError(f"{command}: %SystemRoot% names no folder")
    flags = 0
    if sys.platform == "win32":  # else a console would show up for a moment
        flags = subprocess.CREATE_NO_WINDOW
    try:
        done = subprocess.run(
            [ntpath.join(root, "System32", "netsh.exe"), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT_SECONDS,
            creationflags=flags,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise SystemReadError(f"{command}: {error}") from None
    if done.returncode:
        raise SystemReadError(f"{command}: exit code {done.returncode}")
    return done.stdout
