"""A look at all sockets of the pool, in the form that the usage is counted from."""

from __future__ import annotations

from collections.abc import Sequence

from .connections import Connections
from .records import NamedTuple
from .sockets import SocketEntry, SocketListing, Visibility


class SocketSample(NamedTuple):
    """The sockets that hold a local port of the pool at one moment."""

    entries: Sequence[SocketEntry]
    """TCP sockets that listen, are bound but idle or in a state that the sampler can't
    tell; and all of UDP."""
    connections: Connections
    """All other TCP sockets, summed up."""
    visibility: Visibility
    sampler: str
    """Who looked, for people."""
    unseen_tcp_sockets: int = 0
    """At most so many more TCP sockets exist, which the sampler can't see."""
    notes: Sequence[str] = ()
    """What the reader of this sample should know, for people."""

    @property
    def size(self) -> int:
        """How many sockets the sample counts."""
        return len(self.entries) + len(self.connections)


def sum_up(listing: SocketListing, reuse_delay_seconds: float) -> SocketSample:
    """The sample that a listing amounts to.

    ``reuse_delay_seconds``: see :class:`~.usage.ConnectRules`.
    """
    connections = Connections()
    others = connections.take(listing.entries, reuse_delay_seconds)
    return SocketSample(others, connections, *listing[1:])
