"""Makes a recorder readable for a group, without the rest of tracefs.

Only root can enter ``/sys/kernel/tracing``. So the folder of the recorder is mounted
at another place, read-only, and its files get a group. They show the failed requests of
all users, but nothing of other tracers.
"""

# what Windows' types lack is not reached there
# mypy: disable-error-code="attr-defined"

from __future__ import annotations

import os

from ..errors import SystemReadError

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND = 32, 4096
MNT_DETACH = 2
GROUP_READABLE = ("trace", "tracing_on")
GROUP_MODE, GROUP_FOLDER_MODE = 0o440, 0o750


def mount_recorder(instance: str, target: str) -> None:
    """Mount an instance read-only. Does nothing if it is mounted there already.

    Raises :class:`SystemReadError`.
    """
    if os.path.exists(target) and os.path.samefile(instance, target):
        return
    unmount_recorder(target)  # of an instance that no longer exists
    os.makedirs(target)
    # with any umask; what is mounted below has permissions of its own
    os.chmod(os.path.dirname(target), 0o755)  # noqa: S103 # all can pass through it
    _mount(instance, target, MS_BIND)
    only_reading = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC
    _mount("none", target, MS_REMOUNT | MS_BIND | only_reading)


def unmount_recorder(target: str) -> None:
    """Undo :func:`mount_recorder`. Does nothing if nothing is mounted there.

    Raises :class:`SystemReadError`.
    """
    import ctypes

    while os.path.ismount(target):
        if ctypes.CDLL(None, use_errno=True).umount2(os.fsencode(target), MNT_DETACH):
            reason = os.strerror(ctypes.get_errno())
            raise SystemReadError(f"cannot unmount {target}: {reason}")
    if os.path.isdir(target):
        os.rmdir(target)
        _remove_if_empty(os.path.dirname(target))


def _mount(source: str, target: str, flags: int) -> None:
    import ctypes

    mount = ctypes.CDLL(None, use_errno=True).mount
    mount.argtypes = [ctypes.c_char_p] * 3 + [ctypes.c_ulong, ctypes.c_char_p]
    if mount(os.fsencode(source), os.fsencode(target), None, flags, None):
        reason = os.strerror(ctypes.get_errno())
        raise SystemReadError(f"cannot mount {source} at {target}: {reason}")


def _remove_if_empty(folder: str) -> None:
    try:
        os.rmdir(folder)
    except OSError:  # there is another recorder
        pass


def group_id(name: str) -> int:
    """The number of a group. Raises :class:`SystemReadError` if there is none."""
    from grp import getgrnam

    try:
        return int(getgrnam(name).gr_gid)
    except KeyError:
        raise SystemReadError(f"--recorder-group there is no group {name!r}") from None


def let_group_read(instance: str, gid: int) -> None:
    """Let a group read what a recorder counts and its failures, and nothing else.

    ``trace_pipe`` stays closed, because reading it takes the failures away from others.
    """
    per_cpu = f"{instance}/per_cpu"
    cpus = [f"{per_cpu}/{name}" for name in os.listdir(per_cpu)]
    for folder in (instance, per_cpu, *cpus):
        os.chown(folder, -1, gid)
        os.chmod(folder, GROUP_FOLDER_MODE)
    readable = [f"{instance}/{name}" for name in GROUP_READABLE]
    for path in (*readable, *(f"{cpu}/stats" for cpu in cpus)):
        os.chown(path, -1, gid)
        os.chmod(path, GROUP_MODE)
