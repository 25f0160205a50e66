"""Names of processes and network namespaces in the output."""

from __future__ import annotations

from ..model.holders import HiddenProcess, NoProcess, Process
from .text import clean_name, count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..model.holders import Holder
    from ..model.namespaces import Namespace
    from ..model.sockets import Destination

OF_NO_PROCESS = {
    NoProcess.KERNEL: "of no process, held by the kernel",
    NoProcess.CLOSED: "of connections that are closed but not finished",
}
UNIT_LENGTH = 40
NAMESPACE_LENGTH = 40
"""Long enough for names given by Kubernetes: ``cni-`` and a UUID."""
LINK_LOCAL = ("fe8", "fe9", "fea", "feb")
"""The begin of addresses of fe80::/10, each of which is valid on one link only."""
COMMAND_LENGTH = 16
"""The kernel's limit for the name of a process. It leaves room for a container id."""


def process_name(process: Process, length: int | None = None) -> str:
    """``nginx[812]``."""
    name = process.name or "?"
    clean = clean_name(name, length) if length else clean_name(name)
    return f"{clean}[{process.pid}]"


def holder_name(holder: Holder) -> str:
    """``nginx[812]``, ``TIME_WAIT``, or the reason why there is no name."""
    who = holder.who
    if isinstance(who, NoProcess):
        return who.value
    return process_name(who) if isinstance(who, Process) else hidden_name(who)


def hidden_name(process: HiddenProcess) -> str:
    """``a process of www-data``, as far as its user is known."""
    user = process.user
    return f"a process of {clean_name(user)}" if user else "a hidden process"


def unit_name(process: Process) -> str:
    """``nginx.service``, ``docker 4f5a12345678``; empty if it is unknown, or none."""
    if process.unit is None:
        return ""
    kind, name = process.unit
    return f"{kind} {clean_name(name, UNIT_LENGTH)}".lstrip()


def holder_clause(holder: Holder) -> str:
    """``nginx[812] in nginx.service holds 8500``, for the status line."""
    who, ports = holder.who, holder.ports
    if who in (NoProcess.KERNEL, NoProcess.CLOSED):
        return f"{count(ports, 'port')} {OF_NO_PROCESS[who]}"
    name = holder_name(holder)
    unit = unit_name(who) if isinstance(who, Process) else ""
    return f"{name} in {unit} holds {ports}" if unit else f"{name} holds {ports}"


def remote_name(destination: Destination, devices: Mapping[int, str]) -> str:
    """``192.0.2.7:443``, ``192.0.2.7:443 on eth1`` or ``[fe80::1%eth0]:443``."""
    remote, device = destination.remote, destination.device
    if not device:
        return str(remote)
    name = clean_name(devices.get(device, f"device {device}"))
    if remote.address.startswith(LINK_LOCAL):
        return f"[{remote.address}%{name}]:{remote.port}"
    return f"{remote} on {name}"


def namespace_name(namespace: Namespace) -> str:
    """``web``, ``host``, ``nginx[812] 4f5a12345678`` or ``own``, for tables."""
    if namespace.name is not None:
        return clean_name(namespace.name, NAMESPACE_LENGTH)
    if namespace.of_host:
        return "host"
    if namespace.own:
        return "own"
    if namespace.process is None:
        return clean_name(namespace.paths[0], NAMESPACE_LENGTH)
    name = process_name(namespace.process, COMMAND_LENGTH)
    return f"{name} {namespace.container}" if namespace.container else name


def namespace_phrase(namespace: Namespace) -> str:
    """``netns web`` or ``own netns``, for the status line."""
    if namespace.own and namespace.name is None and not namespace.of_host:
        return "own netns"
    return f"netns {namespace_name(namespace)}"
