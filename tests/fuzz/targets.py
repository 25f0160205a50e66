"""Fuzz targets: all parsers of text or bytes from outside of the check.

A target accepts its data, or refuses it with one of the errors that it declares. The
seeds are real data: answers and ``/proc`` files of this kernel, outputs of other
systems from ``tests/recorded``, and examples from the documentation.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
from base64 import b64decode
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Callable, NamedTuple

from check_ephemeral_port.model.cgroups import container_id, unit_of
from check_ephemeral_port.model.failed.counts import (
    TCP_CONNECT,
    decode_counts,
    parse_cpu_stats,
)
from check_ephemeral_port.model.failed.counts import (
    UDP as UDP_REQUEST,
)
from check_ephemeral_port.model.failed.events import parse_events
from check_ephemeral_port.model.ports import parse_port, parse_port_list
from check_ephemeral_port.model.sockets import TCP, UDP
from check_ephemeral_port.model.thresholds import (
    parse_free_range,
    parse_percent_range,
    parse_range,
    parse_remaining_range,
    parse_seconds_range,
)
from check_ephemeral_port.options import (
    UsageError,
    help_or_version,
    parse_count,
    parse_destination,
    parse_duration_seconds,
    parse_host,
    parse_netns,
    parse_options,
    parse_path,
    parse_source,
)
from check_ephemeral_port.system.advice_settings import decode_counter
from check_ephemeral_port.system.errors import SystemReadError
from check_ephemeral_port.system.event_log import decode_events
from check_ephemeral_port.system.ranges.bsd import NAMES, read_bsd_port_settings
from check_ephemeral_port.system.ranges.linux import read_linux_port_settings
from check_ephemeral_port.system.ranges.windows import read_windows_port_settings
from check_ephemeral_port.system.sockets.inet_diag import decode_chunk
from check_ephemeral_port.system.sockets.sockstat import (
    is_without_sockets,
    read_socket_counts,
    read_time_wait_sockets,
)
from check_ephemeral_port.system.state_file import decode_history, encode_history
from check_ephemeral_port.system.vrfs import decode_links
from tests.support.builders import HISTORY
from tests.support.c_library import sysctls
from tests.support.recorded import logged_event, recorded
from tests.support.sock_diag import ask_kernel, assert_counts_as_many_as_are_listed

ROOT = Path(__file__).parents[2]
DOCUMENTED = "".join(
    (ROOT / page).read_text()
    for page in ("README.rst", "contrib/docs/options.rst", "contrib/docs/port.rst")
)
"""Pages with examples of options and command lines."""
BSDS = sorted(NAMES)


class Target(NamedTuple):
    """A parser."""

    parse: Callable[[bytes], object]
    declared: tuple[type[Exception], ...]
    """The errors with which it can refuse data."""
    seeds: Sequence[bytes]

    def accepts(self, data: bytes) -> bool:
        """Whether the parser accepts the data. Raises any error that isn't declared."""
        try:
            self.parse(data)
        except self.declared:
            return False
        return True


def in_text(parse: Callable[[str], object]) -> Callable[[bytes], object]:
    """A parser of text that gets bytes, decoded as Python decodes arguments."""
    return lambda data: parse(os.fsdecode(data))


def command_line(data: bytes) -> None:
    """Parse arguments that are separated by zero bytes."""
    arguments = [os.fsdecode(argument) for argument in data.split(b"\0")]
    if not help_or_version(arguments):
        parse_options(arguments)


def below_proc(
    read: Callable[[str], object], paths: Sequence[str]
) -> Callable[[bytes], object]:
    """A parser of ``/proc`` files that gets their contents, separated by zero bytes."""

    @cache
    def proc() -> TemporaryDirectory[str]:
        folder = TemporaryDirectory()
        for path in paths:
            Path(folder.name, path).parent.mkdir(parents=True, exist_ok=True)
        return folder

    def parse(data: bytes) -> object:
        files = [Path(proc().name, path) for path in paths]
        for file in files:
            file.unlink(missing_ok=True)
        for file, content in zip(files, data.split(b"\0", len(files) - 1)):
            file.write_bytes(content)
        return read(proc().name)

    return parse


def socket_counters(proc: str) -> None:
    """Call every reader of the ``sockstat`` files."""
    is_without_sockets(proc)
    read_socket_counts(proc)
    read_time_wait_sockets(proc)


def sysctl_values(data: bytes) -> None:
    """Parse values of 4 bytes each; the first byte selects the system."""
    values = [data[start : start + 4] for start in range(1, len(data), 4)]
    platform = BSDS[data[0] % len(BSDS)] if data else BSDS[0]
    read_bsd_port_settings(platform, lambda _: values.pop(0) if values else b"")


def netsh_outputs(data: bytes) -> None:
    """Parse the outputs of several commands, separated by zero bytes."""
    outputs = data.split(b"\0")
    read_windows_port_settings(lambda _: outputs.pop(0) if outputs else b"")


def history(data: bytes) -> None:
    """Read a history and write it again."""
    encode_history(decode_history(data))


def events(text: str) -> None:
    """Parse the text of a recorder, of both formats."""
    for kind in (TCP_CONNECT, UDP_REQUEST):
        list(parse_events(text, kind))


def kernel_answers(kind: int, protocol: str) -> list[bytes]:
    """This kernel's answers for listening and connected sockets, IPv6 and IPv4."""
    with ExitStack() as held:
        server, *clients = (
            held.enter_context(socket.socket(family, kind))
            for family in (socket.AF_INET6, socket.AF_INET6, socket.AF_INET)
        )
        server.bind(("::", 0))
        if kind == socket.SOCK_STREAM:
            server.listen()
        for client, address in zip(clients, ("::1", "127.0.0.1")):
            client.connect((address, server.getsockname()[1]))
        return [ask_kernel(client.family, protocol) for client in clients]


