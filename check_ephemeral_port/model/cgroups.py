"""What a process runs in, by its cgroup: a systemd unit, a container or a pod."""

from __future__ import annotations

import re

from .records import NamedTuple

SHORT_ID = 12
"""``docker ps`` and ``crictl ps`` show this number of digits of a container's id."""

# not the id after "conmon-": conmon monitors a container from outside
_CONTAINER_ID = re.compile(r"(?<!conmon-)(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
# the uid of a pod, in systemd's form with "_"; a static pod has a hash instead
_POD = re.compile(r"pod([0-9a-f]{8})(?:[_-]?[0-9a-f]{4}){3}[_-]?[0-9a-f]{12}")
_RUNTIMES = {
    "libpod": "podman",
    "docker": "docker",
    "crio": "cri-o",
    "containerd": "containerd",
}
"""The word in the path of a container, and the name of the program that runs it."""
_LXC = re.compile(r"/lxc(?:\.payload\.|/)([^/]+)")
_UNIT = re.compile(r"[^/]+\.(?:service|scope)(?=/|$)")
SYSTEMD = "init.scope"
"""The unit of systemd itself. It says nothing."""


class Unit(NamedTuple):
    """A systemd unit, a container or a pod. Clean its name before printing."""

    kind: str
    """``docker``, ``pod 1b2c3d4e containerd``; empty for a systemd unit."""
    name: str
    """``nginx.service``, or the short id of a container."""


def unit_of(cgroups: str) -> Unit | None:
    """What a process runs in, found in the text of ``/proc/PID/cgroup``.

    The innermost container counts, then the innermost systemd unit. ``None`` if no path
    names one.
    """
    paths = cgroups.splitlines()  # one for each hierarchy, see cgroups(7)
    container = container_id(cgroups)
    if container:
        path = next(path for path in paths if container in path)
        pods = _POD.findall(path)
        pod = f"pod {pods[-1]} " if pods else ""
        return Unit(pod + _runtime(path), container)
    for path in paths:
        names = _LXC.findall(path)
        if names:
            return Unit("lxc", names[-1])
    for path in paths:
        units = [unit for unit in _UNIT.findall(path) if unit != SYSTEMD]
        if units:
            return Unit("", _unescaped(units[-1]))
    return None


def _runtime(path: str) -> str:
    *_, before, _ = _CONTAINER_ID.split(path)  # outer containers have their own
    found = [(before.rfind(word), name) for word, name in _RUNTIMES.items()]
    position, name = max(found)
    return name if position != -1 else "container"  # Kubernetes without systemd


def _unescaped(unit: str) -> str:
    # systemd.unit(5): other characters are written as \xNN
    return re.sub(r"\\x([0-9a-f]{2})", lambda match: chr(int(match[1], 16)), unit)


def container_id(cgroups: str) -> str | None:
    """The short id of a container, found in the text of ``/proc/PID/cgroup``.

    Docker, containerd, CRI-O and Podman put the 64 hexadecimal digits of the id near
    the end of the cgroup's path: ``docker-ID.scope``, ``libpod-ID.scope/container`` or
    just ``ID``. If a path has several ids, the containers are nested, and the innermost
    counts. ``None`` if no path has an id: the process runs on the host, or its cgroup
    namespace hides the path.
    """
    for path in cgroups.splitlines():
        ids = _CONTAINER_ID.findall(path)
        if ids:
            return str(ids[-1][:SHORT_ID])
    return None
