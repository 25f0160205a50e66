"""The command line: turns arguments into options."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Sequence

from . import __version__
from .model.ports import parse_port
from .model.records import NamedTuple
from .model.sockets import (
    ALWAYS,
    AUTO,
    PROBES,
    PSUTIL,
    SAMPLERS,
    SOCK_DIAG,
    plain_address,
)
from .model.thresholds import (
    DEFAULT_CRITICAL_PERCENT,
    DEFAULT_WARNING_PERCENT,
    ThresholdRange,
    parse_free_range,
    parse_percent_range,
    parse_range,
    parse_remaining_range,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn


class DestinationOption(NamedTuple):
    """``--destination HOST:PORT``, before the name is resolved."""

    host: str
    """A name or an address, and perhaps ``%DEVICE``."""
    port: int


class Options(NamedTuple):
    """The options of a valid command line."""

    warning: ThresholdRange | None = ThresholdRange(end=DEFAULT_WARNING_PERCENT)
    """In percent; with --port a number of sockets, with --hostname seconds."""
    critical: ThresholdRange | None = ThresholdRange(end=DEFAULT_CRITICAL_PERCENT)
    free_warning: ThresholdRange | None = None
    free_critical: ThresholdRange | None = None
    bind_warning: ThresholdRange | None = None
    bind_critical: ThresholdRange | None = None
    fast_warning: ThresholdRange | None = None
    fast_critical: ThresholdRange | None = None
    eta_warning: ThresholdRange | None = None
    eta_critical: ThresholdRange | None = None
    failed_warning: ThresholdRange | None = None
    failed_critical: ThresholdRange | None = None
    destination: Sequence[DestinationOption] = ()
    source: str | None = None
    port: int | None = None
    """Set for the port check, ``None`` for the pool check."""
    hostname: str | None = None
    """The host with the port; ``None`` for this host."""
    ip_version: int | None = None
    """4 or 6; ``None`` for both."""
    expect: str | None = None
    protocol: str = "all"
    sampler: str = AUTO
    probe: str = AUTO
    netns: str | None = None
    all_netns: bool = False
    state_file: str | None = None
    recorder: str | None = None
    """``on``, ``off`` or ``status``: no check, but this; ``None`` for a check."""
    recorder_group: str | None = None
    no_advice: bool = False
    top: int | None = None
    """Maximum number of rows in each table; ``None`` depends on ``verbose``."""
    verbose: int = 0
    timeout: float = 30.0
    """In seconds."""
    exit_ok: bool = False


LOCAL_STATES = ("free", "used", "listening")
REMOTE_STATES = ("open", "closed", "filtered")
"""Values of --expect for a port of this host, and of another host."""

FLAG_LETTERS = "46v"
"""Letters of the short options without a value, except -h and -V."""

POOL_OPTIONS = (
    "free_warning",
    "free_critical",
    "bind_warning",
    "bind_critical",
    "fast_warning",
    "fast_critical",
    "eta_warning",
    "eta_critical",
    "failed_warning",
    "failed_critical",
    "destination",
    "source",
    "probe",
    "netns",
    "all_netns",
    "state_file",
    "recorder_group",
    "no_advice",
)
"""Options of the pool check that the port check refuses."""

RECORDER_COMMANDS = ("on", "off", "status")

RECORDER_OPTIONS = ("recorder", "recorder_group", "timeout", "verbose")
"""The only options that make sense together with --recorder."""


class UsageError(Exception):
    """The command line is wrong. The text says what is wrong, in one line."""


def parse_options(arguments: Sequence[str]) -> Options:
    """Parse the command line. Raises :class:`UsageError`."""
    try:
        given = build_parser().parse_args(arguments)
    except argparse.ArgumentError as error:
        option = (error.argument_name or "").rpartition("/")[2]
        message = error.message.replace(": ", " ")  # "invalid choice: 'x'"
        raise UsageError(f"{option} {message}") from None
    options = Options(**{**vars(given), **_main_thresholds(given)})
    _refuse_contradictions(options)
    _refuse_useless_warnings(given, options)
    _refuse_linux_options(options)
    if options.netns or options.all_netns:
        if options.sampler == PSUTIL:
            raise UsageError("--sampler psutil cannot inspect network namespaces")
        options = options._replace(sampler=SOCK_DIAG)
    # each destination once, since perfdata labels must not repeat
    return options._replace(destination=list(dict.fromkeys(options.destination)))


def _main_thresholds(
    given: argparse.Namespace,
) -> dict[str, ThresholdRange | None]:
    # in percent and with defaults in the pool check, else plain numbers without
    defaults = Options() if given.port is None else Options(None, None)
    parse = parse_percent_range if given.port is None else parse_range
    ranges: dict[str, ThresholdRange | None] = {}
    for name in ("warning", "critical"):
        text = getattr(given, name)
        try:
            ranges[name] = getattr(defaults, name) if text is None else parse(text)
        except ValueError as error:
            raise UsageError(f"--{name} {error}") from None
    return ranges


PAIRS = ("", "free_", "bind_", "fast_", "eta_", "failed_")
"""What comes before ``warning`` and ``critical`` in the names of thresholds."""


def _refuse_useless_warnings(given: argparse.Namespace, options: Options) -> None:
    """Raises :class:`UsageError` if the user gives a warning beyond a critical."""
    for pair in PAIRS:
        names = f"{pair}warning", f"{pair}critical"
        if all(getattr(given, name) is not None for name in names):
            warning, critical = (getattr(options, name) for name in names)
            if warning.is_beyond(critical):
                first, second = (f"--{name.replace('_', '-')}" for name in names)
                both = f"{first} '{warning}' is beyond {second} '{critical}'"
                raise UsageError(f"{both}, so it never warns")


def _refuse_contradictions(options: Options) -> None:
    """Raises :class:`UsageError` for options that contradict each other."""
    pairs = _pool_contradictions if options.port is None else _port_contradictions
    if options.recorder:
        pairs = _recorder_contradictions
    for contradicts, message in pairs(options):
        if contradicts:
            raise UsageError(message)


def _pool_contradictions(options: Options) -> Iterator[tuple[object, str]]:
    yield options.recorder_group, "--recorder-group only together with --recorder on"
    yield options.hostname, "--hostname only together with --port"
    yield options.expect, "--expect only together with --port"
    yield options.ip_version, "-4, -6 only together with --hostname"
    if options.state_file is None:
        for severity in ("warning", "critical"):
            yield (
                getattr(options, f"eta_{severity}"),
                f"--eta-{severity} needs --state-file",
            )
    yield (
        options.all_netns and options.state_file,
        "--state-file not with --all-netns; run a check for each --netns",
    )
    yield (
        options.protocol == "udp" and options.destination,
        "--destination UDP ports are not counted by destination",
    )


def _recorder_contradictions(options: Options) -> Iterator[tuple[object, str]]:
    for name, default in Options()._asdict().items():
        value = getattr(options, name)
        is_given = value and value != default and name not in RECORDER_OPTIONS
        option = "-4, -6" if name == "ip_version" else f"--{name.replace('_', '-')}"
        yield is_given, f"{option} not with --recorder"
    yield (
        options.recorder != "on" and options.recorder_group,
        "--recorder-group only together with --recorder on",
    )


def _port_contradictions(options: Options) -> Iterator[tuple[object, str]]:
    is_local, expect = options.hostname is None, options.expect
    defaults = Options()
    for name in POOL_OPTIONS:
        given = getattr(options, name)
        is_default = given == getattr(defaults, name)
        yield given and not is_default, f"--{name.replace('_', '-')} not with --port"
    yield is_local and options.ip_version, "-4, -6 only together with --hostname"
    yield (
        is_local and expect in REMOTE_STATES,
        f"--expect {expect!r} only with --hostname",
    )
    yield (
        not is_local and expect in LOCAL_STATES,
        f"--expect {expect!r} not with --hostname",
    )
    yield (
        expect == "listening" and options.protocol == "udp",
        "--expect UDP sockets don't listen; use 'used'",
    )
    yield (
        not is_local and options.protocol == "udp",
        "--protocol --hostname makes a TCP connection",
    )
    yield not is_local and options.sampler != AUTO, "--sampler not with --hostname"
    yield not is_local and options.top, "--top not with --hostname"


def _refuse_linux_options(options: Options) -> None:
    """Raises :class:`UsageError` for options of Linux on other platforms."""
    if sys.platform == "linux":
        return
    for given, option in (
        (options.sampler == SOCK_DIAG, "--sampler 'sock_diag'"),
        (options.probe == ALWAYS, "--probe"),
        (options.netns, "--netns"),
        (options.all_netns, "--all-netns"),
        (options.recorder, "--recorder"),
    ):
        if given:
            raise UsageError(f"{option} on Linux only")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # argparse would write to stderr and exit with 2, which means CRITICAL
        raise UsageError(message)

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        # before Python 3.13, argparse drops the value "--", as in -w--
        if arg_strings == ["--"]:
            raise argparse.ArgumentError(action, "expected one argument")
        return super()._get_values(action, arg_strings)


def build_parser() -> argparse.ArgumentParser:
    """The parser of the command line, with the help of all options."""
    parser = _Parser(
        prog="check_ephemeral_port",
        description="Reports how close this host is to running out of ephemeral ports, "
        "for which destination, and which process holds them.",
        epilog="RANGE is [@][start:][end]. It alarms outside start to end, or inside "
        "with @. The default start is 0; ~ means no limit. "
        "Exit codes: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.",
        add_help=False,
        allow_abbrev=False,
        exit_on_error=False,
    )
    _add_thresholds(parser.add_argument_group("thresholds"))
    _add_scope(parser.add_argument_group("what to check"))
    _add_port_check(parser.add_argument_group("one port instead of the whole range"))
    _add_recorder(parser.add_argument_group("record of failed connects"))
    _add_general(parser.add_argument_group("general"))
    return parser


def _add_thresholds(group: argparse._ArgumentGroup) -> None:
    def add(flag: str, parse: Callable[[str], Any], help: str, short: str = "") -> None:
        flags = [short, flag] if short else [flag]
        group.add_argument(*flags, metavar="RANGE", type=_type(parse), help=help)

    # parsed later, since the unit depends on other options
    add(
        "--warning",
        str,
        "percent used by TCP connect() to the fullest destination, and by UDP "
        f"(default: {DEFAULT_WARNING_PERCENT}); with -p a number of sockets, with -H "
        "seconds (no default)",
        "-w",
    )
    add(
        "--critical",
        str,
        f"the same for CRITICAL (default: {DEFAULT_CRITICAL_PERCENT})",
        "-c",
    )
    add(
        "--free-warning",
        parse_free_range,
        "free ports instead of percent; for example, 2000: alarms below 2000 "
        "free ports",
    )
    add("--free-critical", parse_free_range, "the same for CRITICAL")
    add(
        "--bind-warning",
        parse_percent_range,
        "percent used by TCP bind() to port 0",
    )
    add("--bind-critical", parse_percent_range, "the same for CRITICAL")
    add(
        "--fast-warning",
        parse_percent_range,
        "percent used of the half that connect() tries first; once it is used up, "
        "every connect() is slow",
    )
    add("--fast-critical", parse_percent_range, "the same for CRITICAL")
    add(
        "--eta-warning",
        parse_remaining_range,
        "time until the ports that -w counts run out, in seconds or with a unit; "
        "for example, 30m: alarms below 30 minutes; needs --state-file",
    )
    add("--eta-critical", parse_remaining_range, "the same for CRITICAL")
    add(
        "--failed-warning",
        parse_range,
        "number of requests that failed because no port was free, of each kind, since "
        "the last run with the same --state-file, else since --recorder on; on "
        "Windows, events of the last hour in the System log",
    )
    add(
        "--failed-critical",
        parse_range,
        "the same for CRITICAL (default: 0 with --state-file and on Windows; ~: never "
        "alarms)",
    )


def _add_scope(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "-d",
        "--destination",
        action="append",
        default=[],
        metavar="HOST:PORT",
        type=_type(parse_destination),
        help="watch only this destination; can be repeated; IPv6 as [ADDRESS]:PORT. "
        "Resolving a name can take a UDP port for a moment; an address needs none",
    )
    group.add_argument(
        "--source",
        metavar="ADDRESS",
        type=_type(parse_source),
        help="local address that the program connects from or binds to (default: "
        "the fullest for connect, the worst case for bind)",
    )
    group.add_argument(
        "--protocol",
        choices=("tcp", "udp", "all"),
        default="all",
        help="protocol whose ports are counted (default: all)",
    )
    namespaces = group.add_mutually_exclusive_group()
    namespaces.add_argument(
        "--netns",
        metavar="NAME|PID|PATH",
        type=_type(parse_netns),
        help="on Linux, check this network namespace: a name of ip netns, a PID, "
        "or a path such as /proc/1/ns/net",
    )
    namespaces.add_argument(
        "--all-netns",
        action="store_true",
        help="on Linux, check every network namespace of the host and report the worst",
    )
    group.add_argument(
        "--sampler",
        choices=SAMPLERS,
        default=AUTO,
        help="how to list the sockets (default: auto; sock_diag: on Linux only)",
    )
    group.add_argument(
        "--probe",
        nargs="?",
        const=ALWAYS,
        default=AUTO,
        choices=PROBES,
        help="on Linux, ask the kernel which ports connect() can share, if that is "
        "cheap or decides the state (auto), in every case (always, also without a "
        "value) or not at all (never); no packet is sent (default: auto)",
    )
    group.add_argument(
        "--state-file",
        metavar="PATH",
        type=_type(parse_path),
        help="keep a history in this file to forecast when ports run out",
    )


def _add_port_check(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "-p",
        "--port",
        metavar="PORT",
        type=_type(parse_port),
        help="report what this port is and which sockets use it",
    )
    group.add_argument(
        "-H",
        "--hostname",
        metavar="HOST",
        type=_type(parse_host),
        help="try to connect to the port of this host, a name or an address. Makes one "
        "TCP connection, which takes a port here and leaves it in TIME_WAIT for a "
        "minute. Waits for at most four fifths of --timeout",
    )
    versions = group.add_mutually_exclusive_group()
    for version in (4, 6):
        versions.add_argument(
            f"-{version}",
            dest="ip_version",
            action="store_const",
            const=version,
            help=f"with -H: use IPv{version} only",
        )
    group.add_argument(
        "--expect",
        choices=LOCAL_STATES + REMOTE_STATES,
        metavar="WHAT",
        help="CRITICAL if the port is anything else: free, used or listening; with -H "
        "open, closed or filtered. A listening port is also used. A free port has no "
        "socket at all, not even in TIME_WAIT",
    )


def _add_recorder(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--recorder",
        choices=RECORDER_COMMANDS,
        help="on Linux, as root: let the kernel record requests that fail because no "
        "port is free, until it restarts (on), stop that (off), or exit with 0 if it "
        "is on (status). While it is on, every check reports them",
    )
    group.add_argument(
        "--recorder-group",
        metavar="GROUP",
        help="with --recorder on: also let this group read the record",
    )


def _add_general(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--no-advice", action="store_true", help="do not print tuning advice"
    )
    group.add_argument(
        "--top",
        metavar="N",
        type=_type(parse_count),
        help="rows in each table (default: 5, or 20 with -vv; with -p 20, or 200 with "
        "-vv; network namespaces are all shown)",
    )
    group.add_argument(
        "-v",
        "--verbose",
        action="count",
        default=0,
        help="show tables; -vv: more rows, and bounds; -vvv: how long each step took",
    )
    group.add_argument(
        "-t",
        "--timeout",
        metavar="DURATION",
        default=30.0,
        type=_type(parse_duration_seconds),
        help="time limit in seconds, or with a unit: 500ms, 30s, 2m (default: 30)",
    )
    group.add_argument(
        "--exit-ok", action="store_true", help="exit with 0 in every state"
    )
    # only for the help text: help_or_version() finds these two before any parsing
    for flags, text in (
        (("-V", "--version"), "show the version and exit with 3"),
        (("-h", "--help"), "show this help and exit with 3"),
    ):
        group.add_argument(
            *flags, action="store_true", default=argparse.SUPPRESS, help=text
        )


def help_or_version(arguments: Sequence[str]) -> str:
    """The text for ``--help`` or ``--version``; empty without these options.

    Both win over all other options, even over wrong ones.
    """
    for argument in arguments:
        # in a group of letters such as -vh, the first h or V counts
        asked = (
            argument[1:].lstrip(FLAG_LETTERS)[:1] if argument.startswith("-") else ""
        )
        if asked == "h" or argument == "--help":
            return build_parser().format_help()
        if asked == "V" or argument == "--version":
            return f"check_ephemeral_port {__version__}, MIT license\n"
    return ""


def _type(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    # argparse prints the text of an ArgumentTypeError but not of a ValueError
    def parse_argument(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse_argument


def parse_destination(text: str) -> DestinationOption:
    """Parse ``HOST:PORT`` or ``[IPV6]:PORT``, with ``%DEVICE`` behind the host or not.

    Raises ``ValueError``."""
    match = re.fullmatch(
        r"(?:\[([0-9A-Za-z:.%_-]+)\]|([0-9A-Za-z._-]+)(%[^%:\s]+)?):([0-9]+)", text
    )
    if not match:
        raise ValueError(f"{text!r} is not HOST:PORT or [IPV6]:PORT")
    # one spelling, since it becomes part of perfdata labels
    host = _canonical_address(match[1]) if match[1] else match[2].lower()
    return DestinationOption(host + (match[3] or ""), parse_port(match[4]))


def parse_host(text: str) -> str:
    """A host name, or an address without brackets. Raises ``ValueError``."""
    match = re.fullmatch(r"\[([^\]]*)\]|([^\[].*)", text)
    host = (match[1] or match[2] or "") if match else ""
    if re.fullmatch(r"[^:]+:[0-9]+", host):
        name, _, port = host.partition(":")
        raise ValueError(f"{text!r} has a port, give it as -H {name} -p {port}")
    if ":" in host or (match and match[1]):
        return _canonical_address(host)
    if not re.fullmatch(r"[0-9A-Za-z._-]+", host):
        raise ValueError(f"{text!r} is neither a host name nor an IP address")
    return host


def parse_source(text: str) -> str:
    """An IP address in canonical text. Raises ``ValueError``."""
    return plain_address(_canonical_address(text))


def _canonical_address(text: str) -> str:
    from ipaddress import ip_address

    try:
        address = ip_address(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an IP address") from None
    return str(getattr(address, "ipv4_mapped", None) or address)


def parse_netns(text: str) -> str:
    """A name, PID or path, unchanged. Raises ``ValueError`` if it is blank."""
    if not text.strip():
        raise ValueError(f"{text!r} is not a NAME, PID or PATH")
    return text


def parse_path(text: str) -> str:
    """A path, unchanged. Raises ``ValueError`` if it is empty."""
    if not text:
        raise ValueError("the path is empty")
    return text


def parse_count(text: str) -> int:
    """A number of rows, at least 1. Raises ``ValueError``."""
    if not re.fullmatch(r"[0-9]{1,6}", text) or int(text) == 0:
        raise ValueError(f"{text!r} is not a number of rows (1 or more)")
    return int(text)


def parse_duration_seconds(text: str) -> float:
    """Seconds from ``30``, ``30s``, ``500ms``, ``2m``. Raises ``ValueError``."""
    match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(ms|s|m|h)?", text)
    units = {"ms": 0.001, "s": 1, None: 1, "m": 60, "h": 3600}
    seconds = float(match[1]) * units[match[2]] if match else 0
    if seconds <= 0:
        raise ValueError(f"{text!r} is not a duration such as 30, 30s or 500ms")
    return seconds
