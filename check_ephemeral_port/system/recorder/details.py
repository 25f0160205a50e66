"""Reads the failures that a recorder still knows in detail, and who made them.

An event has the number and the name of a thread. Everything else has to be asked while
the thread lives. If it has ended, its number can belong to another thread by now.
"""

# what Windows' types lack is not reached there
# mypy: disable-error-code="attr-defined"

from __future__ import annotations

import os
from collections.abc import Callable

from ...model.failed.events import ALWAYS, Event, Span, group_events, parse_events
from ...model.failed.requests import FailedGroup, Requester
from ..namespaces.enter import NAMED
from ..processes import describe_user
from .reading import read_text

FIRST_PID_NAMESPACE = 0xEFFFFFFC
"""The inode of the PID namespace of the host (kernel: ``PROC_PID_INIT_INO``)."""
MOST_LOOKUPS = 500
"""The user and the namespace of at most this number of threads are looked up."""


def read_groups(folder: str, kind: str, span: Span = ALWAYS) -> list[FailedGroup]:
    """The failures within a span, as far as the recorder still knows their details.

    Takes 5 ms for 1,000 failures. Reading does not consume them.
    Raises :class:`SystemReadError`.
    """
    events = parse_events(read_text(f"{folder}/trace"), kind, span)
    requester = _requester_finder()
    return group_events(kind, ((event, requester(event)) for event in events))


def _requester_finder(proc: str = "/proc") -> Callable[[Event], Requester]:
    """A function that returns who made a request. It asks once for each thread."""
    known: dict[tuple[str, int], tuple[Requester, int | None]] = {}
    names = _namespace_names(proc)
    # elsewhere, the numbers of the events are those of other threads
    is_host = _inode(f"{proc}/self/ns/pid") == FIRST_PID_NAMESPACE

    def requester(event: Event) -> Requester:
        thread = event.command, event.thread
        if thread not in known:
            is_asked = is_host and len(known) < MOST_LOOKUPS
            unknown = Requester(event.command), None
            known[thread] = (is_asked and _ask(event, proc)) or unknown
        who, inode = known[thread]
        inode = event.namespace or inode
        if inode is None:
            return who
        return who._replace(namespace=names.get(inode, f"net:[{inode}]"))

    return requester


def _ask(event: Event, proc: str) -> tuple[Requester, int | None] | None:
    """The requester and the inode of its namespace; ``None`` if it has ended."""
    folder = f"{proc}/{event.thread}"
    try:
        command, started = _command_and_start(_read(f"{folder}/stat"))
        is_another = event.command not in ("", command)
        if is_another or started > event.at_seconds:
            return None
        lines = _read(f"{folder}/status").splitlines()
        fields = dict(line.partition(":\t")[::2] for line in lines)
        command = _read(f"{proc}/{fields['Tgid']}/comm").strip()
        user = describe_user(int(fields["Uid"].split()[0]))
    except (OSError, KeyError, ValueError):  # it has just ended
        return None
    return Requester(command, user), _inode(f"{folder}/ns/net")


def _command_and_start(stat: str) -> tuple[str, float]:
    """The name of a thread, and when it started, in seconds since the system did.

    Source: proc_pid_stat(5), fields 2 and 22. A name can contain parentheses.
    """
    head, _, rest = stat.rpartition(")")
    ticks = int(rest.split()[19])
    return head.partition("(")[2].strip(), ticks / os.sysconf("SC_CLK_TCK")


def _namespace_names(proc: str) -> dict[int, str]:
    names = {}
    for folder in NAMED:
        try:
            for entry in os.scandir(folder):
                names[entry.stat().st_ino] = entry.name
        except OSError:  # the folder is missing, or only root can read it
            continue
    own = _inode(f"{proc}/self/ns/net")
    return {**names, **({own: "own"} if own else {})}


def _inode(path: str) -> int | None:
    try:
        return os.stat(path).st_ino
    except OSError:  # it has ended, or belongs to another user
        return None


def _read(path: str) -> str:
    with open(path, "rb") as file:
        return file.read().decode("utf-8", "surrogateescape")
