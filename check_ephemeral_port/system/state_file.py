"""The file with the history of earlier runs, and with what a recorder had counted.

nagiosplugin's ``Cookie`` is not suitable. It follows symbolic links, writes in place
and with mode 0644, and the run after a corrupt file is UNKNOWN.

Locking: each run takes ``flock`` on the file, then replaces the file by a new one. A
run that waited for the lock may then hold the lock of a replaced file; it tries again
with the new file. So no run uses an outdated history. This needs no second file. No
other user can hold the lock, because only the user of the check can open the file.

The new file has a random name, so that no other user can be there first, not even in
``/tmp``. A run that is killed leaves it behind; the next run removes it.

There is no ``fsync``: after a crash of the system the history is useless anyway.
"""

# Windows has no types for some functions here, but never calls them
# mypy: disable-error-code="attr-defined"

from __future__ import annotations

import errno
import json
import os
import re
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from ..model.forecast.trend import MOST_POINTS, History, Point, Series
from ..model.records import NamedTuple
from .errors import SystemReadError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn, TypeVar

    Result = TypeVar("Result")

VERSION = 1
MOST_BYTES = 1_000_000
"""A larger file is not from this check."""
LONGEST_NAME = 1000
LONGEST_COUNTS = 150_000
"""Longer counts of a recorder are not kept. These are those of about 1,500 CPUs."""
MOST_COUNTS = 450_000
"""The counts of all checks together are at most this long. With 8 CPUs these are about
300 checks; if there are more, those of the latest runs are kept."""
DAMAGED = "damaged"
"""Stands for counts that are lost, since the content of the file is foreign."""
MOST_PORTS = 65536
LATEST_SECONDS = 1e12
"""No clock shows a later time."""
LOCK_SHARE = 0.1
"""The share of the remaining time that a run waits for another one."""
LOCK_RETRY_SECONDS = 0.01
MODE = 0o600
"""Only its owner can read and write the file."""
NEW = ".new"
"""How the name of an unfinished file ends."""

TOLERATED_ERRORS = {
    errno.EDQUOT,
    errno.EEXIST,
    errno.EFBIG,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
    errno.ENOSPC,
    errno.EROFS,
    errno.ETIMEDOUT,
}
"""Errors of the system, not of the file. They can pass."""


class NotWritable(SystemReadError):
    """The user of the check is not allowed to write the file."""


def update_history(
    path: str,
    change: Callable[[History], tuple[History, Result]],
    limit_seconds: float,
    platform: str = os.name,
) -> tuple[Result, str]:
    """Replace the history in the file by the one that ``change`` returns.

    Returns the other result of ``change`` and a note. The note is empty, or says why
    the history was not kept, such as a full disk. Foreign content counts as an empty
    history, and so does a file that another run has locked for ``limit_seconds``: the
    others hold the lock for milliseconds only, unless they are stopped.
    Raises :class:`NotWritable`, or another :class:`SystemReadError` if the
    administrator has to fix something: the file belongs to another user, is a link, or
    has no folder.
    """

    def change_history(state: _State) -> tuple[_State, Result]:
        history, result = change(state.history)
        return state._replace(history=history), result

    result, error = _update(path, change_history, limit_seconds, platform)
    return result, f"history not kept, {error.strerror}: {path}" if error else ""


def update_counts(
    path: str,
    check_id: str,
    change: Callable[[str], tuple[str, Result]],
    limit_seconds: float,
    platform: str = os.name,
) -> tuple[Result, str]:
    """Replace what a recorder had counted at the last run of one check.

    Like :func:`update_history`, but ``change`` gets and returns a text. It is empty if
    there was no recorder, and :data:`DAMAGED` if the content of the file is foreign.
    Whatever is wrong with the file, ``change`` gets what can be read of it, and the
    second text says why its own text was not kept.
    """
    too_long = False

    def change_counts(state: _State) -> tuple[_State, Result]:
        nonlocal too_long
        counts = dict(state.counts)
        text, result = change(counts.pop(check_id, DAMAGED if state.is_foreign else ""))
        too_long = len(text) > LONGEST_COUNTS
        if text and not too_long:
            counts[check_id] = text
        return state._replace(counts=_latest(counts)), result

    try:
        result, error = _update(path, change_counts, limit_seconds, platform, True)
    except SystemReadError as problem:  # the administrator has to fix it
        return change_counts(_read_unlocked(path, platform))[1], str(problem)
    if error:
        return result, f"--state-file {path}: {error.strerror}"
    return result, f"--state-file {path}: too many CPUs" if too_long else ""


def _latest(counts: Mapping[str, str]) -> Mapping[str, str]:
    kept, length = {}, 0
    for check_id, text in reversed(list(counts.items())):
        length += len(check_id) + len(text)
        if length <= MOST_COUNTS:
            kept[check_id] = text
    return dict(reversed(list(kept.items())))


