"""Makes a Linux process look like another platform to this package.

Python runs it at start because its folder is in PYTHONPATH. The code of the package is
not changed. Only this is simulated:

- ``sys.platform`` (and ``os.name``, for Windows) is that of ``SIMULATED_PLATFORM``;
- grp, pwd, resource and termios can't be imported, ``socket.AF_NETLINK`` and
  ``signal.SIGALRM`` don't exist, nor, on Windows, fcntl and the user's id;
- psutil answers with the rows of ``tests/recorded``, or does what
  ``SIMULATED_NET_CONNECTIONS`` says, and knows no process;
- the C library has the sysctls of ``tests/recorded``, and counts of sockets;
  ``netsh.exe`` is a program that the test puts into PATH.

The standard library, psutil and, for POSIX, nagiosplugin are loaded before that, since
they need what is taken away.
"""

import ctypes
import os
import shutil  # noqa: F401 # asks os.name which system calls there are
import signal
import socket
import struct
import subprocess
import sys
import time
import types
from importlib.abc import MetaPathFinder

import psutil

from tests.support.c_library import CLibrary, int32, sysctls
from tests.support.recorded import psutil_rows

GONE = {"grp", "pwd", "resource", "termios"}
FOLDERS = {"win32": "windows", "darwin": "darwin", "freebsd14": "freebsd"}

# invented: 1000 sockets more than rows on macOS, 2000 more on FreeBSD
COUNTS = {
    "net.inet.tcp.pcbcount": int32(1006),
    "net.inet.tcp.states": struct.pack("=11Q", 9, 9, 0, 0, 3, *[0] * 5, 2000),
}


class Missing(MetaPathFinder):
    """Modules that the platform doesn't have."""

    def find_spec(self, name, path=None, target=None):
        if name in GONE:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return


def simulate(platform):
    """From here on, this process is on another platform."""
    folder = FOLDERS[platform]
    behavior = os.environ.get("SIMULATED_NET_CONNECTIONS")

    def net_connections(kind="inet"):
        if behavior == "refuse":
            raise psutil.AccessDenied(pid=1)
        if behavior == "hang":
            time.sleep(60)
        return psutil_rows(folder)

    def process(pid):
        raise psutil.NoSuchProcess(pid)

    setattr(psutil, "net_connections", net_connections)
    setattr(psutil, "Process", process)
    if platform == "win32":
        sys.modules["msvcrt"] = types.ModuleType("msvcrt")
        setattr(subprocess, "CREATE_NO_WINDOW", 0)
        GONE.add("fcntl")
        os.name = "nt"
        del os.geteuid, os.getuid
    else:
        values = {**sysctls(f"{folder}/sysctl.txt"), **COUNTS}
        setattr(ctypes, "CDLL", lambda name, use_errno: CLibrary(values))
    sys.meta_path.insert(0, Missing())
    for name in GONE:
        sys.modules.pop(name, None)
    del signal.SIGALRM, signal.alarm, socket.AF_NETLINK
    sys.platform = platform


if "SIMULATED_PLATFORM" in os.environ:
    simulate(os.environ["SIMULATED_PLATFORM"])
