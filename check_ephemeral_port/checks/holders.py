"""Which processes hold the ports that the output is about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..model.holders import Holder
from ..model.missing import MissingForBind, MissingForConnect, missing_for_connect
from ..model.observation import Observation
from ..model.sockets import SocketEntry
from ..options import Options
from ..plugin.pool.figures import UsageFigure
from ..system.errors import SystemReadError
from ..system.holders import find_holders, named_holders
from ..system.processes import SocketsWithPids, is_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Union

    MissingPorts = Union[MissingForConnect, MissingForBind]


class FoundHolders:
    """The sockets on the ports that some figures count as used, with processes."""

    def __init__(
        self,
        observation: Observation,
        figures: Sequence[UsageFigure],
        options: Options,
        idle_limit_seconds: float,
    ) -> None:
        """With ``-v``, all sockets that are not connected are among them. Without, the
        search ends as soon as the largest holder is certain.

        ``idle_limit_seconds``: the time to look for sockets that no list shows."""
        self._observation = observation
        self._missing = {
            figure.label: _missing_ports(figure, observation) for figure in figures
        }
        self._found = self._find(options, idle_limit_seconds)

    @property
    def entries(self) -> Sequence[SocketEntry]:
        """The sockets."""
        return self._found.entries

    def of(self, figure: UsageFigure, limit: int) -> Sequence[Holder]:
        """The largest holders of the ports that this figure counts as used.

        ``limit`` is their maximum number.
        """
        concerned = filter(self._missing[figure.label].are_held_by, self.entries)
        namespace = self._observation.namespace
        return named_holders(concerned, self._found.hidden, limit, namespace)

    def _find(self, options: Options, idle_limit_seconds: float) -> SocketsWithPids:
        missing, observation = self._missing.values(), self._observation

        def is_wanted(entry: SocketEntry) -> bool:
            return any(ports.are_held_by(entry) for ports in missing)

        entries: Iterable[SocketEntry] = observation.sample.entries
        if any(use.idle for use in observation.usage.tcp_uses.values()):
            entries = [*entries, *_idle_sockets(observation, idle_limit_seconds)]
        if not options.verbose:
            entries = filter(is_wanted, entries)
        return find_holders(
            entries,
            observation.pool,
            {to for ports in missing for to in ports.connections},
            options.sampler,
            is_wanted,
            observation.namespace,
            leader_only=not options.verbose,
        )


def _missing_ports(figure: UsageFigure, observation: Observation) -> MissingPorts:
    if figure.connect:
        return missing_for_connect(observation.usage, figure.destination)
    return MissingForBind(
        observation.usage, figure.protocol, observation.question.source
    )


def _idle_sockets(
    observation: Observation, idle_limit_seconds: float
) -> list[SocketEntry]:
    """The sockets on ports of the pool that no list shows, as far as root sees them."""
    from ..system.namespaces.enter import in_namespace
    from ..system.sockets.idle_by_descriptor import find_idle_sockets

    if not is_root():
        return []
    try:
        found = in_namespace(
            observation.namespace, lambda: find_idle_sockets(idle_limit_seconds)
        )
    except SystemReadError:  # an unknown holder is not worth an alarm
        return []
    includes = observation.pool.includes
    return [entry for entry in found.entries if includes(entry.local.port)]