def has_counts(path: str) -> bool:
    """Whether the file may have the counts of a recorder. Takes no lock."""
    if os.name != "posix":
        return False
    try:
        # neither follow a link, nor wait for the writer of a FIFO
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(file, "rb") as content:
            return b'"counts"' in content.read(MOST_BYTES)
    except OSError:  # update_history() has said so
        return False


def _update(
    path: str,
    change: Callable[[_State], tuple[_State, Result]],
    limit_seconds: float,
    platform: str,
    reads_unlocked: bool = False,
) -> tuple[Result, OSError | None]:
    """The other result of ``change``, and the error for which its state is not kept.

    Raises :class:`SystemReadError`.
    """
    if platform != "posix":
        raise SystemReadError("--state-file: this system has no flock()")
    try:
        with _locked(path, limit_seconds) as locked_file:
            state, result = change(_decode(_read_content(locked_file)))
            # before the new file gets its name, because others can then lock it
            _remove_leftovers(locked_file)
            try:
                _replace(locked_file, _encode(state))
            except OSError as error:
                return result, _tolerated(path, error)
            return result, None
    except OSError as error:
        tolerated = _tolerated(path, error)
        state = _read_unlocked(path, platform) if reads_unlocked else _NOTHING
        return change(state)[1], tolerated


def _read_unlocked(path: str, platform: str) -> _State:
    """What is in the file, without its lock; nothing if it cannot be trusted.

    The content is whole, because each run replaces the file.
    """
    if platform != "posix":
        return _NOTHING
    try:
        _check_folder(path, os.stat(os.path.dirname(path) or "."))
        # neither follow a link, nor wait for the writer of a FIFO
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(file, "rb") as content:
            _check_file(path, os.fstat(file))
            return _decode(content.read(MOST_BYTES + 1))
    except (OSError, SystemReadError):  # the caller has said so
        return _NOTHING


class _State(NamedTuple):
    history: History
    counts: Mapping[str, str]
    """What a recorder had counted at the last run of each check, as text."""
    is_foreign: bool = False
    """Whether the file has other content than a state."""


_NOTHING = _State({}, {})
_FOREIGN = _State({}, {}, is_foreign=True)


def _tolerated(path: str, error: OSError) -> OSError:
    if error.errno not in TOLERATED_ERRORS:
        if error.errno in (errno.EACCES, errno.EPERM):
            reason = f"{error.strerror}, {_denied(os.path.dirname(path) or '.')}"
            raise NotWritable(f"--state-file {path}: {reason}") from None
        folder = os.path.dirname(path)
        if error.errno == errno.ENOENT and folder and not os.path.exists(folder):
            raise SystemReadError(f"--state-file {path}: there is no folder {folder}")
        raise SystemReadError(f"--state-file {path}: {error.strerror}") from None
    return error


def _denied(folder: str) -> str:
    """Who is denied what, and what to do about it."""
    user = _user(os.geteuid())
    by_effective = os.access in os.supports_effective_ids
    if os.access(folder, os.W_OK | os.X_OK, effective_ids=by_effective):
        return f"{user} runs the check"
    write = f"{user} runs the check and is not allowed to write in {folder}"
    return f"{write}, name a file in a folder of {user}"


def _user(uid: int) -> str:
    from .processes import describe_user  # late: only for an error

    return describe_user(uid)


class _LockedFile(NamedTuple):
    folder: int
    """A descriptor. It stays valid even if the path changes."""
    name: str
    file: int


