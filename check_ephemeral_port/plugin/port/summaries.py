"""The status line of the port check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ...model.holders import HiddenProcess, NoProcess
from ...model.port.remote import Attempt, RemoteObservation
from ...model.port.report import (
    PortIdentity,
    PortObservation,
    PortReport,
    PortSocket,
)
from ...model.records import NamedTuple
from ...model.sockets import UDP
from .. import nagiosplugin
from ..names import hidden_name, namespace_phrase, process_name, unit_name
from ..text import clean_line, clean_name, count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..output.result import Detail

UNLISTED = "a TCP socket that is bound but idle, which no list shows here"


class PortExplanation(NamedTuple):
    """Everything that the renderer adds to the judgment."""

    first: PortSocket | None = None
    """The first socket of the port, with its process."""
    details: Sequence[Detail] = ()
    """Tables and notes for ``-v``."""


def local_sentences(
    observation: PortObservation,
    results: nagiosplugin.Results,
    explanation: PortExplanation = PortExplanation(),
) -> list[str]:
    """The problem if there is one, what the port is, and which sockets use it.

    With a problem, the sockets come first: one of them is its cause.
    """
    identity, report = observation.identity, observation.report
    where = ""
    if observation.namespace:
        where = f" in {namespace_phrase(observation.namespace)}"
    what = f"port {identity.port}{where} is {local_identity(identity)}"
    uses = _uses(report, explanation)
    wrong = reasons(results)
    return [wrong, uses, what] if wrong else [what, uses]


def remote_sentences(
    observation: RemoteObservation, results: nagiosplugin.Results
) -> list[str]:
    """The problem if there is one, then the clearest outcome and what the port is."""
    identity, report = observation.identity, observation.report
    attempt = report.telling
    host = clean_line(report.host, 100)
    where = host if attempt.address == host else f"{host} ({attempt.address})"
    outcome = f"port {identity.port} of {where} is {outcome_text(attempt)}"
    others = len(report.attempts) - 1
    if others:
        outcome += f" ({others} more address{'es' if others > 1 else ''} tried)"
    wrong = reasons(results)
    return [*([wrong] if wrong else []), outcome, identity_text(identity)]


def reasons(results: nagiosplugin.Results) -> str:
    """Everything that is wrong; empty if nothing is."""
    if results.most_significant_state == nagiosplugin.Ok:
        return ""
    return ", ".join(map(_reason, results.most_significant))


def _reason(result: nagiosplugin.Result) -> str:
    words, hint = result.metric.description, result.hint
    return f"{words} ({hint})" if words and hint else words or hint or ""


def identity_text(identity: PortIdentity) -> str:
    """IANA's class of the port, and the name of its service if it has one."""
    services = [
        (protocol, clean_name(name)) for protocol, name in identity.services.items()
    ]
    names = {name for _, name in services}
    if len(names) > 1:  # rsh is 514/tcp, syslog 514/udp
        names = {" ".join(f"{name}/{protocol}" for protocol, name in services)}
    return ", ".join([f"{identity.iana.value} by IANA", *names])


def local_identity(identity: PortIdentity) -> str:
    """The same, and whether the port lies in the ephemeral range of this host."""
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


def _uses(report: PortReport, explanation: PortExplanation) -> str:
    texts = []
    if report.sockets:
        texts.append(sockets_text(report.sockets, explanation.first))
    if report.is_held is not False:
        perhaps = "" if report.is_held else "perhaps "
        texts.append(f"{perhaps}in use by {UNLISTED}")
    texts = texts or ["not in use"]
    if report.callers:
        texts.append(f"{len(report.callers)} connected to port {report.port}")
    return ", ".join(texts)


def sockets_text(sockets: Sequence[PortSocket], first: PortSocket | None) -> str:
    """Their number, their states, and the first of them with its process."""
    several = len(sockets) > 1
    text = count(len(sockets), "socket")
    if several:
        states = Counter(map(state_name, sockets))
        text += f" ({', '.join(f'{n} {state}' for state, n in states.items())})"
    if first:
        text += ", first " if several else ", "
        text += f"{state_name(first)} {ends_text(first)}, {holder_text(first)}"
    return text


def state_name(socket: PortSocket) -> str:
    """The state of a TCP socket; ``UDP`` for UDP, which has no states."""
    state = socket.entry.state
    return state.value if state else UDP.upper()


def ends_text(socket: PortSocket) -> str:
    """``192.0.2.7:443``, or both addresses of a connection with an arrow between."""
    entry = socket.entry
    return f"{entry.local} -> {entry.remote}" if entry.remote else str(entry.local)


def holder_text(socket: PortSocket) -> str:
    """``curl[812] (root) in cron.service``, or why there is no name."""
    age = socket.entry.time_wait_age_seconds
    if age is not None:
        return f"for {max(0, age):.0f} s"
    if socket.process:
        name, user = process_name(socket.process), socket.process.user
        named = f"{name} ({clean_name(user)})" if user else name
        unit = unit_name(socket.process)
        return f"{named} in {unit}" if unit else named
    if socket.of_kernel:
        return NoProcess.KERNEL.value
    if not socket.has_process:
        return "no process"
    if socket.user:
        return hidden_name(HiddenProcess(socket.entry.uid, socket.user))
    return NoProcess.UNKNOWN.value


def process_is_missing(socket: PortSocket) -> bool:
    """Whether the socket has a process that the check cannot name."""
    return socket.has_process and not socket.process and not socket.of_kernel


def outcome_text(attempt: Attempt) -> str:
    """``open after 12.3 ms``, followed by the system's words if there are any."""
    text = f"{attempt.outcome.value} after {elapsed(attempt.seconds)}"
    return f"{text}, {clean_line(attempt.reason, 100)}" if attempt.reason else text


def elapsed(seconds: float) -> str:
    """Milliseconds below one second, else seconds."""
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"
