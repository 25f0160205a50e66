"""How much of the pool is used, for each kind of request that needs a port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from .bind import tcp_bind_usage, udp_bind_usage
from .bounds import Usage
from .connect import ConnectUsage, TcpUse, destination_filter, fullest_of, tcp_use
from .ports import PortPool
from .records import NamedTuple
from .sample import SocketSample
from .settings import ConnectRules
from .sockets import TCP, UDP, Endpoint, TcpState


class Watch(NamedTuple):
    """A destination that the user wants to watch."""

    name: str
    """As the user wrote it."""
    remotes: tuple[Endpoint, ...]
    """All addresses of the name, each with the port."""
    device: int = 0
    """Index of the device that the sockets are bound to; 0 for none."""


class Question(NamedTuple):
    """Which usages the user asks for."""

    tcp: bool = True
    udp: bool = True
    source: str | None = None
    """The local address of the requests. With ``None``, connect() is counted for the
    fullest destination of any source, and bind() needs a port that is free on every
    address."""
    watches: tuple[Watch, ...] = ()
    """Count only these destinations. If empty, count all destinations of the
    sample."""


class HostUsage(NamedTuple):
    """The answer to a :class:`Question`."""

    pool: PortPool
    tcp_use: TcpUse
    tcp_connect: ConnectUsage | None
    """The usage for the fullest destination."""
    watched: Sequence[tuple[Watch, ConnectUsage]]
    """Each watch, with the fullest destination among its addresses."""
    on_devices: Sequence[tuple[Watch, ConnectUsage]]
    """To watched destinations, for sockets that are bound to a device."""
    tcp_bind: Usage | None
    udp_bind: Usage | None
    tcp_sockets: int
    tcp_time_wait: int | None
    """``None`` if the sampler cannot see them."""
    udp_sockets: int


def host_usage(
    sample: SocketSample,
    pool: PortPool,
    rules: ConnectRules,
    question: Question = Question(),
    settled: Mapping[int, bool] = {},
    find_shared: bool = False,
) -> HostUsage:
    """All usages that the question asks for; ``settled`` and ``find_shared`` as in
    :func:`tcp_use`."""
    states = sample.connections.states
    tcp = [entry for entry in sample.entries if entry.protocol == TCP]
    udp = [entry for entry in sample.entries if entry.protocol == UDP]
    use = tcp_use(sample, pool, rules, settled, find_shared)
    connect, watched = None, []
    if question.tcp and question.watches:
        for watch in question.watches:
            wanted = destination_filter(question.source, watch.remotes, watch.device)
            watched.append((watch, fullest_of(use, pool, wanted)))
        connect = max((u for _, u in watched), key=lambda u: u.ports.used.best)
    elif question.tcp:
        connect = fullest_of(use, pool, destination_filter(question.source))
    return HostUsage(
        pool,
        use,
        connect,
        watched,
        [
            found
            for watch, _ in watched
            for found in _on_devices(use, pool, watch, question.source)
        ],
        tcp_bind_usage(tcp, pool, question.source, use) if question.tcp else None,
        udp_bind_usage(udp, pool, question.source) if question.udp else None,
        tcp_sockets=len(tcp) + len(sample.connections),
        tcp_time_wait=(
            states.get(TcpState.TIME_WAIT, 0) if sample.visibility.time_wait else None
        ),
        udp_sockets=len(udp),
    )


def _on_devices(
    use: TcpUse, pool: PortPool, watch: Watch, source: str | None
) -> Iterator[tuple[Watch, ConnectUsage]]:
    """A watched destination for each other device that connections are bound to."""
    for device in sorted(use.connections.devices - {watch.device}):
        wanted = destination_filter(source, watch.remotes, device)
        connect = fullest_of(use, pool, wanted)
        if connect.destination:
            yield watch._replace(device=device), connect
