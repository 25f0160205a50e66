"""The command line: turns arguments into options."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Collection, Mapping, Sequence

from . import __version__
from .combinations import objections
from .model.ports import PortRange, is_service_name, parse_port, parse_ports
from .model.records import NamedTuple
from .model.sockets import (
    ALWAYS,
    ANY_IPV4,
    ANY_IPV6,
    AUTO,
    PROBES,
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
    port: int | str
    """A number, or the name of a service."""


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
    port: Sequence[PortRange | str] | None = None
    """Ports and names of services for the port check, ``None`` for the pool check."""
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


REPEATABLE = ("destination", "verbose")
"""The options that can be given more than once."""

LOCAL_STATES = ("free", "used", "listening")
REMOTE_STATES = ("open", "closed", "filtered")
"""Values of --expect for a port of this host, and of another host."""

FLAG_LETTERS = "46v"
"""Letters of the short options without a value, except -h and -V."""

RECORDER_COMMANDS = ("on", "off", "status")


class UsageError(Exception):
    """The command line is wrong. The text says what is wrong, in one line."""


def parse_options(arguments: Sequence[str]) -> Options:
    """Parse the command line. Raises :class:`UsageError`."""
    parser = build_parser()
    try:
        namespace, unknown = parser.parse_known_args(arguments)
    except argparse.ArgumentError as error:
        raise _explained(error, arguments, parser) from None
    if unknown:
        raise _unknown(unknown[0], arguments, parser.flags)
    given = vars(namespace)
    for objection in objections(given, sys.platform):
        raise UsageError(objection)
    options = Options(**{**given, **_main_thresholds(given)})
    _refuse_useless_warnings(given, options)
    _refuse_other_families(options)
    _refuse_devices_of_many_namespaces(options)
    if options.hostname and not _is_one_port(options.port or ()):
        raise UsageError("--hostname takes one port, but --port has several")
    if options.netns or options.all_netns:
        options = options._replace(sampler=SOCK_DIAG)
    return options


def _explained(
    error: argparse.ArgumentError, arguments: Sequence[str], parser: _Parser
) -> UsageError:
    """The error in one line, with what the user probably meant."""
    from . import hints  # late: few runs need them

    name = (error.argument_name or "").rpartition("/")[2]
    text = f"{name} {error.message}"
    ignored = re.match("ignored explicit argument '(.)", error.message)
    if error.message == MISSING_VALUE:
        action = parser.action(name)
        values = ", ".join(action.choices or str(action.metavar).split("|"))
        reason = hints.missing_value(action.option_strings, arguments, parser.flags)
        text = f"{name} {reason or f'needs a value ({values})'}"
    elif ignored and any(a.startswith(f"{name}=") for a in arguments):
        text = f"{name} takes no value"
    elif ignored:  # a letter of -vx
        text = hints.unknown_argument(f"-{ignored[1]}", arguments, parser.flags)
    return UsageError(hints.single_dash(arguments, parser.flags) or text)


def _unknown(
    argument: str, arguments: Sequence[str], flags: Collection[str]
) -> UsageError:
    from . import hints  # late: few runs need them

    return UsageError(
        hints.single_dash(arguments, flags)
        or hints.unknown_argument(argument, arguments, flags)
    )


def _main_thresholds(given: Mapping[str, Any]) -> dict[str, ThresholdRange | None]:
    # in percent and with defaults in the pool check, else plain numbers without
    is_pool = "port" not in given
    defaults = Options() if is_pool else Options(None, None)
    parse = parse_percent_range if is_pool else parse_range
    ranges: dict[str, ThresholdRange | None] = {}
    for name in ("warning", "critical"):
        try:
            is_given = name in given
            ranges[name] = parse(given[name]) if is_given else getattr(defaults, name)
        except ValueError as error:
            raise UsageError(f"--{name} {error}") from None
    return ranges


PAIRS = ("", "free_", "bind_", "fast_", "eta_", "failed_")
"""What comes before ``warning`` and ``critical`` in the names of thresholds."""


def _refuse_useless_warnings(given: Mapping[str, Any], options: Options) -> None:
    """Raises :class:`UsageError` if the user gives a warning beyond the critical."""
    for pair in PAIRS:
        names = f"{pair}warning", f"{pair}critical"
        warning, critical = (getattr(options, name) for name in names)
        if names[0] in given and critical and warning.is_beyond(critical):
            first, second = (f"--{name.replace('_', '-')}" for name in names)
            of_default = "" if names[1] in given else "the default of "
            both = f"{first} '{warning}' is beyond {of_default}{second} '{critical}'"
            raise UsageError(f"{both}, so it never warns")


def _refuse_other_families(options: Options) -> None:
    """Raises :class:`UsageError` if an address and another option contradict each
    other: IPv4 and IPv6 have no connection in common."""
    asked, version = options.ip_version, _ip_version(options.hostname or "")
    if asked and version and asked != version:
        address = f"--hostname '{options.hostname}', which is an IPv{version} address"
        raise UsageError(f"-{asked} not with {address}, use -{version}")
    source = options.source or ""
    if source in (ANY_IPV4, ANY_IPV6):
        return
    for destination in options.destination:
        versions = _ip_version(source), _ip_version(destination.host)
        if all(versions) and versions[0] != versions[1]:
            first, second = (f"is an IPv{version} address" for version in versions)
            raise UsageError(
                f"--source '{source}' {first}, but --destination"
                f" '{destination.host}' {second}"
            )


def _refuse_devices_of_many_namespaces(options: Options) -> None:
    """Raises :class:`UsageError` if a destination names a device and the check inspects
    all network namespaces: each has devices of its own."""
    for destination in options.destination:
        if options.all_netns and "%" in destination.host:
            raise UsageError(
                f"--destination '{destination.host}', which names a device, not with"
                " --all-netns, run a check for each --netns"
            )


def _is_one_port(ports: Sequence[PortRange | str]) -> bool:
    return len(ports) == 1 and (isinstance(ports[0], str) or ports[0].size == 1)


def _ip_version(host: str) -> int | None:
    """4 or 6 for an address, ``None`` for a name."""
    if ":" in host:
        return 6
    return 4 if re.fullmatch(r"[0-9]+(\.[0-9]+){3}(%.*)?", host) else None


MISSING_VALUE = "expected one argument"
"""The words of argparse."""


class _Parser(argparse.ArgumentParser):
    """Its namespace has only the options that are given, each of them once."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, argument_default=argparse.SUPPRESS)
        self.color = False  # of Python 3.14
        self._given: dict[str, tuple[argparse.Action, list[str]]] = {}

    @property
    def flags(self) -> Collection[str]:
        """All options."""
        return self._option_string_actions.keys()

    def action(self, flag: str) -> argparse.Action:
        """What argparse knows about an option."""
        return self._option_string_actions[flag]

    def format_help(self) -> str:
        """The help, with examples before all else."""
        lines = [(f"  {self.prog} {words}".rstrip(), use) for words, use in EXAMPLES]
        width = max(len(command) for command, _ in lines)
        examples = "".join(f"{line.ljust(width)}  {use}\n" for line, use in lines)
        usage, blank, others = super().format_help().partition("\n\n")
        return f"{usage}{blank}examples:\n{examples}\n{others}"

    def error(self, message: str) -> NoReturn:
        # argparse would write to stderr and exit with 2, which means CRITICAL
        raise UsageError(message)

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        # before Python 3.13, argparse drops the value "--", as in -w--
        if arg_strings == ["--"]:
            raise argparse.ArgumentError(action, MISSING_VALUE)
        self._refuse_second(action, arg_strings)
        if action.choices and not {*arg_strings} <= {*action.choices}:
            choices = ", ".join(action.choices)
            message = f"{arg_strings[0]!r} is not one of {choices}"
            raise argparse.ArgumentError(action, message)
        return super()._get_values(action, arg_strings)

    def _refuse_second(self, action: argparse.Action, values: list[str]) -> None:
        first = self._given.setdefault(action.dest, (action, values))
        if first[1] is values or action.dest in REPEATABLE:
            return
        both = " and ".join(map(repr, [*first[1], *values]))
        message = f"is given twice, as {both}" if both else "is given twice"
        if first[0] is not action:  # -4 and -6
            message = f"not with {first[0].option_strings[-1]}"
        raise argparse.ArgumentError(action, message)


