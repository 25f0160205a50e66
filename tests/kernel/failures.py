"""Requests that fail, and how many of them the recorder counts.

``python -m tests.kernel.failures`` makes each of :data:`FAILURES` in a network
namespace of its own and prints a line of JSON. It needs root, and no pytest, so that it
also runs on small guests with other kernels.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Callable, NamedTuple

from check_ephemeral_port.model.failed.counts import (
    BIND,
    TAKEN,
    TCP_CONNECT,
    UDP,
    failed_since,
)
from check_ephemeral_port.system.recorder.definitions import WAYS
from check_ephemeral_port.system.recorder.reading import SUFFIXES, read_counts
from check_ephemeral_port.system.recorder.switch import switch_on
from tests.support.namespace import (
    CLONE_NEWNET,
    add_route,
    run_in_namespace,
    set_sysctl,
    unshare,
)
from tests.support.recorder import (
    instance,
    new_name,
    own_port,
    path,
    record_only,
    remove_recorder,
    with_tracefs,
)
from tests.support.sockets import (
    EXHAUSTED,
    bind,
    bind_udp,
    connect,
    connect_udp,
    connect_without_waiting,
    full_listener,
    held_connections,
    held_sockets,
    held_tcp_ports,
    held_udp_ports,
    in_slice,
    listen,
    reset_at_close,
)

PORTS = "40000-40039"
IPPROTO_MPTCP = 262
IP_RECVERR = 11
ATTEMPTS = 3
CHOSEN_PORT = 5001


class Failure(NamedTuple):
    """One way to fail."""

    name: str
    fail: Callable[[int], int]
    """Fails, with this port of the destination. Returns how often it has to count."""
    kind: str = TCP_CONNECT
    needs: Callable[[], socket.socket] = socket.socket
    """Makes a socket, or raises ``OSError`` on a kernel that lacks what is needed."""


class Counted(NamedTuple):
    """A failure that was made."""

    name: str
    kind: str
    has_to_count: int | None
    """``None`` if this kernel does not have it."""
    counted: int | None
    """``None`` if this kernel does not record this kind."""


class Refusal(NamedTuple):
    """A kind of request that a kernel does not record."""

    kind: str
    reasons: Sequence[str]


def failures_of(operation: Callable[[], socket.socket], times: int = ATTEMPTS) -> int:
    """How often the kernel refuses the operation because no port is free."""
    failed = 0
    for _ in range(times):
        try:
            operation().close()
        except OSError as error:
            failed += error.errno in EXHAUSTED
    return failed


# connect() without a free port


def _to(
    operation: Callable[[tuple[str, int]], socket.socket], address: str = "127.0.0.1"
) -> Callable[[int], int]:
    def fail(port: int) -> int:
        with held_connections(40, (address, port)):
            return failures_of(lambda: operation((address, port)))

    return fail


def _mapped(remote: tuple[str, int]) -> socket.socket:
    return connect((f"::ffff:{remote[0]}", remote[1]))


def _by_fast_open(remote: tuple[str, int]) -> socket.socket:
    with socket.socket() as client:
        client.sendto(b"x", socket.MSG_FASTOPEN, remote)
        return client


def _mptcp_socket() -> socket.socket:
    return socket.socket(proto=IPPROTO_MPTCP)


def _by_mptcp(remote: tuple[str, int]) -> socket.socket:
    with _mptcp_socket() as client:
        client.connect(remote)
        return client


def _slice_socket() -> socket.socket:
    client = socket.socket()
    client.setsockopt(*in_slice(40010, 40019))
    return client


def _the_same_socket(port: int) -> int:
    with held_connections(40, ("127.0.0.1", port)), socket.socket() as client:
        codes = [client.connect_ex(("127.0.0.1", port)) for _ in range(ATTEMPTS)]
    return codes.count(errno.EADDRNOTAVAIL)


def _bound_ports(port: int) -> int:
    with listen(port=port), held_tcp_ports(40):
        return failures_of(lambda: connect(("127.0.0.1", port)))


def _reserved_ports(port: int) -> int:
    set_sysctl("ip_local_reserved_ports", PORTS)
    with listen(port=port):
        return failures_of(lambda: connect(("127.0.0.1", port)))


def _by_a_thread(port: int) -> int:
    failed = []
    with held_connections(40, ("127.0.0.1", port)):
        thread = threading.Thread(
            target=lambda: failed.append(
                failures_of(lambda: connect(("127.0.0.1", port)))
            )
        )
        thread.start()
        thread.join()
    return sum(failed)


def _by_another_user(port: int) -> int:
    def fail() -> int:
        os.setuid(1)
        return failures_of(lambda: connect(("127.0.0.1", port)))

    with held_connections(40, ("127.0.0.1", port)):
        return _in_child(fail)


def _in_another_namespace(port: int) -> int:
    def fail() -> int:
        unshare(CLONE_NEWNET)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        set_sysctl("ip_local_port_range", "50000 50001")
        with held_connections(2, ("127.0.0.1", port)):
            return failures_of(lambda: connect(("127.0.0.1", port)))

    return _in_child(fail)


def _in_child(task: Callable[[], int]) -> int:
    child = os.fork()
    if child == 0:
        os._exit(task())
    return os.WEXITSTATUS(os.waitpid(child, 0)[1])


# what fails for another reason, or does not fail


def _answer(address: str, port: int, *options: tuple[int, int, int]) -> int:
    """The error of one connect()."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as client:
        for option in options:
            client.setsockopt(*option)
        return client.connect_ex((address, port))


