"""What the pool check learns from the recorder of failed requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from zlib import crc32

from ..model.failed.counts import (
    BIND,
    KINDS,
    TAKEN,
    TCP_CONNECT,
    Counts,
    decode_counts,
    encode_counts,
    failed_since,
)
from ..model.failed.counts import UDP as UDP_BIND
from ..model.failed.requests import FailedGroup, FailedRequests
from ..model.observation import Observation
from ..model.sockets import TCP, UDP
from ..options import Options
from ..system.clock import read_namespace_id
from ..system.deadline import Stopwatch
from ..system.errors import SystemReadError
from ..system.recorder import reading

TYPE_CHECKING = False
if TYPE_CHECKING:  # a run without failures has no events
    from ..model.failed.events import Span

    Keep = Callable[[FailedRequests], None]
    Compared = tuple[FailedRequests, Mapping[str, Span]]

KINDS_OF = {TCP: (TCP_CONNECT, BIND), UDP: (UDP_BIND,), "all": KINDS}
"""The kinds of requests that each value of ``--protocol`` is about."""
LOG_SHARE = 0.3
"""The share of the remaining time in which the log of Windows has to answer."""
NOT_RECORDED = "failed connects are not recorded here (see --recorder)"
NO_ANSWER = "--state-file does not answer"
WAS_DAMAGED = "--state-file was damaged"


def observe_failed(
    observation: Observation,
    path: str | None,
    options: Options,
    stopwatch: Stopwatch,
    keep: Keep,
) -> Observation:
    """The observation with what the recorder of failed requests says.

    ``path``: see :func:`~..system.recorder_path`. What cannot be read becomes a note.
    ``keep`` gets the failures for the case that the state file gives no answer.
    """
    failed, note = None, ""
    try:
        if path:
            failed, note = _read(path, options, stopwatch, keep)
        elif options.state_file:
            failed = _forget(options.state_file, options, stopwatch)
        if path == "":
            note = NOT_RECORDED
    except SystemReadError as error:
        note = f"failed connects: {error}"
    return _with_failed(observation, failed, note, options)


def observe_logged(
    observation: Observation, options: Options, stopwatch: Stopwatch
) -> Observation:
    """The observation with what the log of Windows says about the last hour.

    What cannot be read becomes a note.
    """
    from ..model.failed.log import group_logged, logged_counts
    from ..system.event_log import WINDOW_SECONDS, read_logged_events, run_wevtutil

    limit_seconds = LOG_SHARE * stopwatch.remaining_seconds
    failed, note = None, ""
    try:
        events = read_logged_events(lambda words: run_wevtutil(words, limit_seconds))
        logged = group_logged(events)
        counts = logged_counts(logged, KINDS_OF[options.protocol])
        failed = FailedRequests(counts, window_seconds=WINDOW_SECONDS, logged=logged)
    except SystemReadError as error:
        note = f"failed connects: {error}"
    return _with_failed(observation, failed, note, options)


def _with_failed(
    observation: Observation,
    failed: FailedRequests | None,
    note: str,
    options: Options,
) -> Observation:
    if not failed and (options.failed_warning or options.failed_critical):
        failed = FailedRequests(missing=True)
    sample = observation.sample
    if note:
        sample = sample._replace(notes=[*sample.notes, note])
    return observation._replace(failed=failed, sample=sample)


def _read(
    path: str, options: Options, stopwatch: Stopwatch, keep: Keep
) -> tuple[FailedRequests, str]:
    kinds, note = (*KINDS_OF[options.protocol], TAKEN), ""
    recorded = reading.recorded_kinds(path).items()
    folders = {kind: folder for kind, folder in recorded if kind in kinds}

    def compare(last: str) -> tuple[str, Compared]:
        nonlocal note
        # read while the file is locked, so that no other run counts the same failures
        try:
            now = {kind: reading.read_counts(it) for kind, it in folders.items()}
            # what can fail comes before the counts are kept, because they are then old
            failed, spans = _compared(last, now)
            failed = failed._replace(
                made_seconds_ago=reading.read_age(path),
                paused=any(map(reading.is_paused, folders.values())),
            )
        except SystemReadError as error:
            if not decode_counts(last):
                raise
            note = f"failed connects: {error}"
            return last, (FailedRequests(unreadable=True), {})
        return encode_counts(now), (failed, spans)

    if options.state_file:
        # late: others have no file
        from ..system.state_file import LOCK_SHARE, update_counts

        try:
            keep(compare("")[1][0]._replace(mixed=NO_ANSWER))
        except SystemReadError:  # the next reading decides what that means
            pass
        (failed, spans), not_kept = update_counts(
            options.state_file,
            _check_id(options),
            compare,
            LOCK_SHARE * stopwatch.remaining_seconds,
        )
        failed = failed._replace(mixed=not_kept or failed.mixed)
    else:
        failed, spans = compare("")[1]
    return _with_groups(failed, folders, spans), note


def _with_groups(
    failed: FailedRequests, folders: Mapping[str, str], spans: Mapping[str, Span]
) -> FailedRequests:
    groups: list[FailedGroup] = []
    for kind, folder in folders.items():
        if failed.counts.get(kind) or (kind == TAKEN and failed.taken):
            from ..system.recorder.details import read_groups  # late: it seldom fails

            try:
                groups += read_groups(folder, kind, spans[kind])
            except SystemReadError:  # the counts are worth more than their details
                continue
    return failed._replace(groups=sorted(groups, key=lambda group: -group.failures))


def _compared(last: str, now: Mapping[str, Counts]) -> Compared:
    """The failures since the last run and, by kind, when they happened."""
    before = decode_counts(last)
    since = {
        kind: failed_since(before.get(kind), counts) for kind, counts in now.items()
    }
    counts = {kind: count for kind, (count, _) in since.items()}
    taken = counts.pop(TAKEN, 0)
    # later failures count in the next run
    spans = {kind: (since[kind][1], now[kind].at_seconds) for kind in now}
    mixed = WAS_DAMAGED if last and not before else ""
    return FailedRequests(
        counts, since_last_run=bool(before), mixed=mixed, taken=taken
    ), spans


def _forget(path: str, options: Options, stopwatch: Stopwatch) -> FailedRequests | None:
    """Forget the counts of the last run, since there is no recorder any more."""
    from ..system.state_file import LOCK_SHARE, has_counts, update_counts

    if not has_counts(path):
        return None
    had_one, _ = update_counts(
        path,
        _check_id(options),
        lambda last: ("", bool(decode_counts(last))),
        LOCK_SHARE * stopwatch.remaining_seconds,
    )
    return FailedRequests(gone=True) if had_one else None


def _check_id(options: Options) -> str:
    # Options that change only the output or its time limit don't make another check. A
    # checksum stays short if there are many destinations.
    asked = options._replace(
        verbose=0, top=None, no_advice=False, exit_ok=False, timeout=0
    )
    return f"{read_namespace_id()} {crc32(repr(asked).encode()):08x}"
