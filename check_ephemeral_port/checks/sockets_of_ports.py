"""What the port check sees of the ports of this host, one or several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..model.port.report import PortSocket, port_reports
from ..model.port.several import NamespacePorts
from ..model.ports import PortPool, PortRange, merged, ports_in
from ..model.sockets import TCP, UDP
from ..options import Options
from ..system.deadline import Stopwatch
from ..system.errors import SystemReadError
from ..system.names import service_port

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..model.namespaces import Namespace

UNLISTED_SHARE = 0.2
"""The search for sockets that no list shows takes at most this share of the time-out,
and the question to connect() as much again."""


def protocols_of(options: Options) -> Sequence[str]:
    """The protocols whose ports the check looks up."""
    if options.hostname is not None:
        return [TCP]
    return [TCP, UDP] if options.protocol == "all" else [options.protocol]


def asked_ports(options: Options, stopwatch: Stopwatch) -> Sequence[PortRange]:
    """The ports of the command line, with the ports of services.

    Raises :class:`SystemReadError` if the system does not know a service.
    """

    def span(asked: PortRange | str) -> PortRange:
        if isinstance(asked, PortRange):
            return asked
        port = service_port(asked, protocols_of(options))
        return PortRange(port, port)

    with stopwatch.stage("looking up the service"):
        return merged(map(span, options.port or ()))


def observe_ports(
    spans: Sequence[PortRange],
    options: Options,
    stopwatch: Stopwatch,
    namespace: Namespace | None = None,
) -> NamespacePorts:
    """List the sockets of ports in a network namespace: the given one, that of
    ``--netns``, or else the check's own.

    Raises :class:`SystemReadError` if the sockets cannot be listed.
    """
    if options.netns:
        from ..model.namespaces import Namespace
        from ..system.namespaces.enter import namespace_path

        namespace = Namespace((namespace_path(options.netns),), options.netns)
    if namespace is None:
        return _observe_ports(spans, options, stopwatch)
    from ..system.namespaces.enter import in_namespace

    seen = in_namespace(
        namespace,
        lambda: _observe_ports(spans, options, stopwatch),
        stopwatch.remaining_seconds,
    )
    return seen._replace(namespace=namespace)


def _observe_ports(
    spans: Sequence[PortRange], options: Options, stopwatch: Stopwatch
) -> NamespacePorts:
    """An unknown ephemeral range is only a note, since the sockets do not depend on
    it."""
    from ..system.ranges import read_port_settings
    from ..system.sockets.of_ports import list_sockets_of_ports

    protocols = protocols_of(options)
    notes: list[str] = []
    pool: PortPool | None = None
    reserved_by = ""
    try:
        with stopwatch.stage("reading the ephemeral range"):
            settings = read_port_settings(protocols=protocols)
        pool, reserved_by = settings.pool, settings.reserved_by
    except SystemReadError as error:
        notes.append(str(error))
    with stopwatch.stage("listing the sockets"):
        listing = list_sockets_of_ports(spans, protocols, options.sampler)
    entries = [*listing.entries]
    ports = ports_in(spans)
    is_held: Mapping[int, bool | None] = {}
    in_use = {entry.local.port for entry in entries if entry.protocol == TCP}
    if TCP in protocols and not listing.idle and ports - in_use:
        from ..system.sockets.unlisted import find_unlisted_sockets

        with stopwatch.stage("looking for sockets that no list shows"):
            unlisted = find_unlisted_sockets(
                ports - in_use, pool, UNLISTED_SHARE * stopwatch.remaining_seconds
            )
        entries += unlisted.entries
        is_held = unlisted.is_held
    concerned = ports
    if len(ports) > 1:  # a report for each of 65535 free ports would take long
        concerned = ports & {*is_held, *(entry.local.port for entry in entries)}
    return NamespacePorts(
        port_reports(concerned, entries, is_held),
        listing.sampler,
        pool,
        reserved_by,
        [*notes, *listing.notes],
        listing.time_wait,
    )


def with_processes(
    sockets: Sequence[PortSocket], namespace: Namespace | None = None
) -> list[PortSocket]:
    """The sockets with their processes, or with their users if only these are known."""
    from ..system.processes import describe_process, describe_user, find_pids

    proc = "/proc"
    if namespace:
        from ..system.namespaces.enter import proc_of

        proc = proc_of(namespace)
    entries, hidden = find_pids((socket.entry for socket in sockets), proc)
    processes = {e.pid: describe_process(e.pid, proc) for e in entries if e.pid}
    found = []
    for socket, entry in zip(sockets, entries):
        process, user = processes.get(entry.pid or 0), None
        is_missing = process is None and socket.has_process
        of_kernel = is_missing and not hidden and bool(entry.inode)
        if is_missing and not of_kernel and entry.uid is not None:
            user = describe_user(entry.uid, proc)
        found.append(
            socket._replace(
                entry=entry, process=process, user=user, of_kernel=of_kernel
            )
        )
    return found
