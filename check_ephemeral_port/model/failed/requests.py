"""Failed requests: whose they were and where they went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..records import NamedTuple
from ..sockets import Endpoint

TYPE_CHECKING = False
if TYPE_CHECKING:  # only Windows has them
    from .log import LoggedEvents


class Requester(NamedTuple):
    """Who made a failed request. The texts come from the system: clean them."""

    command: str
    """Empty if unknown."""
    user: str | None = None
    """``None`` if it had ended before the check could ask."""
    namespace: str | None = None
    """The network namespace: ``own``, a name, or an inode; ``None`` if unknown."""


class FailedGroup(NamedTuple):
    """Failed requests of one requester to one destination."""

    failures: int
    kind: str
    """One of :data:`~.counts.KINDS`, or :data:`~.counts.TAKEN`."""
    requester: Requester
    destination: Endpoint | None
    source: str | None
    """The local address, or the port that the program chose."""
    first_seconds: float
    last_seconds: float
    """Times since the system started."""


class Culprit(NamedTuple):
    """The requester and the destination of most failures, for the status line."""

    failures: int
    known: int
    """Failures of this kind that are known in detail."""
    command: str
    destination: Endpoint | None
    namespace: str | None


class FailedRequests(NamedTuple):
    """What the recorder says to one run."""

    counts: Mapping[str, int] = {}
    """The number of failures by kind, for each kind that is recorded."""
    groups: Sequence[FailedGroup] = ()
    """Those that are still known in detail, the largest first. Together they can be
    fewer than ``counts``."""
    since_last_run: bool = False
    """Whether the counts begin at the last run; else when the recorder was made."""
    mixed: str = ""
    """Why failures from before the last run count again; empty if they don't."""
    made_seconds_ago: float = 0
    """How long ago the recorder was made."""
    gone: bool = False
    """There is no recorder, but there was one at the last run."""
    unreadable: bool = False
    """The recorder could be read at the last run, and cannot now."""
    missing: bool = False
    """There is no recorder that the check can read, but the user asks for one."""
    paused: bool = False
    """The recorder is switched on, but another program has stopped it."""
    taken: int = 0
    """Requests for a port that the program chose, which is taken; 0 if unknown. They
    don't count."""
    window_seconds: float = 0
    """The counts are of events in the log of Windows in this time; 0 for a recorder."""
    logged: Sequence[LoggedEvents] = ()
    """These events."""

    def known(self, kind: str) -> int:
        """The number of failures of this kind that are known in detail."""
        return sum(group.failures for group in self.groups if group.kind == kind)

    def culprit(self, kind: str) -> Culprit | None:
        """Who failed most often, and where to; ``None`` if no detail is known."""
        counts: dict[tuple[str, Endpoint | None, str | None], int] = {}
        for group in self.groups:
            if group.kind == kind:
                who = group.requester
                key = who.command, group.destination, who.namespace
                counts[key] = counts.get(key, 0) + group.failures
        if not counts:
            return None
        key = max(counts, key=lambda key: counts[key])
        return Culprit(counts[key], self.known(kind), *key)
