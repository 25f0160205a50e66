"""A sample: the sockets that held ports of the pool at one moment."""

from __future__ import annotations

from collections.abc import Sequence

from .connections import Connections
from .records import NamedTuple
from .settings import ConnectRules
from .sockets import SocketEntry, SocketListing, Visibility


class SocketSample(NamedTuple):
    """The sockets that hold a local port of the pool at one moment."""

    entries: Sequence[SocketEntry]
    """All UDP sockets, and the TCP sockets that listen, are bound but idle, or have an
    unknown state."""
    connections: Connections
    """All other TCP sockets, counted by destination."""
    visibility: Visibility
    sampler: str
    """Display name of the sampler."""
    unseen_tcp_sockets: int = 0
    """Maximum number of TCP sockets that exist but are invisible to the sampler."""
    notes: Sequence[str] = ()
    """Remarks about this sample, as text for the output."""

    @property
    def size(self) -> int:
        """Number of sockets in the sample."""
        return len(self.entries) + len(self.connections)


def sum_up(listing: SocketListing, rules: ConnectRules) -> SocketSample:
    """Turn a listing into a sample by counting its connections."""
    connections = Connections()
    least_age = rules.least_age_seconds(listing.monotonic_seconds)
    others = connections.take(listing.entries, least_age)
    return SocketSample(
        others,
        connections,
        listing.visibility,
        listing.sampler,
        listing.unseen_tcp_sockets,
        listing.notes,
    )
