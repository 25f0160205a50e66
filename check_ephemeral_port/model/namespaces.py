"""Network namespaces: how to identify one, and the results of a survey of many."""

from __future__ import annotations

from collections.abc import Sequence

from .holders import Process
from .ports import PortRange
from .records import NamedTuple


class Namespace(NamedTuple):
    """A network namespace. Its texts come from the system: clean them before
    printing."""

    paths: tuple[str, ...]
    """Files that represent the namespace, in the order in which to try them. Each can
    disappear before it is opened."""
    name: str | None = None
    """Its name for ``ip netns``."""
    process: Process | None = None
    """The busiest of its processes."""
    container: str | None = None
    """The short id of the container in which this process runs."""
    own: bool = False
    """Whether the check itself runs in this namespace."""
    of_host: bool = False
    """Whether it is the namespace of the host itself, not of a container."""


class NamespaceResult(NamedTuple):
    """The result of one namespace in a survey."""

    namespace: Namespace
    state: int
    """The exit code that the check would have for this namespace alone."""
    range: PortRange
    tcp_connect_percent: float | None
    udp_bind_percent: float | None
    sockets: int

    @property
    def severity(self) -> tuple[int, float]:
        """A sort key, greater is worse: first the state, then how full the pool is."""
        return self.state, max(
            self.tcp_connect_percent or 0, self.udp_bind_percent or 0
        )


class NamespaceFailure(NamedTuple):
    """A namespace that could not be observed."""

    namespace: Namespace
    reason: str
    hangs: bool = False
    """It did not answer in time."""


class Inspected(NamedTuple):
    """Which network namespaces of a host could be observed."""

    observed: int
    """Their number."""
    failures: Sequence[NamespaceFailure]
    hides_processes: bool = False
    """The system hides processes of other users, and so their namespaces."""


class Survey(NamedTuple):
    """The results of all network namespaces of a host."""

    results: Sequence[NamespaceResult]
    failures: Sequence[NamespaceFailure]
    hides_processes: bool = False
    """See :class:`Inspected`."""

    @property
    def inspected(self) -> Inspected:
        """What it could inspect."""
        return Inspected(len(self.results), self.failures, self.hides_processes)

    @property
    def alarming(self) -> bool:
        """Whether any namespace alarms."""
        return any(result.state for result in self.results)
