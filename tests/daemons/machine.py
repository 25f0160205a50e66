"""A throw-away machine for one test, to install files and run daemons.

It has the files of the real machine. Only the test sees its changes below /etc, /usr,
/var and /run. They disappear with it, and so do its processes and its network. So the
distribution's own configuration and default ports can be used.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from functools import partial
from pathlib import Path
from typing import Callable, TypeVar

from contrib.packaging.single_file import build
from tests.support.namespace import run_in_namespace
from tests.support.needs import (
    BE_ROOT,
    INSTALL_DAEMONS,
    need_namespaces,
    skip_without,
)
from tests.support.recorder import TRACEFS

CONTRIB = Path(__file__).parents[2] / "contrib"
PLUGINS = Path("/usr/lib/nagios/plugins")
PLUGIN = PLUGINS / "check_ephemeral_port"
USER = "nagios"
"""The user that Debian's Nagios, Icinga 2 and NRPE run as."""

PROGRAMS = {
    "/usr/sbin/nagios4": "nagios4-core",
    "/usr/sbin/icinga2": "icinga2-bin",
    "/usr/sbin/nrpe": "nagios-nrpe-server",
    "/usr/lib/nagios/plugins/check_nrpe": "nagios-nrpe-plugin",
    "/usr/bin/openssl": "openssl",
    "/usr/bin/sudo": "sudo",
    "/usr/lib/python3/dist-packages/psutil": "python3-psutil",
}
AS_USER = ["setpriv", "--reuid", USER, "--regid", USER, "--init-groups"]
"""What a command of that user begins with."""
WAIT_SECONDS = 30.0
T = TypeVar("T")


def need_machine() -> None:
    """Skip the test if there can be no throw-away machine here."""
    if os.getuid():
        skip_without("root, to run daemons as their own users", BE_ROOT)
    missing = [name for path, name in PROGRAMS.items() if not Path(path).exists()]
    if missing:
        skip_without(" ".join(missing), INSTALL_DAEMONS)
    need_namespaces("--mount", "--pid", "--fork")


def run_on_machine(ports: str, body: Callable[[], None]) -> str | None:
    """Run ``body`` on a throw-away machine. Returns the traceback if it failed."""
    return run_in_namespace(ports, partial(_prepared, body), host=True, users=True)


def _prepared(body: Callable[[], None]) -> None:
    scratch = Path("/mnt")
    run("mount", "-t", "tmpfs", "tmpfs", str(scratch))
    for folder in ("/etc", "/usr", "/var"):
        layers = scratch / folder.replace("/", "_")
        for layer in ("changes", "work"):
            (layers / layer).mkdir(parents=True)
        options = f"lowerdir={folder},upperdir={layers}/changes,workdir={layers}/work"
        run("mount", "-t", "overlay", "overlay", "-o", options, folder)
    # a recorder of the host must not change any result
    run("mount", "-t", "tmpfs", "tmpfs", str(TRACEFS))
    for name in ("nagios", "nagios4", "icinga2"):  # as systemd would
        Path("/run", name).mkdir()
        shutil.chown(f"/run/{name}", USER, USER)
    body()


def install_plugin() -> None:
    """Install the program as one file in the plugin folder."""
    build(PLUGIN)


def install(name: str, mode: int = 0o644) -> Path:
    """Copy a file of ``contrib`` to the path after ``Goes to:`` in its text."""
    source = CONTRIB / name
    said = re.search(r"Goes to: (\S+)", source.read_text())
    assert said, f"{name} does not say where it goes"
    target = Path(said[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(mode)
    return target


def install_sudo() -> str:
    """Install what runs checks as root, as contrib says. Returns the command."""
    install("sudoers/check_ephemeral_port", 0o440)
    install("sudoers/check_ephemeral_port.conf")
    run("install", "-d", "-m", "700", "/var/lib/check_ephemeral_port")
    wrapper = install("sudoers/check_ephemeral_port_sudo", 0o755)
    run("visudo", "--check")
    return str(wrapper)


def edit(path: str, **settings: object) -> None:
    """Change ``name=value`` lines of a configuration file, or add them."""
    file = Path(path)
    text = file.read_text()
    for name, value in settings.items():
        text = re.sub(rf"^{name}=.*\n", "", text, flags=re.MULTILINE)
        text += f"\n{name}={value}\n"
    file.write_text(text)


def run(*command: str) -> str:
    """Run a command and return its output. ``AssertionError`` if it fails."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}"
    return done.stdout


def start(*command: str, user: str = USER) -> subprocess.Popen[bytes]:
    """Start a daemon in the foreground. It ends with the machine."""
    groups = ["--reuid", user, "--regid", user, "--init-groups"]
    with open(f"/run/{Path(command[0]).name}.output", "w") as output:
        return subprocess.Popen(
            ["setpriv", *groups, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            cwd="/",
        )


def wait_for(poll: Callable[[], T | None]) -> T:
    """Call ``poll`` until it returns something, and return that."""
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        found = poll()
        if found:
            return found
        time.sleep(0.1)
    outputs = [f"{p}:\n{p.read_text()[-2000:]}" for p in Path("/run").glob("*.output")]
    raise AssertionError("\n".join([f"{poll} found nothing", *outputs]))
