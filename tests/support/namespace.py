"""A network namespace for one test, with an ephemeral range of its own.

The test runs in a forked child that has moved into new user and network namespaces,
as ``unshare -rn`` does. So no root is needed, and its sockets, sysctls and addresses
disappear with it.
"""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Callable, TypeVar

from check_ephemeral_port.model.namespaces import Namespace
from check_ephemeral_port.system.namespaces.enter import in_namespace

Result = TypeVar("Result")

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
TIME_LIMIT_SECONDS = 120
ROUTE_LIMIT_SECONDS = 30
PORTS_A_WRITE = 600
"""With six bytes for each port, these fit into a page."""

_libc = ctypes.CDLL(None, use_errno=True)


def unshare(kinds: int) -> None:
    """Move this process into new namespaces of these kinds, as unshare(2) does."""
    if _libc.unshare(kinds):
        raise OSError(ctypes.get_errno(), "unshare")


def set_sysctl(name: str, value: object) -> None:
    """Set ``net.ipv4.NAME`` of this namespace."""
    with open(f"/proc/sys/net/ipv4/{name}", "w") as file:
        file.write(f"{value}\n")


def has_sysctl(name: str) -> bool:
    """Whether this kernel has ``net.ipv4.NAME``."""
    return os.path.exists(f"/proc/sys/net/ipv4/{name}")


def reserve_ports(ports: Iterable[int]) -> None:
    """Reserve these ports, and no other ones, in this namespace.

    The kernel accepts one page of text at a time (``proc_do_large_bitmap()``).
    """
    texts = [str(port).encode() for port in sorted(ports)]
    path = "/proc/sys/net/ipv4/ip_local_reserved_ports"
    with open(path, "wb", buffering=0) as file:
        for start in range(0, len(texts), PORTS_A_WRITE):
            file.write(b",".join(texts[start : start + PORTS_A_WRITE]) + b",")


def add_address(address: str) -> None:
    """Give the namespace's loopback device one more address."""
    words = [address, "dev", "lo", *_flags(address)]
    subprocess.run(["ip", "addr", "add", *words], check=True)
    if ":" in address:
        _wait_for_route(address.partition("/")[0])


def add_link(name: str, *addresses: str, vrf: str = "") -> None:
    """Add a network device with these addresses, perhaps to a VRF. No other host is on
    its link."""
    peer = f"{name}-peer"
    for words in (
        ["link", "add", name, "type", "veth", "peer", peer],
        *([["link", "set", name, "master", vrf]] if vrf else []),
        ["link", "set", peer, "up"],
        ["link", "set", name, "up"],
        *(["address", "add", each, "dev", name, *_flags(each)] for each in addresses),
    ):
        subprocess.run(["ip", *words], check=True)


def has_vrf() -> bool:
    """Whether this kernel has VRFs. Small kernels, as for cloud guests, have none."""
    command = ["unshare", "-rn", "ip", "link", "add", "red", "type", "vrf", "table"]
    try:
        return subprocess.run([*command, "1"], capture_output=True).returncode == 0
    except FileNotFoundError:  # need_namespaces() says so
        return False


def add_vrf(name: str) -> None:
    """Add a VRF with a routing table of its own."""
    subprocess.run(
        ["ip", "link", "add", name, "type", "vrf", "table", "100"], check=True
    )
    subprocess.run(["ip", "link", "set", name, "up"], check=True)


def _flags(address: str) -> list[str]:
    return ["nodad"] if ":" in address else []


def add_silent_neighbor(address: str, link: str) -> None:
    """Add a host that never answers, so that a connect() to it stays in SYN_SENT."""
    words = [address, "lladdr", "02:00:00:00:00:99", "dev", link]
    subprocess.run(["ip", "neighbor", "add", *words], check=True)


def add_route(*words: str) -> None:
    """Add the route that these words of ip-route(8) describe."""
    subprocess.run(["ip", "route", "add", *words], check=True)


def write_hosts(folder: Path, hosts: str) -> None:
    """Write the files for name resolution to a folder that replaces ``/etc``."""
    (folder / "hosts").write_text(hosts)
    (folder / "nsswitch.conf").write_text("hosts: files\n")
    (folder / "host.conf").write_text("multi on\n")


def _wait_for_route(address: str) -> None:
    # kernel: addrconf_dad_work() makes the local route of an IPv6 address some time
    # later; until then, packets to it take the route of its prefix and do not arrive
    give_up = time.monotonic() + ROUTE_LIMIT_SECONDS
    while not _reaches_itself(address) and time.monotonic() < give_up:
        time.sleep(0.01)


def _reaches_itself(address: str) -> bool:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as udp:
        udp.settimeout(0.1)
        try:
            udp.bind((address, 0))
            udp.sendto(b"?", udp.getsockname())
            return udp.recv(1) == b"?"
        except OSError:
            return False


def add_namespace(name: str, ports: str) -> str:
    """Add a namespace by ``ip netns`` in a test with ``host=True``; return its path."""
    path = f"/run/netns/{name}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    _set_up(["nsenter", f"--net={path}"], ports)
    return path


def run_inside(paths: Iterable[str], task: Callable[[], Result]) -> Result:
    """Run the task in the namespace of the first path that exists."""
    return in_namespace(Namespace(tuple(paths)), task)


def hold_namespace(ports: str) -> subprocess.Popen[bytes]:
    """Start a process in a namespace without a name. The caller has to kill it."""
    holder = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "echo; exec sleep 1000"],
        stdout=subprocess.PIPE,
    )
    assert holder.stdout
    holder.stdout.readline()  # now it exists
    _set_up(["nsenter", f"--net=/proc/{holder.pid}/ns/net"], ports)
    return holder


def _set_up(inside: list[str], ports: str) -> None:
    subprocess.run([*inside, "ip", "link", "set", "lo", "up"], check=True)
    write = f"echo {ports.replace('-', ' ')} >/proc/sys/net/ipv4/ip_local_port_range"
    subprocess.run([*inside, "sh", "-c", write], check=True)


def run_in_namespace(
    ports: str,
    body: Callable[[], None],
    limit_seconds: int = TIME_LIMIT_SECONDS,
    host: bool = False,
    users: bool = False,
) -> str | None:
    """Run ``body`` in a namespace of its own. Returns the traceback if it failed.

    With ``host``, only its own processes exist there, and ``/run`` is empty. With
    ``users``, all users exist there, which needs root.
    """
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receive)
        failure = ""
        try:
            # a session of its own, so that a test which hangs can be ended
            os.setsid()
            enter_namespace(ports, host, users)
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


def enter_namespace(ports: str, host: bool = False, users: bool = False) -> None:
    """Move this process, which must have one thread, into a namespace of its own; with
    ``host``, only its child comes back."""
    uid, gid = os.getuid(), os.getgid()
    kinds = CLONE_NEWNET if users else CLONE_NEWUSER | CLONE_NEWNET
    unshare(kinds | CLONE_NEWNS | CLONE_NEWPID if host else kinds)
    if not users:
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"0 {uid} 1"),
            ("gid_map", f"0 {gid} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    if host:
        _become_first_process()
        # otherwise the mounts below would also appear outside
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        subprocess.run(["mount", "-t", "proc", "proc", "/proc"], check=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    _wait_for_route("::1")
    set_sysctl("ip_local_port_range", ports.replace("-", " "))


def _become_first_process() -> None:
    # the first child is process 1 of the new PID namespace; all others end with it
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        os._exit(1 if status else 0)
