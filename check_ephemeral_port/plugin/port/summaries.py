"""The status line about one port."""

from __future__ import annotations

from collections import Counter

import nagiosplugin

from ...model.port.remote import Attempt
from ...model.port.report import PortIdentity, PortReport, PortSocket
from ...model.sockets import UDP
from ..text import clean_line, clean_name
from .resources import LocalPort, RemotePort

UNKNOWN = "unknown process"
TRY_AS_ROOT = "(try as root)"


class LocalSummary(nagiosplugin.Summary):  # type: ignore[misc] # untyped library
    """What the port is and who uses it, in one line.

    ``first``, the first of the port's sockets with its owner, and ``is_root`` may be
    set before the text is asked for.
    """

    def __init__(self, resource: LocalPort, is_root: bool = False) -> None:
        self._resource = resource
        self._is_root = is_root
        self.first: PortSocket | None = None

    def ok(self, results: nagiosplugin.Results) -> str:
        """All of it."""
        seen = self._resource.observation
        assert seen  # else the state is unknown
        port = f"port {seen.identity.port}: "
        whose = _uses(seen.report, self.first, self._is_root)
        return port + "; ".join([local_identity(seen.identity), whose])

    def problem(self, results: nagiosplugin.Results) -> str:
        """The same behind what is wrong with it."""
        if not self._resource.observation:  # the look itself failed
            return str(results.most_significant[0])
        return f"{_reasons(results)}; {self.ok(results)}"


class RemoteSummary(nagiosplugin.Summary):  # type: ignore[misc] # untyped library
    """What became of the connect(), in one line."""

    def __init__(self, resource: RemotePort) -> None:
        self._resource = resource

    def ok(self, results: nagiosplugin.Results) -> str:
        """The outcome that tells most, and what the port is."""
        seen = self._resource.observation
        assert seen  # else the state is unknown
        attempt = seen.report.telling
        host = clean_line(seen.report.host, 100)
        where = host if attempt.address == host else f"{host} ({attempt.address})"
        port = f"port {seen.identity.port} of {where} is {outcome_text(attempt)}"
        more = len(seen.report.attempts) - 1
        parts = [port, identity_text(seen.identity)]
        if more:
            parts.append(f"{more} more address{'es' if more > 1 else ''} tried")
        return "; ".join(parts)

    def problem(self, results: nagiosplugin.Results) -> str:
        """The same behind what is wrong with it."""
        if not self._resource.observation:  # it could not even be tried
            return str(results.most_significant[0])
        return f"{_reasons(results)}; {self.ok(results)}"


def _reasons(results: nagiosplugin.Results) -> str:
    return "; ".join(str(r.metric.description) for r in results.most_significant)


def identity_text(identity: PortIdentity) -> str:
    """IANA's class, and the service's name if it has one."""
    services = [
        (protocol, clean_name(name)) for protocol, name in identity.services.items()
    ]
    names = {name for _, name in services}
    if len(names) > 1:  # rsh is 514/tcp, syslog 514/udp
        names = {" ".join(f"{name}/{protocol}" for protocol, name in services)}
    return ", ".join([f"{identity.iana.value} by IANA", *names])


def local_identity(identity: PortIdentity) -> str:
    """The same, and where the port lies on this host."""
    return f"{identity_text(identity)}, {range_text(identity)}"


def range_text(identity: PortIdentity) -> str:
    """Whether the port lies in the ephemeral range of this host."""
    pool = identity.pool
    if pool is None:
        return "ephemeral range unknown"
    inside = pool.range.includes(identity.port)
    text = f"{'in' if inside else 'outside'} the ephemeral range {pool.range}"
    if identity.port in pool.reserved:
        text += f", but reserved by {identity.reserved_by}"
    return text


def _uses(report: PortReport, first: PortSocket | None, is_root: bool) -> str:
    count = len(report.sockets)
    text = f"{count} socket{'' if count == 1 else 's'}" if count else "nobody uses it"
    if count > 1:
        states = Counter(state_name(socket) for socket in report.sockets)
        text += f" ({', '.join(f'{n} {state}' for state, n in states.items())})"
    if first:
        text += ", first: " if count > 1 else ": "
        text += f"{state_name(first)} {ends_text(first)}, {owner_text(first)}"
        if owner_is_missing(first) and not is_root:
            text += f" {TRY_AS_ROOT}"
    if report.callers:
        text += f"; {len(report.callers)} connected to port {report.port}"
    return text


def state_name(socket: PortSocket) -> str:
    """The state of a TCP socket; UDP has none."""
    state = socket.entry.state
    return state.value if state else UDP.upper()


def ends_text(socket: PortSocket) -> str:
    """``192.0.2.7:443``, or with an arrow to the other end."""
    entry = socket.entry
    return f"{entry.local} -> {entry.remote}" if entry.remote else str(entry.local)


def owner_text(socket: PortSocket) -> str:
    """``curl[812] (root)``, or why there is no name."""
    age = socket.entry.time_wait_age_seconds
    if age is not None:
        return f"for {max(0, age):.0f} s"
    if socket.owner:
        name = f"{clean_name(socket.owner.name or '?')}[{socket.owner.pid}]"
        user = socket.owner.user
        return f"{name} ({clean_name(user)})" if user else name
    if not socket.has_process:
        return "no process"
    return f"unknown process of {clean_name(socket.user)}" if socket.user else UNKNOWN


def owner_is_missing(socket: PortSocket) -> bool:
    """Whether somebody with more privilege might name the owner."""
    return socket.has_process and not socket.owner


def outcome_text(attempt: Attempt) -> str:
    """``open after 12.3 ms``, with the system's words where there are some."""
    text = f"{attempt.outcome.value} after {duration(attempt.seconds)}"
    return f"{text}: {clean_line(attempt.reason, 100)}" if attempt.reason else text


def duration(seconds: float) -> str:
    """In milliseconds, or seconds from one on."""
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"
