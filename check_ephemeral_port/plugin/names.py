"""Names of processes and network namespaces in the output."""

from __future__ import annotations

from ..model.holders import NoProcess
from .text import clean_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..model.holders import Holder, Process
    from ..model.namespaces import Namespace

NAMESPACE_LENGTH = 40
"""Long enough for names given by Kubernetes: ``cni-`` and a UUID."""
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
    return who.value if isinstance(who, NoProcess) else process_name(who)


def namespace_name(namespace: Namespace) -> str:
    """``web``, ``nginx[812] 4f5a12345678`` or ``own``, for tables."""
    if namespace.name is not None:
        return clean_name(namespace.name, NAMESPACE_LENGTH)
    if namespace.own:
        return "own"
    if namespace.process is None:
        return clean_name(namespace.paths[0], NAMESPACE_LENGTH)
    name = process_name(namespace.process, COMMAND_LENGTH)
    return f"{name} {namespace.container}" if namespace.container else name


def namespace_phrase(namespace: Namespace) -> str:
    """``netns web`` or ``own netns``, for the status line."""
    if namespace.own and namespace.name is None:
        return "own netns"
    return f"netns {namespace_name(namespace)}"
