"""Here, or in another network namespace."""

from __future__ import annotations

from collections.abc import Callable

TYPE_CHECKING = False
if TYPE_CHECKING:  # most runs don't need it
    from typing import TypeVar

    from ..model.namespaces import Namespace

    Result = TypeVar("Result")


def run_in(namespace: Namespace | None, look: Callable[[], Result]) -> Result:
    """What ``look`` returns in the namespace; ``None`` is the one we are in.

    Raises :class:`SystemReadError` if it can't be entered.
    """
    if namespace is None:
        return look()
    from .namespaces.enter import run_inside

    return run_inside(namespace.paths, look)


def proc_of(namespace: Namespace | None) -> str:
    """Where those processes are listed that may hold the namespace's sockets."""
    if namespace is None:
        return "/proc"
    from .namespaces.enter import proc_beside

    return proc_beside(namespace.paths[0])
