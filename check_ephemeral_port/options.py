"""The command line: arguments in, frozen options out."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence

from .model.ports import parse_port
from .model.records import NamedTuple
from .model.sockets import plain_address
from .model.thresholds import (
    ThresholdRange,
    parse_percent_range,
    parse_range,
    parse_seconds_range,
)
from .system.sockets.sampling import AUTO, PSUTIL, SAMPLERS, SOCK_DIAG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn


class DestinationOption(NamedTuple):
    """``--destination HOST:PORT``, not yet resolved."""

    host: str
    port: int


class Options(NamedTuple):
    """A valid command line."""

    warning: ThresholdRange | None
    """In percent; for one port a number of sockets, or seconds with a host name."""
    critical: ThresholdRange | None
    free_warning: ThresholdRange | None
    free_critical: ThresholdRange | None
    bind_warning: ThresholdRange | None
    bind_critical: ThresholdRange | None
    fast_warning: ThresholdRange | None
    fast_critical: ThresholdRange | None
    eta_warning: ThresholdRange | None
    eta_critical: ThresholdRange | None
    destination: Sequence[DestinationOption]
    source: str | None
    port: int | None
    """Look at this port only, and not at the ephemeral range."""
    hostname: str | None
    """Where the port is; ``None`` for this host."""
    ip_version: int | None
    expect: str | None
    protocol: str
    sampler: str
    probe: bool
    netns: str | None
    all_netns: bool
    state_file: str | None
    no_advice: bool
    top: int | None
    verbose: int
    timeout: float
    exit_ok: bool


HERE = ("free", "used", "listening")
THERE = ("open", "closed", "filtered")
"""What may be expected of a port of this host, and of one of another host."""

_FLAGS_OF_THE_RANGE = tuple(
    (name, f"--{name.replace('_', '-')}")
    for name in (
        *("free_warning", "free_critical", "bind_warning", "bind_critical"),
        *("fast_warning", "fast_critical", "destination", "source", "probe"),
        *("netns", "all_netns", "no_advice"),
        *("eta_warning", "eta_critical", "state_file"),
    )
)


class UsageError(Exception):
    """The command line is wrong; the text says where, in one line."""


def parse_options(arguments: Sequence[str]) -> Options:
    """Options from arguments; :class:`UsageError` if they are wrong."""
    try:
        given = build_parser().parse_args(arguments)
    except argparse.ArgumentError as error:
        option = (error.argument_name or "").rpartition("/")[2]
        raise UsageError(f"{option}: {error.message}") from None
    options = Options(**{**vars(given), **_main_thresholds(given)})
    _refuse_contradictions(options)
    _refuse_elsewhere(options)
    if options.protocol == "udp" and options.destination:
        raise UsageError("--destination: UDP ports are not counted by destination")
    if options.netns or options.all_netns:
        if options.sampler == PSUTIL:
            raise UsageError("--sampler: psutil can't look into network namespaces")
        options = options._replace(sampler=SOCK_DIAG)
    # each once, since perfdata labels come once
    return options._replace(destination=list(dict.fromkeys(options.destination)))


def _main_thresholds(
    given: argparse.Namespace,
) -> dict[str, ThresholdRange | None]:
    # percent with defaults, but for one port plain numbers and none
    parse = parse_percent_range if given.port is None else parse_range
    ranges: dict[str, ThresholdRange | None] = {}
    for name, default in (("warning", 80), ("critical", 90)):
        text = getattr(given, name)
        try:
            ranges[name] = None if text is None else parse(text)
        except ValueError as error:
            raise UsageError(f"--{name}: {error}") from None
        if text is None and given.port is None:
            ranges[name] = ThresholdRange(end=default)
    return ranges


def _refuse_contradictions(options: Options) -> None:
    """:class:`UsageError` for options that make no sense together."""
    for_range = options.port is None
    here = options.hostname is None
    expect = options.expect
    for contradicts, what in (
        (for_range and not here, "--hostname: only together with --port"),
        (for_range and expect, "--expect: only together with --port"),
        (here and options.ip_version, "-4, -6: only together with --hostname"),
        *(
            (not for_range and getattr(options, name), f"{flag}: not with --port")
            for name, flag in _FLAGS_OF_THE_RANGE
        ),
        *(
            (
                getattr(options, f"eta_{severity}") and options.state_file is None,
                f"--eta-{severity}: needs --state-file, to know the past",
            )
            for severity in ("warning", "critical")
        ),
        (
            options.all_netns and options.state_file,
            "--state-file: not with --all-netns; run a check for each --netns",
        ),
        (here and expect in THERE, f"--expect: {expect!r} only with --hostname"),
        (not here and expect in HERE, f"--expect: {expect!r} not with --hostname"),
        (
            expect == "listening" and options.protocol == "udp",
            "--expect: UDP sockets don't listen; 'used' is the word",
        ),
        (
            not here and options.protocol == "udp",
            "--protocol: --hostname makes a TCP connection",
        ),
        (not here and options.sampler != AUTO, "--sampler: not with --hostname"),
        (not here and options.top, "--top: not with --hostname"),
    ):
        if contradicts:
            raise UsageError(what)


def _refuse_elsewhere(options: Options) -> None:
    """:class:`UsageError` for options that only Linux has something for."""
    if sys.platform == "linux":
        return
    for asked, what in (
        (options.sampler == SOCK_DIAG, "--sampler: 'sock_diag'"),
        (options.probe, "--probe:"),
        (options.netns, "--netns:"),
        (options.all_netns, "--all-netns:"),
    ):
        if asked:
            raise UsageError(f"{what} on Linux only")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # argparse would write to stderr and exit with 2, which means CRITICAL
        raise UsageError(message)

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        # before Python 3.13, a value of "--", as in -w--, is lost
        if arg_strings == ["--"]:
            raise argparse.ArgumentError(action, "expected one argument")
        return super()._get_values(action, arg_strings)


def build_parser() -> argparse.ArgumentParser:
    """The options and their help."""
    parser = _Parser(
        prog="check_ephemeral_port",
        description="Tells how close this host is to running out of ephemeral ports, "
        "for whom, and who holds them.",
        epilog="RANGE is [@][start:][end]: alarm outside of start to end, or inside "
        "with @; start is 0 if left out, ~ stands for no limit. "
        "Exit codes: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.",
        add_help=False,
        allow_abbrev=False,
        exit_on_error=False,
    )
    thresholds = parser.add_argument_group("thresholds")

    def add_range(
        *flags: str,
        help: str,
        parse: Callable[[str], Any] = parse_percent_range,
    ) -> None:
        thresholds.add_argument(*flags, metavar="RANGE", type=_type(parse), help=help)

    add_range(
        "-w",
        "--warning",
        parse=str,
        help="percent used: TCP connect() to the fullest destination, and UDP "
        "(default: 80); with -p the number of sockets, with -H seconds (no default)",
    )
    add_range(
        "-c",
        "--critical",
        parse=str,
        help="likewise (default: 90)",
    )
    add_range(
        "--free-warning",
        parse=parse_range,
        help="ports left, likewise; 2000: alarms when fewer than 2000 are left",
    )
    add_range("--free-critical", parse=parse_range, help="ports left, likewise")
    add_range("--bind-warning", help="percent used for TCP bind() to port 0")
    add_range("--bind-critical", help="percent used, likewise")
    add_range(
        "--fast-warning",
        help="percent used of the half that connect() tries first; beyond it every "
        "connect() is slow",
    )
    add_range("--fast-critical", help="percent used, likewise")
    add_range(
        "--eta-warning",
        parse=parse_seconds_range,
        help="time left as for -w, in seconds or such as 30m: or 2h:, which alarm when "
        "less is left; needs --state-file",
    )
    add_range("--eta-critical", parse=parse_seconds_range, help="time left, likewise")

    scope = parser.add_argument_group("what to look at")
    scope.add_argument(
        "-d",
        "--destination",
        action="append",
        default=[],
        metavar="HOST:PORT",
        type=_type(parse_destination),
        help="this destination only; may be repeated; IPv6 as [ADDRESS]:PORT. To look "
        "up a name may take a UDP port for a moment, an address doesn't",
    )
    scope.add_argument(
        "--source",
        metavar="ADDRESS",
        type=_type(parse_source),
        help="local address that the program connects from or binds to (default: "
        "the fullest for connect, the worst case for bind)",
    )
    scope.add_argument(
        "--protocol",
        choices=("tcp", "udp", "all"),
        default="all",
        help="usages to look at (default: all)",
    )
    namespaces = scope.add_mutually_exclusive_group()
    namespaces.add_argument(
        "--netns",
        metavar="NAME|PID|PATH",
        type=_type(parse_netns),
        help="on Linux, look into this network namespace: a name of ip netns, a "
        "process, or a path such as /proc/1/ns/net",
    )
    namespaces.add_argument(
        "--all-netns",
        action="store_true",
        help="likewise, look into every network namespace of the host and judge the "
        "worst",
    )
    scope.add_argument(
        "--sampler",
        choices=SAMPLERS,
        default=AUTO,
        help="who lists the sockets (default: auto; sock_diag: on Linux only)",
    )
    scope.add_argument(
        "--probe",
        action="store_true",
        help="on Linux, try the ports of which nothing shows whether they are bound; "
        "makes connections to port 0 of loopback that fail",
    )
    scope.add_argument(
        "--state-file",
        metavar="PATH",
        type=_type(parse_path),
        help="remember there what this run saw, and tell the time left from what "
        "earlier runs saw",
    )

    one_port = parser.add_argument_group("one port instead: what it is, who uses it")
    one_port.add_argument(
        "-p",
        "--port",
        metavar="PORT",
        type=_type(parse_port),
        help="this port of this host",
    )
    one_port.add_argument(
        "-H",
        "--hostname",
        metavar="HOST",
        type=_type(parse_host),
        help="the port of this host, name or address: makes one TCP connection to "
        "it, which takes a port here, and that is in TIME_WAIT for a minute "
        "afterwards. Waits four fifths of --timeout for an answer",
    )
    versions = one_port.add_mutually_exclusive_group()
    for version in (4, 6):
        versions.add_argument(
            f"-{version}",
            dest="ip_version",
            action="store_const",
            const=version,
            help=f"with -H: IPv{version} only",
        )
    one_port.add_argument(
        "--expect",
        choices=HERE + THERE,
        metavar="WHAT",
        help="CRITICAL if it is anything else: free, used or listening; with -H "
        "open, closed or filtered. Listening is a use, too; free means no socket "
        "at all, not even in TIME_WAIT",
    )

    general = parser.add_argument_group("general")
    general.add_argument(
        "--no-advice",
        action="store_true",
        help="don't tell which settings of the host are wrong and what mends them, "
        "neither with -v nor as the cause of an alarm",
    )
    general.add_argument(
        "--top",
        metavar="N",
        type=_type(parse_count),
        help="rows in each table (default: 5, with -vv 20; with -p 20 and 200; of "
        "network namespaces all)",
    )
    general.add_argument(
        "-v",
        "--verbose",
        action="count",
        default=0,
        help="tables; -vv: more rows, and bounds; -vvv: how the sample was taken",
    )
    general.add_argument(
        "-t",
        "--timeout",
        metavar="DURATION",
        default=30.0,
        type=_type(parse_duration_seconds),
        help="seconds, or such as 500ms, 30s, 2m (default: 30)",
    )
    general.add_argument(
        "--exit-ok", action="store_true", help="exit with 0 whatever the state"
    )
    # for the help text: these two are looked for before anything is parsed
    for flags, text in (
        (("-V", "--version"), "show the version and exit with 3"),
        (("-h", "--help"), "show this help and exit with 3"),
    ):
        general.add_argument(
            *flags, action="store_true", default=argparse.SUPPRESS, help=text
        )
    return parser


def _type(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    # argparse shows the text of this error only, not that of a ValueError
    def parse_argument(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse_argument


def parse_destination(text: str) -> DestinationOption:
    """``HOST:PORT`` or ``[IPV6]:PORT``; ``ValueError`` for anything else."""
    match = re.fullmatch(
        r"(?:\[([0-9A-Za-z:.%_-]+)\]|([0-9A-Za-z._-]+)):([0-9]+)", text
    )
    if not match:
        raise ValueError(f"{text!r} is not HOST:PORT or [IPV6]:PORT")
    # one spelling, since perfdata labels carry it
    host = _canonical_address(match[1]) if match[1] else match[2].lower()
    return DestinationOption(host, parse_port(match[3]))


def parse_host(text: str) -> str:
    """A host name or an address, as it was given; ``ValueError`` for anything else."""
    match = re.fullmatch(r"\[([^\]]*)\]|([^\[].*)", text)
    host = (match[1] or match[2] or "") if match else ""
    if ":" in host or (match and match[1]):
        return _canonical_address(host)
    if not re.fullmatch(r"[0-9A-Za-z._-]+", host):
        raise ValueError(f"{text!r} is neither a host name nor an IP address")
    return host


def parse_source(text: str) -> str:
    """An address in canonical text; ``ValueError`` if it is none."""
    return plain_address(_canonical_address(text))


def _canonical_address(text: str) -> str:
    from ipaddress import ip_address

    try:
        address = ip_address(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an IP address") from None
    return str(getattr(address, "ipv4_mapped", None) or address)


def parse_netns(text: str) -> str:
    """A name, a process or a path, as it is; ``ValueError`` for none."""
    if not text.strip():
        raise ValueError(f"{text!r} is not a NAME, PID or PATH")
    return text


def parse_path(text: str) -> str:
    """A path; ``ValueError`` if it is empty."""
    if not text:
        raise ValueError("the path is empty")
    return text


def parse_count(text: str) -> int:
    """A number from 1 on; ``ValueError`` for anything else."""
    if not re.fullmatch(r"[0-9]{1,6}", text) or int(text) == 0:
        raise ValueError(f"{text!r} is not a number of rows (1 or more)")
    return int(text)


def parse_duration_seconds(text: str) -> float:
    """Seconds from ``30``, ``30s``, ``500ms``, ``2m`` or ``1h``; ``ValueError``."""
    match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(ms|s|m|h)?", text)
    units = {"ms": 0.001, "s": 1, None: 1, "m": 60, "h": 3600}
    seconds = float(match[1]) * units[match[2]] if match else 0
    if seconds <= 0:
        raise ValueError(f"{text!r} is not a duration such as 30, 30s or 500ms")
    return seconds