IMPATIENT = (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 100)


def _refused(port: int) -> int:
    assert _answer("127.0.0.1", port) == errno.ECONNREFUSED
    return 0


def _refused_ipv6(port: int) -> int:
    assert _answer("::1", port) == errno.ECONNREFUSED
    return 0


def _unreachable(port: int) -> int:
    assert _answer("192.0.2.7", port) == errno.ENETUNREACH
    return 0


def _prohibited(port: int) -> int:
    add_route("prohibit", "192.0.2.0/24")
    assert _answer("192.0.2.7", port) == errno.EACCES
    return 0


def _blackhole(port: int) -> int:
    add_route("blackhole", "192.0.2.0/24")
    assert _answer("192.0.2.7", port) == errno.EINVAL
    return 0


def _drop_all_packets() -> None:
    """Give the loopback device a queue that is always full."""
    command = ["tc", "qdisc", "add", "dev", "lo", "root", "pfifo", "limit", "0"]
    subprocess.run(command, check=True)


def _filtered(port: int) -> int:
    with listen(port=port):
        _drop_all_packets()
        assert _answer("127.0.0.1", port, IMPATIENT) == errno.ETIMEDOUT
    return 0


def _no_buffer_space(port: int) -> int:
    _drop_all_packets()
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        try:
            client.sendto(b"x", ("127.0.0.1", port))
        except OSError as error:
            assert error.errno == errno.ENOBUFS
            return 0
    raise AssertionError("the queue is not full")


def _closed_while_pending(port: int) -> int:
    with full_listener(port=port):
        connect_without_waiting(("127.0.0.1", port)).close()
    return 0


def _timed_out(port: int) -> int:
    with full_listener(port=port):
        assert _answer("127.0.0.1", port, IMPATIENT) == errno.ETIMEDOUT
    return 0


def _no_source_address(port: int) -> int:
    subprocess.run(["ip", "-6", "addr", "del", "::1/128", "dev", "lo"], check=True)
    assert _answer("2001:db8::7", port)
    return 0


def _already_connected(port: int) -> int:
    with listen(port=port), connect(("127.0.0.1", port)) as client:
        assert client.connect_ex(("127.0.0.1", port)) == errno.EISCONN
    return 0


def _ordinary(port: int) -> int:
    with listen(port=port) as server:
        for _ in range(200):
            with connect(("127.0.0.1", port)) as client, server.accept()[0]:
                reset_at_close(client)
    return 0


# ports that the program chooses