@contextmanager
def _locked(path: str, limit_seconds: float) -> Iterator[_LockedFile]:
    folder_path, name = os.path.split(path)
    access = getattr(os, "O_PATH", os.O_RDONLY)  # search permission is enough
    folder = os.open(folder_path or ".", access | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _check_folder(path, os.fstat(folder))
        deadline = time.monotonic() + limit_seconds
        while True:
            file = _open(path, folder, name)
            try:
                if _lock(file) and _is_current(folder, name, file):
                    yield _LockedFile(folder, name, file)
                    return
            finally:
                os.close(file)
            if time.monotonic() > deadline:
                raise OSError(errno.ETIMEDOUT, "another check has locked it")
            time.sleep(LOCK_RETRY_SECONDS)
    finally:
        os.close(folder)


def _open(path: str, folder: int, name: str) -> int:
    with suppress(FileNotFoundError):  # open() makes the file
        # before open(), which can block on a FIFO and has less clear error messages
        _check_file(path, os.stat(name, dir_fd=folder, follow_symlinks=False))
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    file = os.open(name, flags, MODE, dir_fd=folder)
    try:
        _check_file(path, os.fstat(file))
    except SystemReadError:
        os.close(file)
        raise
    return file


def _check_file(path: str, found: os.stat_result) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise SystemReadError(f"--state-file {path} is a symbolic link")
    if stat.S_ISDIR(found.st_mode):
        raise SystemReadError(f"--state-file {path} is a folder, name a file in it")
    if not stat.S_ISREG(found.st_mode):
        raise SystemReadError(f"--state-file {path} is not a regular file")
    if found.st_uid != os.geteuid():
        raise SystemReadError(f"--state-file {path} {_foreign(path, found)}")


def _foreign(path: str, found: os.stat_result) -> str:
    """Whose file it is, who runs the check, and what to do about it."""
    from shlex import quote

    owner, user = _user(found.st_uid), _user(os.geteuid())
    fix = "name another file"
    # as the check makes it: other files, such as /etc/passwd, must keep their owner
    if stat.S_IMODE(found.st_mode) == MODE:
        fix = f"as root run chown {user.split()[-1]} {quote(path)}"
    return f"belongs to {owner}, but {user} runs the check, {fix}"


def _check_folder(path: str, found: os.stat_result) -> None:
    # a sticky folder (/tmp) protects the file; a group is the administrator's choice
    if found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
        raise SystemReadError(f"--state-file {path}: every user can replace it there")


def _lock(file: int) -> bool:
    from fcntl import LOCK_EX, LOCK_NB, flock

    try:
        flock(file, LOCK_EX | LOCK_NB)
    except BlockingIOError:  # another check holds it
        return False
    return True


def _is_current(folder: int, name: str, file: int) -> bool:
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:  # another process removed it
        return False
    return os.path.samestat(found, os.fstat(file))


def _read_content(locked_file: _LockedFile) -> bytes:
    with open(locked_file.file, "rb", closefd=False) as file:
        return file.read(MOST_BYTES + 1)


def _replace(locked_file: _LockedFile, data: bytes) -> None:
    new = f"{locked_file.name}.{os.urandom(8).hex()}{NEW}"
    at = {"dir_fd": locked_file.folder}
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with open(os.open(new, flags, MODE, **at), "wb") as file:
            file.write(data)
        os.rename(
            new,
            locked_file.name,
            src_dir_fd=locked_file.folder,
            dst_dir_fd=locked_file.folder,
        )
    except OSError:
        with suppress(OSError):  # the first error is the cause
            os.unlink(new, **at)
        raise


def _remove_leftovers(locked_file: _LockedFile) -> None:
    """Remove the unfinished files of killed runs.

    No other run is writing one now, because this run has the lock.
    """
    named_like = re.compile(re.escape(locked_file.name) + r"\.[0-9a-f]{16}" + NEW)
    at = {"dir_fd": locked_file.folder}
    with suppress(OSError):  # the folder cannot be listed, or the file is not ours
        folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY, **at)
        try:
            names = os.listdir(folder)
        finally:
            os.close(folder)
        for name in filter(named_like.fullmatch, names):
            if os.stat(name, follow_symlinks=False, **at).st_uid == os.geteuid():
                os.unlink(name, **at)


def encode_history(history: History) -> bytes:
    """The content of the file for a history."""
    return _encode(_State(history, {}))


def _encode(state: _State) -> bytes:
    series = {
        name: {
            "boot": boot,
            "pool": pool,
            "points": [[round(up, 3), round(wall, 3), n] for up, wall, n in points],
        }
        for name, (boot, pool, points) in state.history.items()
    }
    content = {"version": VERSION, "series": series}
    if state.counts:
        content["counts"] = state.counts
    return json.dumps(content, separators=(",", ":")).encode("ascii")


def decode_history(data: bytes) -> History:
    """The history in the content of the file; empty if any part of it is foreign."""
    return _decode(data).history


def _decode(data: bytes) -> _State:
    if not data:  # the file is new
        return _NOTHING
    if len(data) > MOST_BYTES:
        return _FOREIGN
    try:
        content = json.loads(data, parse_int=_integer, parse_constant=_refuse_constant)
        if content["version"] != VERSION:
            return _FOREIGN
        series = content["series"].items()
        history = {_text(name): _series(**fields) for name, fields in series}
        counts = content.get("counts", {}).items()
        limit = LONGEST_COUNTS
        return _State(history, {_text(n): _text(text, limit) for n, text in counts})
    # the errors that foreign JSON causes; RecursionError: nested too deep
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return _FOREIGN


def _series(boot: Any, pool: Any, points: Any) -> Series:
    if len(points) > MOST_POINTS:
        raise ValueError("too many points")
    # sorted, because rounding can change the order of points that are close
    return Series(_text(boot), _text(pool), tuple(sorted(_point(*p) for p in points)))


def _point(uptime: Any, wall: Any, used: Any) -> Point:
    if not (isinstance(used, int) and 0 <= used <= MOST_PORTS):
        raise ValueError("no number of ports")
    return Point(_seconds(uptime), _seconds(wall), int(used))


def _seconds(value: Any) -> float:
    if isinstance(value, (int, float)) and 0 <= value <= LATEST_SECONDS:
        return float(value)
    raise ValueError("no time")


def _text(value: Any, longest: int = LONGEST_NAME) -> str:
    if isinstance(value, str) and len(value) <= longest:
        return value
    raise ValueError("no name")


def _integer(text: str) -> int:
    if len(text) > 15:  # converting thousands of digits takes long
        raise ValueError("no number of ours")
    return int(text)


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")
