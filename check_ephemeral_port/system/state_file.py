"""What earlier runs saw, in a file.

Not nagiosplugin's ``Cookie``: it follows symbolic links, writes in place and with
mode 0644, and makes the run after a corrupt file UNKNOWN.

Locking: ``flock`` on the file itself, which every run replaces by a new one. Who gets
the lock of a file that has been replaced meanwhile tries again with the new one, so
nobody works from what another has outdated. That needs no second file, and nobody
else can hold the lock, since only the owner can open the file.

No ``fsync``: what a crash of the system can lose is of no use after it.
"""

# what Windows' types lack is not reached there
# mypy: disable-error-code="attr-defined"

from __future__ import annotations

import errno
import json
import os
import stat
import time
from collections.abc import Callable, Iterator
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
"""A larger file is none of ours."""
LONGEST_NAME = 1000
MOST_PORTS = 65536
LATEST_SECONDS = 1e12
"""Later than any clock shows."""
LOCK_LIMIT_SECONDS = 5.0
"""Others hold the lock for milliseconds, unless they were stopped."""
LOCK_RETRY_SECONDS = 0.01

PASSING = {
    errno.EDQUOT,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
    errno.ENOSPC,
    errno.EROFS,
    errno.ETIMEDOUT,
}
"""Trouble of the system's, not with the file: what the check sees still stands."""


def update_history(
    path: str,
    change: Callable[[History], tuple[History, Result]],
    platform: str = os.name,
) -> tuple[Result, str]:
    """Replace the history in the file by what ``change`` makes of it.

    Returns what else ``change`` made, and a note: why the file could not be used, as
    on a full disk, or nothing. Content that isn't ours is no history. Raises
    :class:`SystemReadError` if somebody has to mend something: the file belongs to
    another user, is a link, or can't be created.
    """
    if platform != "posix":
        raise SystemReadError("--state-file: this system has no flock()")
    try:
        with _locked(path) as opened:
            history, result = change(decode_history(_content(opened)))
            try:
                _replace(opened, encode_history(history))
            except OSError as error:
                return result, _note(path, error)
            return result, ""
    except OSError as error:
        return change({})[1], _note(path, error)


def _note(path: str, error: OSError) -> str:
    if error.errno not in PASSING:
        raise SystemReadError(f"--state-file {path}: {error.strerror}") from None
    return f"history not kept, {error.strerror}: {path}"


class _Opened(NamedTuple):
    folder: int
    """Descriptor; names are looked up in it, whatever happens to the path."""
    name: str
    file: int


@contextmanager
def _locked(path: str) -> Iterator[_Opened]:
    folder_path, name = os.path.split(path)
    access = getattr(os, "O_PATH", os.O_RDONLY)  # search permission is enough
    folder = os.open(folder_path or ".", access | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _refuse_folder(path, os.fstat(folder))
        give_up = time.monotonic() + LOCK_LIMIT_SECONDS
        while True:
            file = _open(path, folder, name)
            try:
                if _lock(file) and _is_current(folder, name, file):
                    yield _Opened(folder, name, file)
                    return
            finally:
                os.close(file)
            if time.monotonic() > give_up:
                raise OSError(errno.ETIMEDOUT, "another check has locked it")
            time.sleep(LOCK_RETRY_SECONDS)
    finally:
        os.close(folder)


def _open(path: str, folder: int, name: str) -> int:
    with suppress(FileNotFoundError):
        # before open(), which has no telling words for it, and may wait for a FIFO
        _refuse_file(path, os.stat(name, dir_fd=folder, follow_symlinks=False))
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    file = os.open(name, flags, 0o600, dir_fd=folder)
    try:
        _refuse_file(path, os.fstat(file))
    except SystemReadError:
        os.close(file)
        raise
    return file


def _refuse_file(path: str, found: os.stat_result) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise SystemReadError(f"--state-file {path} is a symbolic link")
    if not stat.S_ISREG(found.st_mode):
        raise SystemReadError(f"--state-file {path} is not a regular file")
    if found.st_uid != os.geteuid():
        raise SystemReadError(f"--state-file {path} belongs to another user")


def _refuse_folder(path: str, found: os.stat_result) -> None:
    # in a sticky one (/tmp) others can't replace a file; a group is its admin's choice
    if found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
        raise SystemReadError(f"--state-file {path}: every user can replace it there")


def _lock(file: int) -> bool:
    from fcntl import LOCK_EX, LOCK_NB, flock

    try:
        flock(file, LOCK_EX | LOCK_NB)
    except BlockingIOError:  # another check has it
        return False
    return True


def _is_current(folder: int, name: str, file: int) -> bool:
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:  # somebody has removed it
        return False
    return os.path.samestat(found, os.fstat(file))


def _content(opened: _Opened) -> bytes:
    with open(opened.file, "rb", closefd=False) as file:
        return file.read(MOST_BYTES + 1)


def _replace(opened: _Opened, data: bytes) -> None:
    # one name, so that runs which are killed leave one file at most
    new = f"{opened.name}.new"
    at = {"dir_fd": opened.folder}
    with suppress(FileNotFoundError):
        os.unlink(new, **at)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with open(os.open(new, flags, 0o600, **at), "wb") as file:
            file.write(data)
        os.rename(new, opened.name, src_dir_fd=opened.folder, dst_dir_fd=opened.folder)
    except OSError:
        with suppress(OSError):  # the first error is the one that tells
            os.unlink(new, **at)
        raise


def encode_history(history: History) -> bytes:
    """The file's content."""
    series = {
        name: {
            "boot": boot,
            "pool": pool,
            "points": [[round(up, 3), round(wall, 3), n] for up, wall, n in points],
        }
        for name, (boot, pool, points) in history.items()
    }
    content = {"version": VERSION, "series": series}
    return json.dumps(content, separators=(",", ":")).encode("ascii")


def decode_history(data: bytes) -> History:
    """The history from the file's content; none if the content isn't wholly ours."""
    if len(data) > MOST_BYTES:
        return {}
    try:
        content = json.loads(data, parse_int=_integer, parse_constant=_refuse_constant)
        if content["version"] != VERSION:
            return {}
        series = content["series"].items()
        return {_text(name): _series(**fields) for name, fields in series}
    # all that foreign JSON can lead to; RecursionError: nested too deep
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return {}


def _series(boot: Any, pool: Any, points: Any) -> Series:
    if len(points) > MOST_POINTS:
        raise ValueError("too many points")
    # sorted, since rounding may have changed the order of the closest
    return Series(_text(boot), _text(pool), tuple(sorted(_point(*p) for p in points)))


def _point(uptime: Any, wall: Any, used: Any) -> Point:
    if not (isinstance(used, int) and 0 <= used <= MOST_PORTS):
        raise ValueError("no number of ports")
    return Point(_seconds(uptime), _seconds(wall), int(used))


def _seconds(value: Any) -> float:
    if isinstance(value, (int, float)) and 0 <= value <= LATEST_SECONDS:
        return float(value)
    raise ValueError("no time")


def _text(value: Any) -> str:
    if isinstance(value, str) and len(value) <= LONGEST_NAME:
        return value
    raise ValueError("no name")


def _integer(text: str) -> int:
    if len(text) > 15:  # converting thousands of digits takes its time
        raise ValueError("no number of ours")
    return int(text)


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")