def from_proc(*paths: str) -> bytes:
    """Contents of ``/proc`` files, in the format of :func:`below_proc`."""
    files = [Path("/proc", path) for path in paths]
    return b"\0".join(file.read_bytes() if file.exists() else b"" for file in files)


def sysctl_seeds() -> list[bytes]:
    """Recorded values, in the format of :func:`sysctl_values`."""
    seeds = []
    for system in ("darwin", "freebsd", "openbsd"):
        values = sysctls(f"{system}/sysctl.txt")
        number = BSDS.index(system)
        seeds.append(
            bytes([number]) + b"".join(values[name] for name in NAMES[system].ipv4)
        )
    return seeds


def netsh_seeds() -> list[bytes]:
    """Recorded outputs for both protocols and both versions of IP, in the format of
    :func:`netsh_outputs`."""
    return [
        b"\0".join(
            recorded(f"windows/{what}-{language}.txt").encode()
            for what in ("dynamicport", "excludedportrange") * 4
        )
        for language in ("en", "de", "fr", "zh")
    ]


def links_seeds() -> list[bytes]:
    """Recorded answers about network devices."""
    return [b64decode(part) for part in recorded("linux/links.txt").split("\n\n")]


WORDS = [word.encode() for word in sorted({*re.findall(r"[^\s`'|]+", DOCUMENTED)})]
COMMAND_LINES = [
    "\0".join(shlex.split(text)).encode()
    for text in re.findall(r"(?:``|check_ephemeral_port )(-[^`\n]+)", DOCUMENTED)
]
PORT_SETTINGS = [
    f"sys/net/ipv4/{name}"
    for name in (
        *("ip_local_port_range", "ip_local_reserved_ports", "tcp_tw_reuse"),
        *("tcp_tw_reuse_delay", "tcp_timestamps"),
    )
]
SOCKSTAT = ["net/sockstat", "net/sockstat6"]
CGROUPS = [
    from_proc("self/cgroup"),
    b"0::/system.slice/docker-" + b"0123456789abcdef" * 4 + b".scope\n",
]

CPU_STATS = (
    b"entries: 866\noverrun: 99000\ncommit overrun: 0\nbytes: 66682\n"
    b"oldest event ts: 11419.420165\nnow ts: 11419.428119\n"
    b"dropped events: 0\nread events: 0\n"
)
COUNTS = (
    b"tcp_connect boot 1 2 3.000000 0:1:1:1.000000 1:9:2:3.000000\nudp - 1 2 3.000000"
)
EVENTS = [
    b" nginx-812     [001] ..... 11419.420165: inet_sock_set_state: family=AF_INET"
    b" protocol=IPPROTO_TCP sport=0 dport=443 saddr=198.51.100.1 daddr=192.0.2.7"
    b" saddrv6=::ffff:198.51.100.1 daddrv6=::ffff:192.0.2.7 oldstate=TCP_SYN_SENT"
    b" newstate=TCP_CLOSE\n",
    b" python3-169     [000] ...1.    13.970280: bind:"
    b" (inet_csk_listen_start+0x7d/0x100 <- inet_csk_get_port)"
    b" snum=0 ret=-98 net=4026531840\n",
]
"""Of Linux 6.18 and 6.12."""

TCP_ANSWERS = kernel_answers(socket.SOCK_STREAM, TCP)

TARGETS: dict[str, Target] = {
    "decode_chunk_tcp": Target(
        partial(decode_chunk, protocol=TCP), (ValueError,), TCP_ANSWERS
    ),
    "decode_chunk_udp": Target(
        partial(decode_chunk, protocol=UDP),
        (ValueError,),
        kernel_answers(socket.SOCK_DGRAM, UDP),
    ),
    "links": Target(decode_links, (ValueError,), links_seeds()),
    "tally": Target(assert_counts_as_many_as_are_listed, (ValueError,), TCP_ANSWERS),
    "command_line": Target(command_line, (UsageError,), COMMAND_LINES),
    **{
        parse.__name__: Target(in_text(parse), (ValueError,), WORDS)
        for parse in (
            *(parse_range, parse_percent_range, parse_seconds_range),
            *(parse_free_range, parse_remaining_range),
            *(parse_port, parse_port_list, parse_count, parse_duration_seconds),
            *(parse_destination, parse_host, parse_source, parse_netns, parse_path),
        )
    },
    "port_settings": Target(
        below_proc(read_linux_port_settings, PORT_SETTINGS),
        (SystemReadError,),
        [from_proc(*PORT_SETTINGS)],
    ),
    "sockstat": Target(
        below_proc(socket_counters, SOCKSTAT),
        (SystemReadError,),
        [from_proc(*SOCKSTAT)],
    ),
    "decode_counter": Target(
        in_text(partial(decode_counter, group="TcpExt", name="TCPTimeWaitOverflow")),
        (ValueError,),
        [from_proc("net/netstat")],
    ),
    "container_id": Target(in_text(container_id), (), CGROUPS),
    "unit_of": Target(in_text(unit_of), (), CGROUPS),
    "sysctl": Target(sysctl_values, (SystemReadError,), sysctl_seeds()),
    "netsh": Target(netsh_outputs, (SystemReadError,), netsh_seeds()),
    "wevtutil": Target(
        decode_events,
        (ValueError,),
        [logged_event(4231), logged_event(4227) + logged_event(4266)],
    ),
    "parse_cpu_stats": Target(in_text(parse_cpu_stats), (ValueError,), [CPU_STATS]),
    "decode_counts": Target(in_text(decode_counts), (), [COUNTS]),
    "events": Target(in_text(events), (), EVENTS),
    "decode_history": Target(history, (), [encode_history(HISTORY)]),
}
