"""What the pool check learns from the recorder of failed requests."""

from __future__ import annotations

from collections.abc import Mapping
from zlib import crc32

from ..model.failed.counts import (
    BIND,
    KINDS,
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

KINDS_OF = {TCP: (TCP_CONNECT, BIND), UDP: (UDP_BIND,), "all": KINDS}
"""The kinds of requests that each value of ``--protocol`` is about."""
NOT_RECORDED = "failed connects are not recorded here (see --recorder)"


def observe_failed(
    observation: Observation,
    path: str | None,
    options: Options,
    stopwatch: Stopwatch,
) -> Observation:
    """The observation with what the recorder of failed requests says.

    ``path``: see :func:`~..system.recorder_path`. What cannot be read becomes a note.
    """
    failed, note = None, ""
    try:
        if path:
            failed, note = _read(path, options, stopwatch)
        elif options.state_file:
            failed, note = _forget(options.state_file, options, stopwatch)
        if path == "" and not note:
            note = NOT_RECORDED
    except SystemReadError as error:
        note = f"failed connects: {error}"
    if not failed and (options.failed_warning or options.failed_critical):
        failed = FailedRequests(missing=True)
    sample = observation.sample
    if note and note not in sample.notes:
        sample = sample._replace(notes=[*sample.notes, note])
    return observation._replace(failed=failed, sample=sample)


def _read(
    path: str, options: Options, stopwatch: Stopwatch
) -> tuple[FailedRequests, str]:
    kinds, note = KINDS_OF[options.protocol], ""
    recorded = reading.recorded_kinds(path).items()
    folders = {kind: folder for kind, folder in recorded if kind in kinds}

    def compare(last: str) -> tuple[str, tuple[FailedRequests, Mapping[str, Span]]]:
        # read while the file is locked, so that no other run counts the same failures
        now = {kind: reading.read_counts(folder) for kind, folder in folders.items()}
        failed, spans = _compared(last, now)
        # what can fail comes before the counts are kept, because they are then old
        failed = failed._replace(
            made_seconds_ago=reading.read_age(path),
            paused=any(map(reading.is_paused, folders.values())),
        )
        return encode_counts(now), (failed, spans)

    if options.state_file:
        # late: others have no file
        from ..system.state_file import LOCK_SHARE, update_counts

        (failed, spans), note = update_counts(
            options.state_file,
            _check_id(options),
            compare,
            LOCK_SHARE * stopwatch.remaining_seconds,
        )
    else:
        failed, spans = compare("")[1]
    return failed._replace(groups=_groups(folders, failed.counts, spans)), note


def _groups(
    folders: Mapping[str, str], counts: Mapping[str, int], spans: Mapping[str, Span]
) -> list[FailedGroup]:
    groups: list[FailedGroup] = []
    for kind, folder in folders.items():
        if counts[kind]:
            from ..system.recorder.details import read_groups  # late: it seldom fails

            try:
                groups += read_groups(folder, kind, spans[kind])
            except SystemReadError:  # the counts are worth more than their details
                continue
    return sorted(groups, key=lambda group: -group.failures)


def _compared(
    last: str, now: Mapping[str, Counts]
) -> tuple[FailedRequests, Mapping[str, Span]]:
    """The failures since the last run and, by kind, when they happened."""
    before = decode_counts(last)
    since = {
        kind: failed_since(before.get(kind), counts) for kind, counts in now.items()
    }
    counts = {kind: count for kind, (count, _) in since.items()}
    # later failures count in the next run
    spans = {kind: (since[kind][1], now[kind].at_seconds) for kind in now}
    return FailedRequests(counts, since_last_run=bool(before)), spans


def _forget(
    path: str, options: Options, stopwatch: Stopwatch
) -> tuple[FailedRequests | None, str]:
    """Forget the counts of the last run, since there is no recorder any more."""
    from ..system.state_file import LOCK_SHARE, has_counts, update_counts

    if not has_counts(path):
        return None, ""
    had_one, note = update_counts(
        path,
        _check_id(options),
        lambda last: ("", bool(last)),
        LOCK_SHARE * stopwatch.remaining_seconds,
    )
    return (FailedRequests(gone=True) if had_one else None), note


def _check_id(options: Options) -> str:
    # Options that change only the output don't make another check. A checksum stays
    # short if there are many destinations.
    asked = options._replace(verbose=0, top=None, no_advice=False, exit_ok=False)
    return f"{read_namespace_id()} {crc32(repr(asked).encode()):08x}"
