"""Network namespaces: what identifies one, and the results of a survey of many."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .holders import Process
from .ports import PortRange
from .records import NamedTuple

SHORT_ID = 12
"""As many digits of a container's id as ``docker ps`` and ``crictl ps`` show."""

# of conmon, the monitor of a container, which itself runs outside of it
_CONTAINER_ID = re.compile(r"(?<!conmon-)(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


class Namespace(NamedTuple):
    """A network namespace. Its texts come from the system: clean them before
    printing."""

    paths: tuple[str, ...]
    """Files that stand for it, the one to try first in front; each may be gone by
    the time that it is opened."""
    name: str | None = None
    """What ``ip netns`` calls it."""
    process: Process | None = None
    """The busiest of its processes."""
    container: str | None = None
    """The short id of the container that this process runs in."""
    own: bool = False
    """Whether the check itself runs in it."""


def container_id(cgroups: str) -> str | None:
    """The short id of the container from the text of ``/proc/PID/cgroup``.

    Docker, containerd, CRI-O and Podman all end the path of a container's cgroup
    with the 64 hexadecimal digits of its id, in a name such as ``docker-ID.scope``,
    ``libpod-ID.scope/container`` or just ``ID``. Where containers hold containers,
    the innermost counts. ``None`` if no path has an id: a process of the host, or
    one whose cgroup namespace hides the path.
    """
    for line in cgroups.splitlines():
        # hierarchy, controllers, path; see cgroups(7)
        path = line.split(":", 2)[-1]
        ids = _CONTAINER_ID.findall(path)
        if ids:
            return str(ids[-1][:SHORT_ID])
    return None


class NamespaceResult(NamedTuple):
    """What is kept of one observed namespace of a survey."""

    namespace: Namespace
    state: int
    """The exit code that a check of this namespace alone would have."""
    range: PortRange
    tcp_connect_percent: float | None
    udp_bind_percent: float | None
    sockets: int

    @property
    def severity(self) -> tuple[int, float]:
        """Greater is worse: by state first, then by how full the pool is."""
        return self.state, max(
            self.tcp_connect_percent or 0, self.udp_bind_percent or 0
        )


class NamespaceFailure(NamedTuple):
    """A namespace that could not be observed."""

    namespace: Namespace
    reason: str


class Survey(NamedTuple):
    """The results of all network namespaces of a host."""

    results: Sequence[NamespaceResult]
    failures: Sequence[NamespaceFailure]
