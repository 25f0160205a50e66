"""A network namespace for one test, with an ephemeral range of its own.

The test runs in a forked child that has moved into new user and network namespaces,
as ``unshare -rn`` does: no root is needed, and what it does to sockets, sysctls and
addresses goes with it.
"""

import ctypes
import os
import subprocess
import sys
import traceback
from typing import Callable, Optional

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
TIME_LIMIT_SECONDS = 120

_libc = ctypes.CDLL(None, use_errno=True)


def set_sysctl(name: str, value: object) -> None:
    """Set ``net.ipv4.NAME`` of this namespace."""
    with open(f"/proc/sys/net/ipv4/{name}", "w") as file:
        file.write(f"{value}\n")


def add_address(address: str) -> None:
    """Give the namespace's loopback device one more address."""
    flags = ["nodad"] if ":" in address else []
    subprocess.run(["ip", "addr", "add", address, "dev", "lo", *flags], check=True)


def why_unavailable() -> Optional[str]:
    """Why this machine can't make namespaces; ``None`` if it can."""
    try:
        command = ["unshare", "-rn", "ip", "link", "set", "lo", "up"]
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError as error:
        return f"{error.filename} is not installed (util-linux)"
    return done.stderr.strip() if done.returncode else None


def run_in_namespace(
    ports: str, body: Callable[[], None], limit_seconds: int = TIME_LIMIT_SECONDS
) -> Optional[str]:
    """Run ``body`` in a namespace of its own; the traceback if it failed."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receive)
        failure = ""
        try:
            # a session of its own, so that a test which hangs can be ended
            os.setsid()
            _enter_namespace(ports)
            body()
        except BaseException:
            failure = traceback.format_exc()
        with os.fdopen(send, "w") as pipe:
            pipe.write(failure)
        sys.stdout.flush()
        os._exit(0)
    os.close(send)
    watchdog = subprocess.Popen(
        ["sh", "-c", f"sleep {limit_seconds}; kill -9 -{child}"],
        start_new_session=True,
    )
    with os.fdopen(receive) as pipe:
        failure = pipe.read()
    _, status = os.waitpid(child, 0)
    os.killpg(watchdog.pid, 9)
    watchdog.wait()
    return failure or (f"the test's process died: {status}" if status else None)


def _enter_namespace(ports: str) -> None:
    uid, gid = os.getuid(), os.getgid()
    if _libc.unshare(CLONE_NEWUSER | CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"0 {uid} 1"),
        ("gid_map", f"0 {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    set_sysctl("ip_local_port_range", ports.replace("-", " "))
