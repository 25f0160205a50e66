"""A machine of the test's own, to install things on and to run daemons.

It has the files of the real one, but what the test changes below /etc, /usr, /var and
/run is seen by nobody else and goes with it, and so do its processes and its network.
So the distribution's own configuration and default ports can be used.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from functools import cache, partial
from pathlib import Path
from typing import Callable, TypeVar

from contrib.packaging.single_file import build
from tests.support.namespace import run_in_namespace

CONTRIB = Path(__file__).parents[2] / "contrib"
PLUGINS = Path("/usr/lib/nagios/plugins")
PLUGIN = PLUGINS / "check_ephemeral_port"
USER = "nagios"
"""Whom Debian's Nagios, Icinga 2 and NRPE run as."""

PROGRAMS = {
    "/usr/sbin/nagios4": "nagios4-core",
    "/usr/sbin/icinga2": "icinga2-bin",
    "/usr/sbin/nrpe": "nagios-nrpe-server",
    "/usr/lib/nagios/plugins/check_nrpe": "nagios-nrpe-plugin",
    "/usr/bin/openssl": "openssl",
    "/usr/bin/sudo": "sudo",
    "/usr/lib/python3/dist-packages/psutil": "python3-psutil",
}
WAIT_SECONDS = 30.0
T = TypeVar("T")


@cache
def why_unavailable() -> str | None:
    """Why this machine can't make another; ``None`` if it can."""
    if os.getuid():
        return "it takes root to run daemons as their own users"
    missing = [name for path, name in PROGRAMS.items() if not Path(path).exists()]
    if missing:
        return f"not installed: {' '.join(missing)} (.ci/install-daemons)"
    command = ["unshare", "--mount", "--net", "--pid", "--fork", "true"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stderr.strip() if done.returncode else None


def run_on_machine(ports: str, body: Callable[[], None]) -> str | None:
    """Run ``body`` on such a machine; the traceback if it failed."""
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
    for name in ("nagios", "nagios4", "icinga2"):  # as systemd would
        Path("/run", name).mkdir()
        shutil.chown(f"/run/{name}", USER, USER)
    body()


def install_plugin() -> None:
    """One file into the plugin folder."""
    build(PLUGIN)


def install(name: str, mode: int = 0o644) -> Path:
    """Copy a file of ``contrib`` to where it says that it goes to."""
    source = CONTRIB / name
    said = re.search(r"Goes to: (\S+)", source.read_text())
    assert said, f"{name} doesn't say where it goes to"
    target = Path(said[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(mode)
    return target


def edit(path: str, **settings: object) -> None:
    """Change ``name=value`` lines of a configuration file, or add them."""
    file = Path(path)
    text = file.read_text()
    for name, value in settings.items():
        text = re.sub(rf"^{name}=.*\n", "", text, flags=re.MULTILINE)
        text += f"\n{name}={value}\n"
    file.write_text(text)


def run(*command: str) -> str:
    """Run a command to its end; what it printed if it succeeded."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}"
    return done.stdout


def start(*command: str, user: str = USER) -> subprocess.Popen[bytes]:
    """Start a daemon that stays in the foreground; it ends with the machine."""
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


def wait_for(look: Callable[[], T | None]) -> T:
    """What ``look`` sees, as soon as it sees something."""
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        seen = look()
        if seen:
            return seen
        time.sleep(0.1)
    outputs = [f"{p}:\n{p.read_text()[-2000:]}" for p in Path("/run").glob("*.output")]
    raise AssertionError("\n".join([f"{look} saw nothing", *outputs]))