def connect_from_taken_port(port: int) -> int:
    """connect() with the 4-tuple of another connection: EADDRNOTAVAIL, too."""
    reuse = socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
    with listen(port=port), connect(("127.0.0.1", port)) as first:
        with socket.socket() as second:
            second.setsockopt(*reuse)
            first.setsockopt(*reuse)
            second.bind(first.getsockname())
            assert second.connect_ex(("127.0.0.1", port)) == errno.EADDRNOTAVAIL
    return 1


def bind_taken_port(kind: int = socket.SOCK_STREAM) -> int:
    """bind() to a port that another socket holds."""
    holder = socket.socket(type=kind)
    holder.bind(("127.0.0.1", CHOSEN_PORT))

    def bind_it() -> socket.socket:
        with socket.socket(type=kind) as client:
            client.bind(holder.getsockname())
        raise AssertionError("the port is free")

    with held_sockets(holder):
        return failures_of(bind_it)


# bind() to port 0 and UDP


def _bind(operation: Callable[[], socket.socket]) -> Callable[[int], int]:
    def fail(_: int) -> int:
        with held_tcp_ports(40):
            return failures_of(operation)

    return fail


def _udp(operation: Callable[[], socket.socket]) -> Callable[[int], int]:
    def fail(_: int) -> int:
        with held_udp_ports(40):
            return failures_of(operation)

    return fail


def _listen_unbound() -> socket.socket:
    with socket.socket() as server:
        server.listen()
    raise AssertionError("a port is free")


def _not(fail: Callable[[int], int]) -> Callable[[int], int]:
    """The same failures, of which none has to count."""

    def fail_uncounted(port: int) -> int:
        fail(port)
        return 0

    return fail_uncounted


_LACK = "no port free: "
_TAKEN = "a chosen port is taken: "

FAILURES = (
    Failure(f"{_LACK}connect()", _to(connect)),
    Failure(f"{_LACK}connect(), IPv6", _to(connect, "::1")),
    Failure(f"{_LACK}connect(), IPv4-mapped", _to(_mapped)),
    Failure(f"{_LACK}connect(), non-blocking", _to(connect_without_waiting)),
    Failure(
        f"{_LACK}connect() from an address, IP_BIND_ADDRESS_NO_PORT",
        _to(lambda remote: connect(remote, "127.0.0.1")),
    ),
    Failure(
        f"{_LACK}connect() with IP_LOCAL_PORT_RANGE",
        _to(lambda remote: connect(remote, options=[in_slice(40010, 40019)])),
        needs=_slice_socket,
    ),
    Failure(f"{_LACK}TCP fast open", _to(_by_fast_open)),
    Failure(f"{_LACK}connect() of MPTCP", _to(_by_mptcp), needs=_mptcp_socket),
    Failure(f"{_LACK}connect() of the same socket again", _the_same_socket),
    Failure(f"{_LACK}connect() while bind() holds all", _bound_ports),
    Failure(f"{_LACK}connect() while all are reserved", _reserved_ports),
    Failure(f"{_LACK}connect() in a thread", _by_a_thread),
    Failure(f"{_LACK}connect() of another user", _by_another_user),
    Failure(f"{_LACK}connect() in another network namespace", _in_another_namespace),
    Failure(f"{_LACK}bind() to port 0", _bind(bind), BIND),
    Failure(f"{_LACK}listen() without bind()", _bind(_listen_unbound), BIND),
    Failure(f"{_LACK}bind() of UDP", _udp(bind_udp), UDP),
    Failure(
        f"{_LACK}connect() of UDP", _udp(lambda: connect_udp(("127.0.0.1", 9))), UDP
    ),
    Failure("refused", _refused),
    Failure("refused, IPv6", _refused_ipv6),
    Failure("unreachable", _unreachable),
    Failure("prohibited by a route", _prohibited),
    Failure("blackhole route", _blackhole),
    Failure("filtered: all packets are dropped", _filtered),
    Failure("timed out", _timed_out),
    Failure("closed while it was pending", _closed_while_pending),
    Failure("no source address", _no_source_address),
    Failure("already connected", _already_connected),
    Failure("no buffer space (ENOBUFS): sendto() of UDP", _no_buffer_space, UDP),
    Failure("none: 200 ordinary connections", _ordinary),
    Failure(f"{_TAKEN}connect()", connect_from_taken_port, TAKEN),
    Failure(f"{_TAKEN}bind()", lambda _: bind_taken_port(), TAKEN),
    Failure(
        f"{_TAKEN}bind() of UDP",
        lambda _: bind_taken_port(socket.SOCK_DGRAM),
        TAKEN,
    ),
    Failure(f"{_TAKEN}connect()", _not(connect_from_taken_port)),
    Failure(f"{_TAKEN}bind()", _not(lambda _: bind_taken_port()), BIND),
    Failure(
        f"{_TAKEN}bind() of UDP",
        _not(lambda _: bind_taken_port(socket.SOCK_DGRAM)),
        UDP,
    ),
    Failure(f"{_LACK}bind() to port 0", _not(_bind(bind)), TAKEN),
)
"""What fails, and as which kind of request it counts, or has not to count."""


