"""The words of the port check for several ports, or for all network namespaces."""

from __future__ import annotations

from collections.abc import Sequence

from ...model.namespaces import Namespace
from ...model.port.iana import iana_class
from ...model.port.several import FoundPort, PortsObservation, PortState, port_state
from ...model.ports import format_port_list, ports_in, spans_text
from .. import nagiosplugin
from ..layout import WIDTH, stage_lines, wrap_words
from ..names import namespace_name, namespace_phrase
from ..namespaces import FAILED, describe_failures
from ..output.details import Column, Section
from ..text import clean_line, count
from .contexts import short_list
from .resources import IN_USE
from .summaries import UNLISTED, holder_text, reasons, sockets_text

MOST_CLAUSES = 3
MAX_NAMES = 3
"""The status line names at most this many network namespaces."""

COLUMNS = (
    Column("port", "port", numeric=True),
    Column("state", "state"),
    Column("sockets", "sockets", numeric=True),
    Column("holder", "first holder", missing="-"),
)
NAMESPACE = Column("namespace", "namespace")


def several_sentences(
    observation: PortsObservation,
    results: nagiosplugin.Results,
    first: FoundPort | None = None,
) -> list[str]:
    """The problem if there is one, how many ports are in use, and the first socket.

    ``first``: what is shown of the ports in use, with its process.
    """
    problem = any(r.metric.context == FAILED for r in results.most_significant)
    wrong = reasons(results)
    failures = ""
    if observation.inspected and not problem:
        failures = describe_failures(observation.inspected)
    sentences = [wrong, failures, _in_use(observation), _sockets(observation, first)]
    if not wrong:
        sentences.append(_range(observation))
    elif _says_all(wrong, observation):
        sentences[2] = _where(observation).strip()
    return [sentence for sentence in sentences if sentence][:MOST_CLAUSES]


def _says_all(problem: str, observation: PortsObservation) -> bool:
    """Whether the problem names all ports in use: nothing is said twice."""
    ports = observation.states()
    return observation.size > 1 and problem.endswith(f", {short_list([*ports])}")


def _in_use(observation: PortsObservation) -> str:
    states = observation.states()
    used = [port for port, state in states.items() if state in IN_USE]
    unclear = [port for port, state in states.items() if state is PortState.UNCLEAR]
    if observation.size == 1:
        verb = " is" if used else " is perhaps" if unclear else " is not"
        text = f"port {spans_text(observation.spans)}{verb} in use"
    else:
        number = str(len(used)) if used else "none"
        text = f"{number} of {observation.size} ports in use"
        text += f", {short_list(used)}" if used else ""
        text += f", {short_list(unclear)} perhaps" if unclear else ""
    return text + _where(observation)


def _where(observation: PortsObservation) -> str:
    if not observation.inspected:
        (only,) = observation.namespaces
        return f" in {namespace_phrase(only.namespace)}" if only.namespace else ""
    names = list(dict.fromkeys(_name(each.namespace) for each in observation.found))
    inspected = count(observation.inspected.observed, "network namespace")
    if not names:
        any_of = "any of " if observation.inspected.observed > 1 else ""
        return f" in {any_of}{inspected}"
    more = [f"{len(names) - MAX_NAMES} more"] if len(names) > MAX_NAMES else []
    return f" in {len(names)} of {inspected}, {', '.join(names[:MAX_NAMES] + more)}"


def _name(namespace: Namespace | None) -> str:
    return namespace_name(namespace) if namespace else "own"


def _sockets(observation: PortsObservation, first: FoundPort | None) -> str:
    sockets = [s for each in observation.found for s in each.report.sockets]
    if not sockets:
        held = any(each.report.is_held is not False for each in observation.found)
        return UNLISTED if held else ""
    text = sockets_text(sockets, first.first if first else None)
    if first and observation.inspected and first.namespace:
        return f"{text} in {namespace_phrase(first.namespace)}"
    return text


def _range(observation: PortsObservation) -> str:
    """Whether the ports lie in the ephemeral range; empty if there are several."""
    if observation.size == 1:
        (span,) = observation.spans
        return f"{iana_class(span.first).value} by IANA"
    if observation.inspected:
        return ""
    (only,) = observation.namespaces
    if not only.pool:
        return ""
    span = only.pool.range
    inside = sum(map(span.includes, ports_in(observation.spans)))
    partly = "in" if inside == observation.size else f"{inside} of them in"
    return f"{partly if inside else 'outside'} the ephemeral range {span}"


def several_sections(
    observation: PortsObservation,
    shown: Sequence[FoundPort],
    stages: Sequence[tuple[str, float]],
) -> list[Section]:
    """A row for each port in use, in each network namespace.

    ``shown``: as many as the table has room for, with the process of the first socket.
    """
    has_names = observation.inspected is not None
    columns = (NAMESPACE, *COLUMNS) if has_names else COLUMNS
    rows = [_row(each)[not has_names :] for each in shown]
    omitted = len(observation.found) - len(shown)
    notes = [f"and {omitted} more (--top shows more rows)"] if omitted else []
    free = ports_in(observation.spans) - observation.states().keys()
    all_free = format_port_list(free).replace(",", ", ")
    free_text = wrap_words(f"not in use: {all_free}") if free else []
    listers = dict.fromkeys(each.lister for each in observation.namespaces)
    remarks = dict.fromkeys(n for each in observation.namespaces for n in each.notes)
    failures = observation.inspected.failures if observation.inspected else ()
    return [
        Section(columns=columns, rows=rows, notes=notes),
        Section(notes=free_text),
        Section(
            notes=[
                clean_line(f"{namespace_name(each.namespace)}: {each.reason}", WIDTH)
                for each in failures
            ]
        ),
        Section(
            notes=[
                f"listed by {', '.join(listers)}",
                *(clean_line(f"note: {note}", WIDTH) for note in remarks),
                *stage_lines(stages),
            ]
        ),
    ]


def _row(found: FoundPort) -> tuple[object, ...]:
    report, first = found.report, found.first
    holder = holder_text(first) if first else None
    state = port_state(report).value
    return _name(found.namespace), report.port, state, report.size, holder