class _Formatter(argparse.HelpFormatter):
    """One line for each option. What follows the first line of its help is for the
    manual page."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=80)

    def _expand_help(self, action: argparse.Action) -> str:
        return super()._expand_help(action).partition("\n")[0]

    def _format_action_invocation(self, action: argparse.Action) -> str:
        # before Python 3.13, argparse repeats the value behind each spelling
        value = action.metavar or "|".join(action.choices or ())
        if action.nargs == "?":
            value = f"[{value}]"
        return (
            f"{', '.join(action.option_strings)} {value if action.nargs != 0 else ''}"
        )


EXAMPLES = (
    ("", "WARNING at 80 % used, CRITICAL at 90 %"),
    ("-v", "which destination, which processes"),
    ("-d db:5432", "only the ports to this destination"),
    ("-p https", "what uses port 443?"),
)
"""Arguments, and what they are good for."""


def build_parser() -> _Parser:
    """The parser of the command line, with the help of all options."""
    parser = _Parser(
        prog="check_ephemeral_port",
        usage="%(prog)s [OPTION]...",
        description="Reports how close this host is to running out of ephemeral ports, "
        "for which destination, and which process holds them.",
        epilog="RANGE is [@][start:][end]. It alarms outside start to end, or inside "
        "with @. The default start is 0; ~ means no limit. Without root, the names of "
        "other users' processes are missing. Exit codes: 0 OK, 1 WARNING, 2 CRITICAL, "
        "3 UNKNOWN.",
        formatter_class=_Formatter,
        add_help=False,
        allow_abbrev=False,
        exit_on_error=False,
    )
    _add_thresholds(parser.add_argument_group("thresholds"))
    _add_scope(parser.add_argument_group("what to check"))
    _add_port_check(parser.add_argument_group("single ports instead of the range"))
    _add_recorder(parser.add_argument_group("record of failed connects"))
    _add_general(parser.add_argument_group("general"))
    return parser


def _add_thresholds(group: argparse._ArgumentGroup) -> None:
    def add(flag: str, parse: Callable[[str], Any], help: str, short: str = "") -> None:
        flags = [short, flag] if short else [flag]
        group.add_argument(*flags, metavar="RANGE", type=_type(parse), help=help)

    # -w and -c are parsed later, since the unit depends on other options
    add(
        "--warning",
        str,
        f"WARNING above this percent used (default: {DEFAULT_WARNING_PERCENT})\n"
        "Of TCP connect() to the fullest destination, and of UDP. With -p a number of "
        "sockets, with -H seconds, both without a default",
        "-w",
    )
    add(
        "--critical",
        str,
        f"CRITICAL above this percent used (default: {DEFAULT_CRITICAL_PERCENT})\n"
        "See --warning",
        "-c",
    )
    add(
        "--free-warning",
        parse_free_range,
        "WARNING below this many free ports (2000:)\n"
        "Of the same usages as -w. The colon at the end means a lower limit",
    )
    add(
        "--free-critical",
        parse_free_range,
        "CRITICAL below this many free ports (500:)",
    )
    add(
        "--bind-warning",
        parse_percent_range,
        "WARNING above this percent used by TCP bind()\n"
        "For programs that bind() to port 0 before they connect()",
    )
    add(
        "--bind-critical",
        parse_percent_range,
        "CRITICAL above this percent used by TCP bind()",
    )
    add(
        "--fast-warning",
        parse_percent_range,
        "WARNING above this percent of fast ports used\n"
        "Of the half that connect() tries first; once it is used up, every connect() "
        "is slow",
    )
    add(
        "--fast-critical",
        parse_percent_range,
        "CRITICAL above this percent of fast ports used",
    )
    add(
        "--eta-warning",
        parse_remaining_range,
        "WARNING below this time until it is full (30m:)\n"
        "Until the ports that -w counts run out, in seconds or with a unit; needs "
        "--state-file",
    )
    add(
        "--eta-critical",
        parse_remaining_range,
        "CRITICAL below this time until it is full (5m:)\nNeeds --state-file",
    )
    add(
        "--failed-warning",
        parse_range,
        "WARNING above this number of failed requests\n"
        "Of each kind, because no port was free, since the last run with the same "
        "--state-file, else since --recorder on; on Windows, events of the last hour "
        "in the System log",
    )
    add(
        "--failed-critical",
        parse_range,
        "CRITICAL above this number of failed requests\n"
        "The default is 0 with --state-file and on Windows; ~: never alarms",
    )


def _add_scope(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "-d",
        "--destination",
        action="append",
        metavar="HOST:PORT",
        type=_type(parse_destination),
        help="watch only this destination; can be repeated\n"
        "IPv6 as [ADDRESS]:PORT; the port can be the name of a service. Resolving a "
        "name can take a UDP port for a moment; an address needs none",
    )
    group.add_argument(
        "--source",
        metavar="ADDRESS",
        type=_type(parse_source),
        help="local address of the program's connections\n"
        "The program connects from it, or binds to it. The default is the fullest for "
        "connect, the worst case for bind",
    )
    group.add_argument(
        "--protocol",
        choices=("tcp", "udp", "all"),
        help="protocol whose ports are counted (default: all)",
    )
    group.add_argument(
        "--netns",
        metavar="NAME|PID|PATH",
        type=_type(parse_netns),
        help="check this network namespace; needs root\n"
        "On Linux: a name of ip netns, a PID, or a path such as /proc/1/ns/net",
    )
    group.add_argument(
        "--all-netns",
        action="store_true",
        help="check every network namespace; needs root\n"
        "On Linux: reports the worst of all namespaces of the host; with -p, which of "
        "them have the port",
    )
    group.add_argument(
        "--sampler",
        choices=SAMPLERS,
        help="how to list the sockets (default: auto)\nSock_diag is for Linux only",
    )
    group.add_argument(
        "--probe",
        nargs="?",
        const=ALWAYS,
        choices=PROBES,
        help="ask connect() which ports can be shared\n"
        "On Linux: if that is cheap or decides the state (auto, the default), in every "
        "case (always, also without a value) or not at all (never). No packet is sent",
    )
    group.add_argument(
        "--state-file",
        metavar="PATH",
        type=_type(parse_path),
        help="keep a history in this file, for a forecast\n"
        "Forecasts when ports run out. The file belongs to the user who runs the check",
    )


def _add_port_check(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "-p",
        "--port",
        metavar="PORT",
        type=_type(parse_port_option),
        help="what uses this port (443, https, 8000-8010,9000)\n"
        "Numbers, ranges and names of services, separated by commas",
    )
    group.add_argument(
        "-H",
        "--hostname",
        metavar="HOST",
        type=_type(parse_host),
        help="connect to the port of this other host\n"
        "A name or an address. Makes one TCP connection, which takes a port here and "
        "leaves it in TIME_WAIT for a minute. Waits for at most four fifths of "
        "--timeout",
    )
    for version in (4, 6):
        group.add_argument(
            f"-{version}",
            dest="ip_version",
            action="store_const",
            const=version,
            help=f"with -H: use IPv{version} only",
        )
    group.add_argument(
        "--expect",
        choices=LOCAL_STATES + REMOTE_STATES,
        help="CRITICAL if the port is anything else\n"
        "Free, used or listening; with -H open, closed or filtered. A listening port "
        "is also used. A free port has no socket at all, not even in TIME_WAIT. Of "
        "several ports, each has to be so",
    )


def _add_recorder(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--recorder",
        choices=RECORDER_COMMANDS,
        help="record failed requests; needs root\n"
        "On Linux: lets the kernel record requests that fail because no port is free, "
        "until it restarts (on), stops that (off), or exits with 0 if it is on "
        "(status). While it is on, every check reports them",
    )
    group.add_argument(
        "--recorder-group",
        metavar="GROUP",
        help="with --recorder on: who can read the record\nThis group, besides root",
    )


def _add_general(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--no-advice", action="store_true", help="print no advice")
    group.add_argument(
        "--top",
        metavar="N",
        type=_type(parse_count),
        help="with -v: rows in each table\n"
        "The default is 5, or 20 with -vv; with -p 20, or 200 with -vv. Network "
        "namespaces are all shown",
    )
    group.add_argument(
        "-v",
        "--verbose",
        action="count",
        help="show tables; -vv: more rows; -vvv: timings\n"
        "With -vv also the bounds of estimates, with -vvv how long each step took",
    )
    group.add_argument(
        "-t",
        "--timeout",
        metavar="DURATION",
        type=_type(parse_duration_seconds),
        help="time limit, as 500ms, 30s or 2m (default: 30s)",
    )
    group.add_argument(
        "--exit-ok", action="store_true", help="exit with 0 in every state"
    )
    # only for the help text: help_or_version() finds these two before any parsing
    for flags, text in (
        (("-V", "--version"), "show the version and exit with 3"),
        (("-h", "--help"), "show this help and exit with 3"),
    ):
        group.add_argument(*flags, action="store_true", help=text)


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


def parse_port_option(text: str) -> tuple[PortRange | str, ...]:
    """Ports, ranges and names of services: ``443``, ``8000-8010,9000`` or ``https``.

    Raises ``ValueError``."""
    protocol = re.fullmatch("(.+)/(tcp|udp)", text, re.IGNORECASE)
    if protocol:
        meant = f"give it as -p {protocol[1]} --protocol {protocol[2].lower()}"
        raise ValueError(f"{text!r} has a protocol, {meant}")
    for pattern, between in ((r"([0-9]+)(?::|\.\.)([0-9]+)", "-"), ("(.+) +(.+)", ",")):
        parts = re.fullmatch(pattern, text)
        if parts and "," not in text:
            meant = between.join(" ".join(parts.groups()).split())
            raise ValueError(f"{text!r} is not a port, did you mean {meant}?")
    return parse_ports(text)


def parse_destination(text: str) -> DestinationOption:
    """Parse ``HOST:PORT`` or ``[IPV6]:PORT``, with ``%DEVICE`` behind the host or not.

    The port is a number or the name of a service. Raises ``ValueError``."""
    match = re.fullmatch(
        r"(?:\[([0-9A-Za-z:.%_-]+)\]|([0-9A-Za-z._-]+)(%[^%:\s]+)?):([^:/\s]+)", text
    )
    if not match:
        problem = _why_no_destination(text)
        raise ValueError(f"{text!r} {problem}is not HOST:PORT or [IPV6]:PORT")
    # one spelling, since it becomes part of perfdata labels
    host = _canonical_address(match[1]) if match[1] else match[2].lower()
    port = match[4] if is_service_name(match[4]) else parse_port(match[4])
    return DestinationOption(host + (match[3] or ""), port)


def _why_no_destination(text: str) -> str:
    if "://" in text:
        return "is a URL, it "
    if re.fullmatch(r"[0-9A-Za-z._-]+", text):
        return "has no port, it "
    if "," in text:
        return "is a list (give each with -d), it "
    is_ipv6 = re.fullmatch("[0-9A-Fa-f.]*:[0-9A-Fa-f.:]*:[0-9A-Fa-f.:]*", text)
    return "has no brackets, it " if is_ipv6 else ""


def parse_host(text: str) -> str:
    """A host name, or an address without brackets. Raises ``ValueError``."""
    with_port = re.fullmatch(r"\[([^\]]+)\]:([^:/]+)|([^:\[]+):([^:/]+)", text)
    if with_port:
        name, port = with_port[1] or with_port[3], with_port[2] or with_port[4]
        raise ValueError(f"{text!r} has a port, give it as -H {name} -p {port}")
    if "://" in text:
        raise ValueError(f"{text!r} is a URL, give the name of its host alone")
    match = re.fullmatch(r"\[([^\]]*)\]|([^\[].*)", text)
    host = (match[1] or match[2] or "") if match else ""
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
    """The path of a file, unchanged. Raises ``ValueError``."""
    if not text:
        raise ValueError("the path is empty")
    if text.endswith("/"):
        raise ValueError(f"{text!r} is a folder, name a file in it")
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
