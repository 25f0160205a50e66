"""What the pool check asks connect() itself; see :mod:`..system.silent_connect`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from ..model.connections import NO_VRF, unpack_destination
from ..model.records import NamedTuple
from ..model.settling import CHEAP_PORTS, Limits, is_decided, ports_to_settle
from ..model.sockets import ALWAYS, AUTO, NEVER, PSUTIL
from ..model.usage import HostUsage
from ..options import Options
from ..system.deadline import Stopwatch
from ..system.errors import SystemReadError

TYPE_CHECKING = False
if TYPE_CHECKING:  # most runs don't need it
    from ..model.observation import Observation
    from ..model.sockets import Destination

SETTLE_LIMIT_SECONDS = 2.0
"""Much longer than it takes to settle every port. The experiment can be in the way of
other programs, so it takes no longer, whatever the time limit of the run."""

SETTLE_SHARE = 0.2
"""The share of the remaining time that it takes at most."""

NAMED_LIMIT_SOCKETS = 20000
"""Up to this number of TCP sockets, one more list of them takes a few milliseconds."""


class Settled(NamedTuple):
    """The outcome of the experiment."""

    usage: HostUsage
    is_decided: bool
    """Whether the state is the same in any case that remains."""
    note: str = ""
    """Why ports remain unclear, if the experiment failed."""


def settle(
    usage: HostUsage,
    options: Options,
    count: Callable[..., HostUsage],
    stopwatch: Stopwatch,
) -> Settled:
    """Settle unclear ports as far as necessary and possible.

    ``count``: counts the usage again, given the ports that are settled, by VRF.
    """
    limits, note = _limits(options), ""
    # a person who asks for tables wants exact figures
    wants_all = options.verbose and options.probe == AUTO
    ports = ports_to_settle(usage, ALWAYS if wants_all else options.probe, limits)
    # then all ports can be held
    is_cheap = usage.pool.capacity <= CHEAP_PORTS
    settled: dict[int, Mapping[int, bool]] = {}
    left = 0
    for vrf, unclear in ports.items():

        def is_enough(known: Mapping[int, bool], vrf: int = vrf) -> bool:
            if options.probe != AUTO or is_cheap:
                return False
            return is_decided(count({**settled, vrf: known}), limits)

        try:
            settled[vrf] = settle_table(
                usage, vrf, unclear, _limit_seconds(stopwatch), is_enough
            )
            left += len(unclear) - len(settled[vrf])
        except SystemReadError as error:  # the bounds stay as they are
            note = str(error)
    if settled:
        usage = count(settled)
    named = named_ports(usage, options.sampler)
    if named:
        for vrf, bound in named.items():
            settled[vrf] = {**settled.get(vrf, {}), **bound}
        usage = count(settled)
    decided = is_decided(usage, limits)
    if not decided:  # the worst case counts
        usage = count(settled, find_shared=True)
        if left and not note:
            note = f"probe: out of time or descriptors, {left} ports not settled"
    return Settled(usage, decided, note)


def named_ports(usage: HostUsage, sampler: str) -> Mapping[int, Mapping[int, bool]]:
    """The unclear ports that bind() named, by VRF. They are bound, and the kernel shows
    them without an experiment.

    It is not asked if there are too many sockets.
    """
    unclear = {vrf: use.unclear for vrf, use in usage.tcp_uses.items()}
    is_quick = usage.tcp_sockets <= NAMED_LIMIT_SOCKETS
    if sampler == PSUTIL or not is_quick or not any(unclear.values()):
        return {}
    from ..system.sockets.by_sock_diag import named_connections

    try:
        named = named_connections(usage.pool)
    except SystemReadError:  # the estimate stays as it is
        return {}
    found: dict[int, dict[int, bool]] = defaultdict(dict)
    for _, key in named.sizes():
        vrf = usage.vrf_of(unpack_destination(key))
        ports = (port for port in named.ports(key) if port in unclear[vrf])
        found[vrf].update(dict.fromkeys(ports, True))
    return found


def settle_table(
    usage: HostUsage,
    vrf: int,
    ports: Iterable[int],
    limit_seconds: float,
    is_enough: Callable[[Mapping[int, bool]], bool] = lambda _: False,
) -> Mapping[int, bool]:
    """Settle ports of the table of one VRF; see :func:`~.silent_connect.settle_ports`.

    Raises :class:`SystemReadError`.
    """
    from ..system.silent_connect import settle_ports

    neighbor = None
    if vrf != NO_VRF:
        neighbor = usage.tcp_uses[vrf].connections.any_destination()
        if not neighbor:
            raise SystemReadError("probe: no address in the VRF is known")
    return settle_ports(ports, limit_seconds, is_enough, neighbor)


def _limit_seconds(stopwatch: Stopwatch) -> float:
    return min(SETTLE_LIMIT_SECONDS, SETTLE_SHARE * stopwatch.remaining_seconds)


def _limits(options: Options) -> Limits:
    """The thresholds of the command line that apply to TCP."""
    return Limits(
        (options.warning, options.critical),
        (options.free_warning, options.free_critical),
        (options.fast_warning, options.fast_critical),
        (options.bind_warning, options.bind_critical),
    )


def try_destinations(
    destinations: Iterable[Destination],
) -> Mapping[Destination | None, bool]:
    """Whether a connect() finds a port now, for each destination that can be tried."""
    from ..system.silent_connect import finds_port

    outcomes = {destination: finds_port(destination) for destination in destinations}
    return {to: found for to, found in outcomes.items() if found is not None}


def settle_for_cause(
    observation: Observation,
    destination: Destination | None,
    options: Options,
    stopwatch: Stopwatch,
) -> Mapping[int, bool]:
    """The ports that did not matter for an alarm, but matter for its cause.

    ``destination``: the one that the alarm is about.
    """
    usage = observation.usage
    vrf = usage.vrf_of(destination)
    unclear = usage.tcp_uses[vrf].unclear
    if options.probe == NEVER or not unclear:
        return {}
    from ..system.namespaces.enter import in_namespace

    try:
        return in_namespace(
            observation.namespace,
            lambda: settle_table(usage, vrf, unclear, _limit_seconds(stopwatch)),
        )
    except SystemReadError:  # an unknown cause is not worth an alarm
        return {}
