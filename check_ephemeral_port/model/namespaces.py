"""Network namespaces: how to identify one, and the results of a survey of many."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .holders import Process
from .ports import PortRange
from .records import NamedTuple

SHORT_ID = 12
"""``docker ps`` and ``crictl ps`` show this number of digits of a container's id."""

# not the id after "conmon-": conmon monitors a container from outside
_CONTAINER_ID = re.compile(r"(?<!conmon-)(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


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


def container_id(cgroups: str) -> str | None:
    """The short id of a container, found in the text of ``/proc/PID/cgroup``.

    Docker, containerd, CRI-O and Podman put the 64 hexadecimal digits of the id near
    the end of the cgroup's path: ``docker-ID.scope``, ``libpod-ID.scope/container`` or
    just ``ID``. If a path has several ids, the containers are nested, and the innermost
    counts. ``None`` if no path has an id: the process runs on the host, or its cgroup
    namespace hides the path.
    """
    for line in cgroups.splitlines():
        # the fields are hierarchy, controllers, path: see cgroups(7)
        path = line.split(":", 2)[-1]
        ids = _CONTAINER_ID.findall(path)
        if ids:
            return str(ids[-1][:SHORT_ID])
    return None


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


class Survey(NamedTuple):
    """The results of all network namespaces of a host."""

    results: Sequence[NamespaceResult]
    failures: Sequence[NamespaceFailure]