@contextmanager
def recorded(kind: str, port: int) -> Iterator[list[int]]:
    """A recorder of this kind, of one destination or of this namespace only.

    At the end, the list gets the number of failures, unless the kernel refuses to
    record this kind. Other programs of this machine fail as well.
    """
    on = {each.kind for each in switch_on() if each.is_on}
    assert TCP_CONNECT in on
    failures: list[int] = []
    if not _narrow(kind, port, on):
        yield failures
        return
    folder = path() + SUFFIXES[kind]
    begin = read_counts(folder)
    yield failures
    failures.append(failed_since(begin, read_counts(folder))[0])


def _narrow(kind: str, port: int, on: set[str]) -> bool:
    if kind == TCP_CONNECT:
        record_only(port)
        return True
    if kind not in on:
        return False
    own = os.stat("/proc/self/ns/net").st_ino
    event = instance(SUFFIXES[kind]) / "events" / instance().name / kind
    try:
        (event / "filter").write_text(f"{WAYS[kind].filter} && net == {own}")
    except OSError:  # a kprobe does not record the namespace
        return False
    return True


def make(failure: Failure) -> Counted:
    """Make the failure in the namespace of the caller, with a recorder."""
    try:
        failure.needs().close()
    except OSError:
        return Counted(failure.name, failure.kind, None, None)
    port = own_port()
    with recorded(failure.kind, port) as counted:
        has_to_count = failure.fail(port)
    number = counted[0] if counted else None
    return Counted(failure.name, failure.kind, has_to_count, number)


def make_each() -> Iterator[Counted]:
    """Make each failure in a namespace of its own."""
    for failure in FAILURES:
        yield Counted(*_in_namespace(lambda: make(failure)))


def refusals() -> list[Refusal]:
    """The kinds that this kernel does not record."""
    found = _in_namespace(
        lambda: [(kind.kind, kind.refused) for kind in switch_on() if not kind.is_on]
    )
    return [Refusal(*each) for each in found]


def _in_namespace(task: Callable[[], object]) -> Any:
    name = new_name()
    with tempfile.TemporaryFile("w+") as file:

        def body() -> None:
            json.dump(task(), file)
            file.flush()

        try:
            failure = run_in_namespace(PORTS, with_tracefs(name, body), users=True)
        finally:
            remove_recorder(name)
        if failure:
            raise RuntimeError(failure)
        file.seek(0)
        return json.load(file)


class Record(NamedTuple):
    """What a kernel records."""

    failures: Sequence[Counted]
    refusals: Sequence[Refusal]


def record_here() -> Record:
    """What this kernel records."""
    return Record([*make_each()], refusals())


def to_json(record: Record) -> str:
    """A line that :func:`record_from_json` reads."""
    return json.dumps({"failures": record.failures, "refusals": record.refusals})


def record_from_json(text: str) -> Record:
    """The record that this line describes."""
    fields = json.loads(text)
    return Record(
        [Counted(*each) for each in fields["failures"]],
        [Refusal(*each) for each in fields["refusals"]],
    )


if __name__ == "__main__":
    print(to_json(record_here()))
