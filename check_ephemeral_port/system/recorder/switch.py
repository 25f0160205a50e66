"""Switches the recorder of failed requests on and off. That needs root."""

# what Windows' types lack is not reached there
# mypy: disable-error-code="attr-defined"

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ...model.failed.recorder import KindStatus
from .. import RECORDER_FOLDERS, recorder_name
from ..errors import SystemReadError
from .definitions import WAYS
from .mounts import group_id, let_group_read, mount_recorder, unmount_recorder
from .reading import SUFFIXES, read_counts, read_text

TRACEFS = "/sys/kernel/tracing"
RING_KIB = 64
"""Size of the ring of one CPU. It keeps about 850 failures in detail."""
BUSY_LIMIT_SECONDS = 5.0
"""A program that reads the recorder can delay its end for this time."""


def switch_on(group: str | None = None, tracefs: str = TRACEFS) -> list[KindStatus]:
    """Record failed requests until the system stops, or until :func:`switch_off`.

    What is on already stays as it is. Members of ``group`` can read the record
    afterwards; ``None`` leaves that as it is. Returns the status of each kind; bind()
    and UDP are not recorded where the kernel refuses a probe.
    Raises :class:`SystemReadError` if connect() cannot be recorded. Then nothing is on
    that was not on before.
    """
    gid = group_id(group) if group else None
    _require(tracefs)
    return [_switch_kind_on(_Place(tracefs, kind), gid) for kind in SUFFIXES]


def switch_off(tracefs: str = TRACEFS) -> list[KindStatus]:
    """Stop recording, and remove everything that :func:`switch_on` has made.

    Raises :class:`SystemReadError`.
    """
    _require(tracefs)
    return [_switch_kind_off(_Place(tracefs, kind)) for kind in reversed(SUFFIXES)]


def read_status(tracefs: str = TRACEFS) -> list[KindStatus]:
    """The status of each kind. Raises :class:`SystemReadError`."""
    _require(tracefs)
    return [_status(_Place(tracefs, kind)) for kind in SUFFIXES]


class _Place:
    """The paths of one kind of request."""

    def __init__(self, tracefs: str, kind: str) -> None:
        name = recorder_name()
        self.kind, self.way, self.tracefs = kind, WAYS[kind], tracefs
        self.instance = f"{tracefs}/instances/{name}{SUFFIXES[kind]}"
        self.event = self.way.event or f"{name}/{kind}"
        self.probe = "" if self.way.event else f"{tracefs}/events/{self.event}"
        self.target = f"{RECORDER_FOLDERS[0]}/{name}{SUFFIXES[kind]}"

    @property
    def is_on(self) -> bool:
        enable = f"{self.instance}/events/{self.event}/enable"
        return os.path.exists(enable) and read_text(enable).startswith("1")


def _require(tracefs: str) -> None:
    if os.geteuid():
        raise SystemReadError("--recorder is for root only")
    if os.path.isdir(f"{tracefs}/instances"):
        return
    reason = f"tracefs is not mounted at {tracefs}"
    try:
        with open("/sys/kernel/security/lockdown", encoding="ascii") as file:
            if "[confidentiality]" in file.read():
                reason = "the lockdown mode confidentiality forbids it"
    except OSError:  # the kernel has no lockdown
        pass
    raise SystemReadError(f"cannot record failed requests: {reason}")


def _switch_kind_on(place: _Place, gid: int | None) -> KindStatus:
    if place.is_on:
        with _system_errors():
            _open_to_readers(place, gid)
        return _status(place)
    refused = _define(place)
    if place.probe and not os.path.exists(place.probe):
        return KindStatus(place.kind, False, refused=refused)
    try:
        with _system_errors(), _undone_if_it_fails(place):
            _start(place)
            _open_to_readers(place, gid)
    except SystemReadError as error:
        if not place.probe:
            raise
        return KindStatus(place.kind, False, refused=[*refused, str(error)])
    return _status(place)._replace(is_changed=True, refused=refused)


def _open_to_readers(place: _Place, gid: int | None) -> None:
    if gid is not None:
        let_group_read(place.instance, gid)
    mount_recorder(place.instance, place.target)


def _start(place: _Place) -> None:
    instance = place.instance
    events = f"{instance}/events/{place.event}"
    os.makedirs(instance, exist_ok=True)
    if not os.path.isdir(events):
        raise SystemReadError(f"this kernel has no event {place.event}")
    _write(f"{instance}/buffer_size_kb", str(RING_KIB))
    _write(f"{instance}/trace_clock", "boot")
    _write(f"{events}/filter", place.way.filter)
    _write(f"{events}/enable", "1")


@contextmanager
def _undone_if_it_fails(place: _Place) -> Iterator[None]:
    try:
        yield
    except BaseException:
        _remove(place)
        raise


def _define(place: _Place) -> list[str]:
    """Define the probe of an event. Returns what the kernel has refused."""
    refused = []
    for probe in place.way.probes:
        if os.path.exists(place.probe):
            break
        try:
            for text in probe.texts:
                _append_event(place, f"{probe.letter}:{place.event} {text}")
        except OSError as error:
            refused.append(f"{probe.name}: {error.strerror}")
            _remove_event(place)  # the kernel can have taken some of the functions
    return refused


def _switch_kind_off(place: _Place) -> KindStatus:
    was_on = os.path.isdir(place.instance)
    with _system_errors():
        _remove(place)
    return KindStatus(place.kind, False, is_changed=was_on)


def _remove(place: _Place) -> None:
    unmount_recorder(place.target)
    end = time.monotonic() + BUSY_LIMIT_SECONDS
    while os.path.isdir(place.instance):
        try:
            os.rmdir(place.instance)
        except OSError:  # another program reads it just now
            if time.monotonic() > end:
                raise
            time.sleep(0.01)
    _remove_event(place)


def _remove_event(place: _Place) -> None:
    if place.probe and os.path.isdir(place.probe):
        _append_event(place, f"-:{place.event}")


def _status(place: _Place) -> KindStatus:
    if not place.is_on:
        return KindStatus(place.kind, False)
    counts = read_counts(place.instance)
    failed = sum(count.total for count in counts.cpus.values())
    return KindStatus(place.kind, True, failed=failed)


@contextmanager
def _system_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}"
        raise SystemReadError(f"cannot record failed requests: {reason}") from None


def _write(path: str, text: str) -> None:
    _put(path, text, os.O_WRONLY)


def _append_event(place: _Place, command: str) -> None:
    # without O_APPEND, it would remove the probes of others; not open(path, "a"): it
    # seeks to the end, which these files refuse
    _put(f"{place.tracefs}/dynamic_events", command, os.O_WRONLY | os.O_APPEND)


def _put(path: str, text: str, flags: int) -> None:
    file = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.write(file, text.encode("ascii"))  # in one write(): each is a command
    except OSError as error:
        error.filename = path
        raise
    finally:
        os.close(file)
