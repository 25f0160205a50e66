"""Whether requests that fail are recorded."""

from __future__ import annotations

from collections.abc import Sequence

from ..records import NamedTuple


class KindStatus(NamedTuple):
    """Whether one kind of request is recorded."""

    kind: str
    """One of :data:`~.counts.KINDS`, or :data:`~.counts.TAKEN`."""
    is_on: bool
    is_changed: bool = False
    """Whether this call has switched it on or off."""
    failed: int = 0
    """The number of failures that it has recorded."""
    refused: Sequence[str] = ()
    """What the kernel has refused, and why."""
