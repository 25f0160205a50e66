"""What the pool check asks connect() itself; see :mod:`..system.silent_connect`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ..model.records import NamedTuple
from ..model.settling import Limits, is_decided, ports_to_settle
from ..model.sockets import ALWAYS, AUTO, NEVER
from ..model.usage import HostUsage
from ..options import Options
from ..system.errors import SystemReadError

TYPE_CHECKING = False
if TYPE_CHECKING:  # most runs don't need it
    from ..model.observation import Observation
    from ..model.sockets import Destination

SETTLE_LIMIT_SECONDS = 2.0
"""Much longer than it takes to settle every port."""


class Settled(NamedTuple):
    """The outcome of the experiment."""

    usage: HostUsage
    is_decided: bool
    """Whether the state is the same in any case that remains."""
    note: str = ""
    """Why ports remain unclear, if the experiment failed."""


def settle(
    usage: HostUsage, options: Options, count: Callable[..., HostUsage]
) -> Settled:
    """Settle unclear ports as far as necessary and possible.

    ``count``: counts the usage again, given the ports that are settled.
    """
    limits, note = _limits(options), ""
    settled: Mapping[int, bool] = {}
    # a person who asks for tables wants exact figures
    wants_all = options.verbose and options.probe == AUTO
    ports = ports_to_settle(usage, ALWAYS if wants_all else options.probe, limits)
    if ports:
        from ..system.silent_connect import settle_ports

        def is_enough(known: Mapping[int, bool]) -> bool:
            return options.probe == AUTO and is_decided(count(known), limits)

        try:
            settled = settle_ports(ports, SETTLE_LIMIT_SECONDS, is_enough)
            usage = count(settled)
        except SystemReadError as error:  # the bounds stay as they are
            note = str(error)
    decided = is_decided(usage, limits)
    if not decided:  # the worst case counts
        usage = count(settled, find_shared=True)
        left = len(ports) - len(settled)
        if left and not note:
            note = f"probe: out of time or descriptors, {left} ports not settled"
    return Settled(usage, decided, note)


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


def settle_for_cause(observation: Observation, options: Options) -> Mapping[int, bool]:
    """The ports that did not matter for an alarm, but matter for its cause."""
    unclear = observation.usage.tcp_use.unclear
    if options.probe == NEVER or not unclear:
        return {}
    from ..system.namespaces.enter import in_namespace
    from ..system.silent_connect import settle_ports

    try:
        return in_namespace(
            observation.namespace, lambda: settle_ports(unclear, SETTLE_LIMIT_SECONDS)
        )
    except SystemReadError:  # an unknown cause is not worth an alarm
        return {}
