"""The command line: arguments in, frozen options out."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence

from .model.ports import parse_port
from .model.records import NamedTuple
from .model.sockets import plain_address
from .model.thresholds import ThresholdRange, parse_percent_range, parse_range
from .system.sampling import AUTO, SAMPLERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn


class DestinationOption(NamedTuple):
    """``--destination HOST:PORT``, not yet resolved."""

    host: str
    port: int


class Options(NamedTuple):
    """A valid command line."""

    warning: ThresholdRange
    critical: ThresholdRange
    free_warning: ThresholdRange | None
    free_critical: ThresholdRange | None
    bind_warning: ThresholdRange | None
    bind_critical: ThresholdRange | None
    fast_warning: ThresholdRange | None
    fast_critical: ThresholdRange | None
    destination: Sequence[DestinationOption]
    source: str | None
    protocol: str
    sampler: str
    probe: bool
    top: int | None
    verbose: int
    timeout: float
    exit_ok: bool


class UsageError(Exception):
    """The command line is wrong; the text says where, in one line."""


def parse_options(arguments: Sequence[str]) -> Options:
    """Options from arguments; :class:`UsageError` if they are wrong."""
    try:
        options = Options(**vars(build_parser().parse_args(arguments)))
    except argparse.ArgumentError as error:
        option = (error.argument_name or "").rpartition("/")[2]
        raise UsageError(f"{option}: {error.message}") from None
    if options.protocol == "udp" and options.destination:
        raise UsageError("--destination: UDP ports are not counted by destination")
    # each once, since perfdata labels come once
    return options._replace(destination=list(dict.fromkeys(options.destination)))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        # argparse would write to stderr and exit with 2, which means CRITICAL
        raise UsageError(message)


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
        parse: Callable[[str], ThresholdRange] = parse_percent_range,
        default: ThresholdRange | None = None,
    ) -> None:
        thresholds.add_argument(
            *flags, metavar="RANGE", type=_type(parse), default=default, help=help
        )

    add_range(
        "-w",
        "--warning",
        default=ThresholdRange(end=80),
        help="percent used: TCP connect() to the fullest destination, and UDP "
        "(default: 80)",
    )
    add_range(
        "-c",
        "--critical",
        default=ThresholdRange(end=90),
        help="percent used, likewise (default: 90)",
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

    scope = parser.add_argument_group("what to look at")
    scope.add_argument(
        "-d",
        "--destination",
        action="append",
        default=[],
        metavar="HOST:PORT",
        type=_type(parse_destination),
        help="this destination only; may be repeated; IPv6 as [ADDRESS]:PORT",
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
    scope.add_argument(
        "--sampler",
        choices=SAMPLERS,
        default=AUTO,
        help="who lists the sockets (default: auto)",
    )
    scope.add_argument(
        "--probe",
        action="store_true",
        help="try the ports of which nothing shows whether they are bound; makes "
        "connections to port 0 of loopback that fail",
    )

    general = parser.add_argument_group("general")
    general.add_argument(
        "--top",
        metavar="N",
        type=_type(parse_count),
        help="rows in each table (default: 5, with -vv 20)",
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
