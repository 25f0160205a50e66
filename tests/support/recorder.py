"""A recorder of failed requests for one test.

tracefs is one for the whole kernel, so a test has a recorder with a name of its own. It
lives in a mount namespace with an empty ``/run``. Other programs of the host fail, too:
:func:`record_only` narrows the recorder to a destination.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Callable

from check_ephemeral_port.model.failed.counts import TCP_CONNECT
from check_ephemeral_port.system import RECORDER_VARIABLE, recorder_path
from check_ephemeral_port.system.recorder.definitions import WAYS
from tests.support.namespace import CLONE_NEWNS, unshare
from tests.support.sockets import (
    connect,
    held_connections,
    reset_at_close,
    successes_until_refused,
)

TRACEFS = Path("/sys/kernel/tracing")
NO_RECORDER = "no_recorder_in_this_test"
"""The name that all other tests use, so that a recorder of the host changes nothing."""

MOUNT_TRACEFS = f"[ -d {TRACEFS}/instances ] || mount -t tracefs nodev {TRACEFS}"
"""A shell command. Most hosts have it mounted."""
_SWITCH_OFF = (
    "from check_ephemeral_port.system.recorder.switch import switch_off; switch_off()"
)


def new_name(prefix: str = "test") -> str:
    """A name that no other process has."""
    return f"{prefix}_{os.getpid()}"


def remove_abandoned(prefix: str) -> None:
    """Remove the recorders with names by this prefix whose processes were killed."""
    command = f"{MOUNT_TRACEFS}; ls {TRACEFS}/instances"
    listed = subprocess.check_output(
        ["unshare", "--mount", "sh", "-c", command], text=True
    )
    for pid in set(re.findall(rf"^{prefix}_([0-9]+)", listed, re.MULTILINE)):
        if not os.path.exists(f"/proc/{pid}"):
            remove_recorder(f"{prefix}_{pid}")


def with_tracefs(name: str, body: Callable[[], None]) -> Callable[[], None]:
    """A function that runs ``body`` with tracefs, an empty ``/run``, and this name."""

    def prepared() -> None:
        unshare(CLONE_NEWNS)
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
        enter_tracefs(name)
        body()

    return prepared


def enter_tracefs(name: str) -> None:
    """Mount tracefs in this process's mount namespace, and use this name."""
    subprocess.run(["sh", "-c", MOUNT_TRACEFS], check=True)
    os.environ[RECORDER_VARIABLE] = name


def remove_recorder(name: str) -> None:
    """Remove what a test has left behind, even if it was killed."""
    command = f'{MOUNT_TRACEFS}; exec "$0" -c "{_SWITCH_OFF}"'
    subprocess.run(
        ["unshare", "--mount", "sh", "-c", command, sys.executable],
        env={**os.environ, RECORDER_VARIABLE: name},
        check=True,
    )


def instance(suffix: str = "") -> Path:
    """The folder of this test's recorder in tracefs."""
    return TRACEFS / "instances" / (os.environ[RECORDER_VARIABLE] + suffix)


def path() -> str:
    """The folder where a check reads this test's recorder."""
    found = recorder_path()
    assert found, "there is no recorder"
    return found


def own_port() -> int:
    """A port outside of the usual ranges that no other running test has."""
    return 10000 + int(instance().name.rpartition("_")[2]) % 20000


def record_only(port: int) -> None:
    """Record only connects to this port."""
    file = instance() / "events/sock/inet_sock_set_state/filter"
    file.write_text(f"{WAYS[TCP_CONNECT].filter} && dport == {port}")
    clear()  # a test that runs beside this one may have failed before that


def fail(port: int, times: int) -> None:
    """Use up a range of 40 ports for a moment, and let further connects fail."""
    remote = ("127.0.0.1", port)
    with held_connections(40, remote) as clients:
        for _ in range(times):
            assert successes_until_refused(lambda: connect(remote)) == 0
        for client in clients:
            reset_at_close(client)


def clear() -> None:
    """Clear the record, as ``echo > trace`` does."""
    (instance() / "trace").write_text("\n")
