"""Situations in which a program asks the kernel for ports.

Each situation prepares sockets in a separate namespace, and names the operation that is
repeated until the kernel refuses it. In an ``exact`` situation, the prediction must be
exact, because the kernel shows or answers enough. In the others, the truth must be
within the bounds.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Callable, NamedTuple

from check_ephemeral_port.system.sockets.netlink import lists_idle_sockets
from tests.support.namespace import (
    add_address,
    add_link,
    add_silent_neighbor,
    add_vrf,
    has_sysctl,
    has_vrf,
    set_sysctl,
)
from tests.support.plugin_process import PluginRun
from tests.support.sockets import (
    CHOOSES_DELAY,
    REUSE_ADDRESS,
    SERVER_PORT,
    Address,
    SocketOption,
    bind,
    bind_udp,
    close_with_data_unread,
    connect,
    connect_udp,
    connect_without_waiting,
    established,
    family_of,
    has_slices,
    in_slice,
    keep_time_wait_young,
    let_time_wait_grow_old,
    listen,
    on_device,
    open_sockets,
    time_wait,
)

LISTS_IDLE = lists_idle_sockets()
"""Without this, only the experiment finds sockets that are bound but idle."""
PORTS = "40000-40099"
A = ("127.0.0.1", SERVER_PORT)
B = ("127.0.0.2", SERVER_PORT)
V6 = ("::1", SERVER_PORT)
# documentation addresses: for tcp_tw_reuse=2, they must not be loopback addresses
FAR = ("192.0.2.1", SERVER_PORT)
FAR_V6 = ("2001:db8::1", SERVER_PORT)


class Asked(NamedTuple):
    """A question to the check, and the same question to the kernel."""

    label: str
    """The perfdata label of the prediction."""
    arguments: Sequence[str]
    """Arguments of the check."""
    operation: Callable[[], socket.socket]
    """Takes one port from the kernel."""
    held: Any = None
    """The prepared sockets. A reference to them keeps them open."""
    row: str = ""
    """Begin of the row with the bounds; by default the label shows it."""

    def bounds(self, run: PluginRun) -> tuple[int, int]:
        """The bounds of the prediction, from a run with ``-vv``."""
        return run.free_bounds(self.row or self.label.replace("_free", ""))


class Situation(NamedTuple):
    """A situation to predict."""

    name: str
    """Display name."""
    prepare: Callable[[], Asked]
    ports: str
    """The ephemeral range."""
    exact: bool
    """Whether the prediction must be exact, if the experiment is allowed."""
    estimated: bool
    """Whether it must be exact without the experiment."""


SITUATIONS: list[Situation] = []


def situation(
    name: str, ports: str = PORTS, exact: bool = True, estimated: bool = True
) -> Callable[[Callable[[], Asked]], Callable[[], Asked]]:
    """Register the function below as a situation; see :class:`Situation`."""

    def register(prepare: Callable[[], Asked]) -> Callable[[], Asked]:
        estimated_too = exact and estimated
        SITUATIONS.append(Situation(name, prepare, ports, exact, estimated_too))
        return prepare

    return register


def ask_connect(remote: Any, held: Any, source: str = "") -> Asked:
    host = f"[{remote[0]}]" if ":" in remote[0] else remote[0]
    arguments = ["-d", f"{host}:{remote[1]}"]
    if source:
        arguments += ["--source", source]
    return Asked(
        "tcp_connect_free",
        arguments,
        lambda: connect(remote, source or None),
        held,
    )


def ask_bind(address: str, held: Any) -> Asked:
    return Asked("tcp_bind_free", ["--source", address], lambda: bind(address), held)


def ask_udp(address: str, held: Any) -> Asked:
    return Asked(
        "udp_bind_free", ["--source", address], lambda: bind_udp(address), held
    )


# --- connect: destinations and sources -------------------------------------------


@situation("idle host")
def _() -> Asked:
    return ask_connect(A, [listen()])


@situation("one destination, half used")
def _() -> Asked:
    return ask_connect(A, [listen(), open_sockets(50, lambda: connect(A))])


@situation("one destination, more than half used")
def _() -> Asked:
    return ask_connect(A, [listen(), open_sockets(73, lambda: connect(A))])


@situation("one destination, all used")
def _() -> Asked:
    return ask_connect(A, [listen(), open_sockets(100, lambda: connect(A))])


@situation("many destinations on the same ports")
def _() -> Asked:
    held: list[Any] = [listen()]
    for last in range(2, 12):
        remote = (f"127.0.0.{last}", SERVER_PORT)
        held.append(listen(remote[0]))
        held += open_sockets(40, lambda: connect(remote, "127.0.0.1"))
    held += open_sockets(20, lambda: connect(A))
    return ask_connect(A, held)


@situation("one remote address, many remote ports")
def _() -> Asked:
    held: list[Any] = []
    for port in range(5000, 5006):
        held.append(listen(port=port))
        held += open_sockets(30, lambda: connect(("127.0.0.1", port)))
    return ask_connect(A, held)


@situation("several source addresses, port chosen by connect()")
def _() -> Asked:
    held: list[Any] = [listen()]
    for last in (1, 2, 3):
        held += open_sockets(30, lambda: connect(A, f"127.0.0.{last}"))
    return ask_connect(A, held, source="127.0.0.3")


@situation("several source addresses, port chosen by bind()")
def _() -> Asked:
    held: list[Any] = [listen()]
    for last in (1, 2, 3):
        held += open_sockets(10, lambda: connect(A, f"127.0.0.{last}", no_port=False))
    return ask_connect(A, held, source="127.0.0.9")


# --- connect: ports that are bound -----------------------------------------------


@situation("listeners in the range")
def _() -> Asked:
    held = [listen(), *(listen(port=port) for port in range(40010, 40020))]
    return ask_connect(A, held)


@situation("listener on another address")
def _() -> Asked:
    return ask_connect(A, [listen(), listen("127.0.0.9", 40010)])


@situation("IPv6 listener, IPv4 connect")
def _() -> Asked:
    return ask_connect(A, [listen(), listen("::1", 40010), listen("::", 40011)])


@situation("accepted connections on a port of the range")
def _() -> Asked:
    server = listen(port=40010)
    remote = server.getsockname()
    pairs = [established(server, connect(remote)) for _ in range(20)]
    return ask_connect(A, [listen(), server, pairs])


@situation("both ends on this host, server port in the range")
def _() -> Asked:
    server = listen(port=40011)
    remote = server.getsockname()
    pairs = [established(server, connect(remote)) for _ in range(20)]
    return ask_connect(remote, [server, pairs])


@situation("accepted connections, listener closed", estimated=False)
def _() -> Asked:
    server = listen(port=40010)
    remote = server.getsockname()
    pairs = [established(server, connect(remote)) for _ in range(5)]
    server.close()
    return ask_connect(A, [listen(), pairs])


@situation("bind, then connect to the same destination")
def _() -> Asked:
    held: list[Any] = [listen()]
    held += open_sockets(30, lambda: connect(A, "127.0.0.1", no_port=False))
    return ask_connect(A, held, source="127.0.0.1")


@situation("bind, then connect to another destination")
def _() -> Asked:
    held: list[Any] = [listen(), listen(B[0])]
    held += open_sockets(30, lambda: connect(B, "127.0.0.1", no_port=False))
    return ask_connect(A, held)


@situation(
    "bind, then connect to another destination, more than half used", estimated=False
)
def _() -> Asked:
    held: list[Any] = [listen(), listen(B[0])]
    held += open_sockets(70, lambda: connect(B, "127.0.0.1", no_port=False))
    return ask_connect(A, held)


@situation("connect to another destination, more than half used")
def _() -> Asked:
    held: list[Any] = [listen(), listen(B[0])]
    held += open_sockets(80, lambda: connect(B, "127.0.0.1"))
    return ask_connect(A, held)


def _idle(address: str, *options: Any) -> Callable[[], Asked]:
    def prepare() -> Asked:
        held: list[Any] = [listen()]
        for _ in range(15):
            holder = socket.socket(family_of(address))
            for option in options:
                holder.setsockopt(*option)
            holder.bind((address, 0))
            held.append(holder)
        return ask_connect(A, held)

    return prepare


situation("bound but idle, specific address")(_idle("127.0.0.9"))
situation("bound but idle, wildcard")(_idle("0.0.0.0"))
situation("bound but idle, IPv6")(_idle("::1"))
situation("bound but idle, IPv6 wildcard")(_idle("::"))
_REUSEPORT = (socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
situation("bound but idle, SO_REUSEADDR")(_idle("127.0.0.1", REUSE_ADDRESS))
situation("bound but idle, SO_REUSEPORT")(_idle("127.0.0.1", _REUSEPORT))


@situation(
    "bind to given even ports, then connect to another destination", estimated=False
)
def _() -> Asked:
    held: list[Any] = [listen(), listen(B[0])]
    for port in range(40000, 40020, 2):
        client = socket.socket()
        client.bind(("127.0.0.1", port))
        client.connect(B)
        held.append(client)
    return ask_connect(A, held)


@situation("reserved ports")
def _() -> Asked:
    set_sysctl("ip_local_reserved_ports", "40000-40019,40050,50000-50010")
    return ask_connect(A, [listen(), open_sockets(30, lambda: connect(A))])


# --- connect: states -------------------------------------------------------------


@situation("SYN_SENT")
def _() -> Asked:
    server = socket.socket()
    server.bind(A)
    server.listen(0)  # one connection fills the queue; further SYNs get no answer
    held = [server, connect(A)]
    held += open_sockets(20, lambda: connect_without_waiting(A))
    asked = ask_connect(A, held)
    return asked._replace(operation=lambda: connect_without_waiting(A))


@situation("FIN_WAIT1")
def _() -> Asked:
    server = listen()
    accepted = []
    for _ in range(5):
        client, other = established(server, connect(A))
        close_with_data_unread(client)
        accepted.append(other)
    return ask_connect(A, [server, accepted])


@situation("FIN_WAIT2, still open")
def _() -> Asked:
    server = listen()
    pairs = [established(server, connect(A)) for _ in range(20)]
    for client, _ in pairs:
        client.shutdown(socket.SHUT_WR)
    return ask_connect(A, [server, pairs])


@situation("FIN_WAIT2, closed")
def _() -> Asked:
    set_sysctl("tcp_tw_reuse", 1)
    server = listen()
    pairs = [established(server, connect(A)) for _ in range(20)]
    for client, _ in pairs:
        client.close()
    return ask_connect(A, [server, pairs])


@situation("CLOSE_WAIT")
def _() -> Asked:
    server = listen()
    pairs = [established(server, connect(A)) for _ in range(20)]
    for _, accepted in pairs:
        accepted.close()
    return ask_connect(A, [server, pairs])


# --- connect: TIME_WAIT ----------------------------------------------------------


def _time_wait(
    remote: Any, reuse: int, old: bool, timestamps: int = 1
) -> Callable[[], Asked]:
    def prepare() -> Asked:
        if remote in (FAR, FAR_V6):
            add_address(remote[0] + ("/128" if ":" in remote[0] else "/32"))
        set_sysctl("tcp_timestamps", timestamps)
        set_sysctl("tcp_tw_reuse", reuse)
        server = listen(remote[0])
        # either all are older than the delay, or none
        if not old:
            keep_time_wait_young()
        time_wait(30, server, lambda: connect(remote))
        if old:
            let_time_wait_grow_old()
        return ask_connect(remote, [server, open_sockets(10, lambda: connect(remote))])

    return prepare


for _remote, _where in ((A, "loopback"), (FAR, "not loopback"), (V6, "::1")):
    for _reuse in (0, 1, 2):
        for _old in (False, True) if CHOOSES_DELAY else (True,):
            _age = "old" if _old else "young"
            situation(f"TIME_WAIT, tcp_tw_reuse={_reuse}, {_where}, {_age}")(
                _time_wait(_remote, _reuse, _old)
            )
situation("TIME_WAIT, tcp_tw_reuse=2, IPv6 not loopback, old")(
    _time_wait(FAR_V6, 2, True)
)
situation("TIME_WAIT, tcp_tw_reuse=1, host without timestamps, old")(
    _time_wait(A, 1, True, timestamps=0)
)


@situation("TIME_WAIT, tcp_tw_reuse=1, peer without timestamps, old", exact=False)
def _() -> Asked:
    asked = _time_wait(A, 1, True, timestamps=0)()
    set_sysctl("tcp_timestamps", 1)
    return asked


@situation("TIME_WAIT to another destination, of sockets bound before")
def _() -> Asked:
    server = listen(B[0])
    time_wait(20, server, lambda: connect(B, "127.0.0.1", no_port=False))
    return ask_connect(A, [listen(), server])


@situation("TIME_WAIT to another destination")
def _() -> Asked:
    server = listen(B[0])
    time_wait(20, server, lambda: connect(B, "127.0.0.1"))
    return ask_connect(A, [listen(), server])


# --- connect: IPv6, mapped addresses, devices, odd ranges ------------------------


@situation("IPv6")
def _() -> Asked:
    return ask_connect(V6, [listen(V6[0]), open_sockets(30, lambda: connect(V6))])


@situation("IPv4 and IPv6 on the same ports")
def _() -> Asked:
    held: list[Any] = [listen(), listen(V6[0])]
    held += open_sockets(30, lambda: connect(V6))
    held += open_sockets(20, lambda: connect(A))
    return ask_connect(A, held)


def connect_mapped() -> socket.socket:
    """Connect an IPv6 socket to an IPv4 address."""
    return connect(("::ffff:127.0.0.1", SERVER_PORT))


@situation("IPv4-mapped addresses, asked for IPv4")
def _() -> Asked:
    return ask_connect(A, [listen(), open_sockets(30, connect_mapped)])


@situation("IPv4-mapped addresses, asked for IPv4-mapped")
def _() -> Asked:
    held: list[Any] = [listen(), open_sockets(30, lambda: connect(A))]
    asked = ask_connect(("::ffff:127.0.0.1", SERVER_PORT), held)
    return asked._replace(operation=connect_mapped)


@situation("sockets bound to a device, asked for sockets that are not")
def _() -> Asked:
    held: list[Any] = [listen()]
    held += open_sockets(20, lambda: connect(A, options=[on_device("lo")]))
    held += open_sockets(10, lambda: connect(A))
    return ask_connect(A, held)


@situation("a range with an odd number of ports", ports="40000-40010", exact=False)
def _() -> Asked:
    return ask_connect(A, [listen(), open_sockets(3, lambda: connect(A))])


@situation("a range of two ports", ports="40000-40001")
def _() -> Asked:
    return ask_connect(A, [listen(), connect(A)])


@situation("a range of one port", ports="40000-40000")
def _() -> Asked:
    return ask_connect(A, [listen()])


@situation("a range that begins with an odd port", ports="40001-40100")
def _() -> Asked:
    held: list[Any] = [listen(), listen(B[0])]
    held += open_sockets(20, lambda: connect(B, "127.0.0.1"))
    held += open_sockets(10, lambda: connect(B, "127.0.0.1", no_port=False))
    return ask_connect(A, held)


@situation("mixed host")
def _() -> Asked:
    set_sysctl("ip_local_reserved_ports", "40090-40099")
    held: list[Any] = [listen(), listen(B[0]), listen(V6[0]), listen("::", 40050)]
    held += open_sockets(15, lambda: connect(B, "127.0.0.1"))
    held += open_sockets(10, lambda: connect(V6))
    held += open_sockets(5, lambda: connect(A))
    held += open_sockets(4, lambda: bind("127.0.0.9"))
    held += open_sockets(3, lambda: connect(B, "127.0.0.1", no_port=False))
    held += open_sockets(6, lambda: bind_udp())
    return ask_connect(A, held)


# --- connect: many clients that bind first ---------------------------------------


def _to(destinations: int, plain: int = 0) -> str:
    """The end of a name: how many destinations, and how many clients just connect."""
    to = "1 destination" if destinations == 1 else f"{destinations} destinations"
    return f"{to}, {plain} plain clients" if plain else to


def _remotes(count: int) -> list[Address]:
    return [(f"127.0.1.{last}", SERVER_PORT) for last in range(1, count + 1)]


def _fill(count: int, operations: Sequence[Callable[[], socket.socket]]) -> list[Any]:
    """``count`` sockets, or as many as the kernel allows, by each operation in turn."""
    held: list[Any] = []
    with suppress(OSError):  # no port remains
        for number in range(count):
            held.append(operations[number % len(operations)]())
    return held


def _clients(
    count: int,
    remotes: Sequence[Address],
    bind_first: bool = False,
    options: Sequence[SocketOption] = (),
) -> list[Any]:
    """Clients that connect to these in turn, all from the same address."""

    def connecting(to: Address) -> Callable[[], socket.socket]:
        return partial(connect, to, "127.0.0.1", not bind_first, options)

    return _fill(count, [*map(connecting, remotes)])


def _binders(
    percent: int, destinations: int, options: Sequence[SocketOption], plain: int = 0
) -> Callable[[], Asked]:
    def prepare() -> Asked:
        remotes = _remotes(destinations)
        held: list[Any] = [listen("0.0.0.0")]
        held += _clients(plain, remotes)
        held += _clients(percent, remotes, bind_first=True, options=options)
        return ask_connect(remotes[0], held, source="127.0.0.1")

    return prepare


for _options, _how in (([], ""), ([REUSE_ADDRESS], ", SO_REUSEADDR")):
    for _percent in (10, 25, 50, 75, 95, 100):
        for _destinations in (1, 10, 50):
            situation(
                f"bind first{_how}: {_percent} % of the ports, {_to(_destinations)}",
                estimated=False,
            )(_binders(_percent, _destinations, _options))
    for _percent, _destinations, _plain in ((25, 10, 60), (50, 10, 200), (75, 50, 25)):
        situation(
            f"bind first{_how}: {_percent} % of the ports, "
            + _to(_destinations, _plain),
            estimated=False,
        )(_binders(_percent, _destinations, _options, _plain))


@situation("bind first, to another destination than the one asked", estimated=False)
def _() -> Asked:
    held: list[Any] = [listen("0.0.0.0"), _clients(90, _remotes(10), bind_first=True)]
    return ask_connect(A, held)


@situation("TCP bind, with clients that bind first")
def _() -> Asked:
    held: list[Any] = [listen("0.0.0.0"), _clients(70, _remotes(10), bind_first=True)]
    return ask_bind("127.0.0.1", held)


def _named(
    count: int, destinations: int, plain: int, options: Sequence[SocketOption]
) -> Callable[[], Asked]:
    """Clients whose bind() names the port, and others that just connect."""

    def prepare() -> Asked:
        remotes = _remotes(destinations)
        held: list[Any] = [listen("0.0.0.0")]
        for number in range(count):
            to = remotes[number % destinations]
            port = 40000 + 7 * number % 100
            held.append(connect(to, "127.0.0.1", options=options, port=port))
        held += _clients(plain, remotes)
        return ask_connect(remotes[0], held, source="127.0.0.1")

    return prepare


for _count, _destinations, _plain, _options in (
    (1, 1, 0, []),
    (30, 1, 0, []),
    (60, 10, 0, []),
    (100, 10, 0, [REUSE_ADDRESS]),
    (60, 10, 40, []),
    (80, 10, 300, [REUSE_ADDRESS]),
):
    situation(
        f"bind() names the port{', SO_REUSEADDR' if _options else ''}:"
        f" {_count} clients, " + _to(_destinations, _plain),
        estimated=not _plain,
    )(_named(_count, _destinations, _plain, _options))


def _autobind_reuse(percent: int, destinations: int, plain: int) -> Callable[[], Asked]:
    def prepare() -> Asked:
        set_sysctl("ip_autobind_reuse", 1)
        return _binders(percent, destinations, [REUSE_ADDRESS], plain)()

    return prepare


for _percent, _destinations, _plain in (
    *((50, 1, 0), (50, 10, 0), (100, 10, 0), (300, 10, 0), (300, 50, 0)),
    *((50, 10, 50), (200, 10, 200)),
):
    situation(
        f"bind first, SO_REUSEADDR, ip_autobind_reuse=1: {_percent} clients, "
        + _to(_destinations, _plain),
        estimated=False,
    )(_autobind_reuse(_percent, _destinations, _plain))


# --- connect: slices -------------------------------------------------------------

_SLICE = in_slice(40010, 40029)


def _slices(
    count: int, destinations: int, bind_first: bool, plain: int
) -> Callable[[], Asked]:
    def prepare() -> Asked:
        remotes = _remotes(destinations)
        held: list[Any] = [listen("0.0.0.0")]
        held += _clients(count, remotes, bind_first, [_SLICE])
        held += _clients(plain, remotes)
        return ask_connect(remotes[0], held, source="127.0.0.1")

    return prepare


for _count, _destinations, _bind_first, _plain in (
    (
        (20, 1, False, 0),
        (20, 10, False, 0),
        (200, 10, False, 300),
        (20, 10, True, 0),
        (20, 10, True, 300),
    )
    if has_slices()
    else ()
):
    _how = ", bind first" if _bind_first else ""
    situation(
        f"a slice of 20 ports{_how}, {_count} clients, " + _to(_destinations, _plain),
        estimated=False,
    )(_slices(_count, _destinations, _bind_first, _plain))


# --- connect: devices ------------------------------------------------------------

LINKS = ("east", "west")
NEIGHBOR = ("10.9.0.2", SERVER_PORT)
"""The same address on both links."""


def _connect_to_neighbor(*options: SocketOption) -> socket.socket:
    return connect_without_waiting(NEIGHBOR, options)


def _bind_before_connect_on(link: str) -> socket.socket:
    client = socket.socket()
    client.setsockopt(*on_device(link))
    client.setblocking(False)
    client.bind(("10.9.0.1", 0))
    client.connect_ex(NEIGHBOR)
    return client


def _two_devices(
    east: int, west: int, plain: int, asked_on: str, bound_on_east: int = 0
) -> Callable[[], Asked]:
    """Clients on each of two devices, and some that have none."""

    def prepare() -> Asked:
        for link in LINKS:
            add_link(link, "10.9.0.1/24")
            add_silent_neighbor(NEIGHBOR[0], link)
        held = _fill(bound_on_east, [lambda: _bind_before_connect_on("east")])
        for link, count in (("east", east), ("west", west)):
            held += _fill(count, [partial(_connect_to_neighbor, on_device(link))])
        held += _fill(plain, [_connect_to_neighbor])
        return _ask_on_device(asked_on, held)

    return prepare


def _ask_on_device(device: str, held: Any) -> Asked:
    name = f"{NEIGHBOR[0]}:{NEIGHBOR[1]}"
    asked = ask_connect(NEIGHBOR, held)
    if not device:
        return asked._replace(operation=_connect_to_neighbor)
    return asked._replace(
        label=f"tcp_connect_{name}%{device}_free",
        operation=lambda: _connect_to_neighbor(on_device(device)),
        row=f"  to {name} on {device}",
    )


for _east, _west, _plain, _bound in (
    (50, 95, 0, 0),
    (100, 10, 20, 0),
    (30, 30, 85, 0),
    (20, 20, 10, 60),
    (5, 5, 0, 95),
):
    for _asked_on in ("east", "west", ""):
        situation(
            f"on two devices: {_east} and {_west} clients"
            + (f", {_bound} that bind first" if _bound else "")
            + (f", {_plain} without a device" if _plain else "")
            + f"; asked {f'on {_asked_on}' if _asked_on else 'without a device'}",
            estimated=False,
        )(_two_devices(_east, _west, _plain, _asked_on, _bound))


def _link_local(east: int, west: int, bind_first: int = 0) -> Callable[[], Asked]:
    """Clients of the same link-local address on two links, asked for the first."""

    def prepare() -> Asked:
        for link in LINKS:
            add_link(link, "fe80::1/64")
        held: list[Any] = [listen("::")]  # IPv4 as well
        held += _clients(bind_first, [A], bind_first=True)
        for link, count in (("east", east), ("west", west)):
            held += _fill(count, [partial(_connect_over, link)])
        return Asked(
            "tcp_connect_free",
            ["-d", f"[fe80::1%east]:{SERVER_PORT}"],
            lambda: _connect_over("east"),
            held,
        )

    return prepare


def _connect_over(link: str) -> socket.socket:
    client = socket.socket(socket.AF_INET6)
    try:
        client.connect(("fe80::1", SERVER_PORT, 0, socket.if_nametoindex(link)))
    except OSError:
        client.close()
        raise
    return client


for _east, _west, _bound in ((0, 100, 0), (60, 100, 0), (95, 20, 0), (40, 40, 50)):
    situation(
        f"IPv6 link-local on two links: {_east} and {_west} clients"
        + (f", {_bound} IPv4 clients that bind first" if _bound else ""),
        estimated=False,
    )(_link_local(_east, _west, _bound))


# --- connect: another step between the ports that it tries ------------------------


def _with_step(prepare: Callable[[], Asked]) -> Callable[[], Asked]:
    def prepare_with_step() -> Asked:
        set_sysctl("ip_local_port_step_width", 9)
        return prepare()

    return prepare_with_step


if has_sysctl("ip_local_port_step_width"):  # from Linux 7.0 on
    for _percent, _destinations, _plain in (
        (0, 1, 40),
        (0, 1, 80),
        (50, 10, 0),
        (50, 10, 200),
        (95, 10, 0),
    ):
        situation(
            f"ip_local_port_step_width=9: {_percent} that bind first, "
            + _to(_destinations, _plain),
            estimated=not _percent,
        )(_with_step(_binders(_percent, _destinations, [], _plain)))


# --- connect: VRFs ---------------------------------------------------------------

VRF = "red"


def _in_vrf(
    inside: int, on_link: int, outside: int, bound: str, accept: int, asked_on: str
) -> Callable[[], Asked]:
    """Clients inside a VRF, on a device of the VRF, and outside.

    ``bound``: where 60 more clients bind first.
    """

    def prepare() -> Asked:
        set_sysctl("tcp_l3mdev_accept", accept)
        add_vrf(VRF)
        for link in LINKS:
            add_link(link, "10.9.0.1/24", vrf=VRF if link == "east" else "")
            add_silent_neighbor(NEIGHBOR[0], link)
        held: list[Any] = []
        if bound:
            held += _fill(60, [lambda: _bind_before_connect_on(bound)])
        for link, count in ((VRF, inside), ("east", on_link)):
            held += _fill(count, [partial(_connect_to_neighbor, on_device(link))])
        held += _fill(outside, [_connect_to_neighbor])
        return _ask_on_device(asked_on, held)

    return prepare


if has_vrf():
    for _inside, _on_link, _outside, _bound_on, _accept, _asked_on in (
        (50, 0, 0, "", 0, VRF),
        (50, 30, 0, "", 0, "east"),
        (10, 30, 90, "", 0, "east"),
        (10, 30, 90, "", 0, VRF),
        (95, 0, 10, "", 0, ""),
        (35, 0, 0, VRF, 0, VRF),
        (35, 0, 30, VRF, 0, ""),
        (20, 10, 35, "west", 0, VRF),
        (20, 10, 35, "west", 0, ""),
        (20, 10, 35, VRF, 1, ""),
        (20, 10, 35, VRF, 1, "east"),
        (20, 10, 90, "", 1, "east"),
    ):
        situation(
            f"a VRF: {_inside} clients inside, {_on_link} on its device,"
            f" {_outside} outside"
            + (f", 60 that bind first on {_bound_on}" if _bound_on else "")
            + (", tcp_l3mdev_accept=1" if _accept else "")
            + f"; asked {f'on {_asked_on}' if _asked_on else 'without a device'}",
            estimated=False,
        )(_in_vrf(_inside, _on_link, _outside, _bound_on, _accept, _asked_on))


# --- TCP bind --------------------------------------------------------------------


def _mixed_tcp() -> list[Any]:
    held: list[Any] = [listen(), listen(V6[0]), listen("127.0.0.3", 40080)]
    held += open_sockets(9, lambda: connect(A))
    held += open_sockets(8, lambda: connect(V6))
    held += open_sockets(7, connect_mapped)
    held += open_sockets(6, lambda: bind("127.0.0.2"))
    held += open_sockets(5, lambda: bind("::1"))
    held += open_sockets(4, lambda: bind("0.0.0.0"))
    return held


def _bind_v6only(kind: int = socket.SOCK_STREAM) -> socket.socket:
    holder = socket.socket(socket.AF_INET6, kind)
    holder.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    holder.bind(("::", 0))
    return holder


def _bind_on_a_mixed_host(address: str) -> Callable[[], Asked]:
    return lambda: ask_bind(address, _mixed_tcp())


for _address in ("127.0.0.1", "127.0.0.2", "127.0.0.9", "::1", "::"):
    situation(f"TCP bind to {_address} on a mixed host")(
        _bind_on_a_mixed_host(_address)
    )
situation("TCP bind to 0.0.0.0 on a mixed host", exact=False)(
    _bind_on_a_mixed_host("0.0.0.0")
)


@situation("TCP bind, TIME_WAIT always counts")
def _() -> Asked:
    set_sysctl("tcp_tw_reuse", 1)
    server = listen()
    time_wait(20, server, lambda: connect(A))
    let_time_wait_grow_old()
    return ask_bind("127.0.0.1", server)


@situation("TCP bind to 0.0.0.0, V6ONLY wildcards")
def _() -> Asked:
    return ask_bind("0.0.0.0", open_sockets(20, _bind_v6only))


@situation("TCP bind to 0.0.0.0, dual-stack wildcards")
def _() -> Asked:
    return ask_bind("0.0.0.0", open_sockets(20, lambda: bind("::")))


@situation("TCP bind to ::1, IPv4 wildcards")
def _() -> Asked:
    return ask_bind("::1", open_sockets(20, lambda: bind("0.0.0.0")))


# --- UDP -------------------------------------------------------------------------


@situation("UDP bound")
def _() -> Asked:
    return ask_udp("0.0.0.0", open_sockets(30, bind_udp))


@situation("UDP connected, another destination")
def _() -> Asked:
    held = open_sockets(30, lambda: connect_udp(B))
    asked = ask_udp("0.0.0.0", held)
    return asked._replace(operation=lambda: connect_udp(A))


@situation("UDP, an unused address")
def _() -> Asked:
    return ask_udp("127.0.0.9", open_sockets(30, lambda: bind_udp("127.0.0.1")))


@situation("UDP, IPv4 and dual-stack IPv6")
def _() -> Asked:
    held = open_sockets(20, lambda: bind_udp("::"))
    return ask_udp("127.0.0.1", held + open_sockets(10, bind_udp))


@situation("UDP, IPv4 and V6ONLY")
def _() -> Asked:
    held = open_sockets(20, lambda: _bind_v6only(socket.SOCK_DGRAM))
    return ask_udp("127.0.0.1", held + open_sockets(10, bind_udp))


@situation("UDP, IPv6 specific addresses, asked for IPv4")
def _() -> Asked:
    return ask_udp("0.0.0.0", open_sockets(20, lambda: bind_udp("::1")))


@situation("UDP, IPv6 connected, asked for 0.0.0.0", exact=False)
def _() -> Asked:
    return ask_udp("0.0.0.0", open_sockets(20, lambda: connect_udp(V6)))


@situation("UDP, IPv6 connected, asked for IPv6")
def _() -> Asked:
    return ask_udp("::1", open_sockets(20, lambda: connect_udp(V6)))


@situation("UDP in a range with an odd number of ports", ports="40000-40010")
def _() -> Asked:
    return ask_udp("0.0.0.0", open_sockets(3, bind_udp))


@situation("UDP, reserved ports")
def _() -> Asked:
    set_sysctl("ip_local_reserved_ports", "40000-40019")
    return ask_udp("::", open_sockets(30, bind_udp))


def by_name() -> dict[str, Situation]:
    """All situations by name; the names must be unique."""
    found = {s.name: s for s in SITUATIONS}
    assert len(found) == len(SITUATIONS)
    return found
