"""All network namespaces of the host, one after the other: ``--all-netns``."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..model.namespaces import Namespace, NamespaceFailure
from ..system.deadline import Stopwatch, TookTooLong
from ..system.errors import SystemReadError
from ..system.namespaces import listing
from ..system.namespaces.enter import NamespaceGone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    Observed = TypeVar("Observed")

NAMESPACE_SHARE = 0.5
"""The share of the remaining time that one of many namespaces gets, so that others
still have time if it hangs."""


def observe_each(
    observe: Callable[[Namespace, Stopwatch], Observed], stopwatch: Stopwatch
) -> Iterator[Observed | NamespaceFailure]:
    """What ``observe`` returns for each namespace, or why it failed.

    Raises :class:`SystemReadError` if the namespaces cannot be listed.
    """
    for namespace in listing.list_namespaces():
        limit = Stopwatch(NAMESPACE_SHARE * stopwatch.remaining_seconds)
        try:
            yield observe(namespace, limit)
        except NamespaceGone:  # it vanished after the listing
            continue
        except TookTooLong as error:
            yield NamespaceFailure(namespace, str(error), hangs=True)
        except SystemReadError as error:
            yield NamespaceFailure(namespace, str(error))
