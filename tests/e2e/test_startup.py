"""The modules that an OK run loads. Loading them is most of its cost."""

import subprocess
import sys

import pytest

from check_ephemeral_port.system.recorder.switch import switch_on
from tests.support.recorder import own_port, record_only

ALWAYS = {
    "checks",
    "checks.pool",
    "cli",
    "combinations",
    "model",
    "model.bind",
    "model.bounds",
    "model.connect",
    "model.connections",
    "model.observation",
    "model.port_set",
    "model.ports",
    "model.records",
    "model.sample",
    "model.settings",
    "model.sockets",
    "model.thresholds",
    "model.usage",
    "options",
    "plugin",
    "plugin.nagiosplugin",
    "plugin.output",
    "plugin.output.nagios",
    "plugin.output.result",
    "plugin.pool",
    "plugin.pool.contexts",
    "plugin.pool.figures",
    "plugin.pool.resource",
    "plugin.pool.summary",
    "plugin.text",
    "plugin.thresholds",
    "system",
    "system.deadline",
    "system.errors",
    "system.kernel_files",
    "system.ranges",
    "system.ranges.linux",
    "system.sockets",
    "system.sockets.sampling",
}
BY_SOCK_DIAG = {
    "system.sockets.by_sock_diag",
    "system.sockets.inet_diag",
    "system.sockets.inet_diag_count",
    "system.sockets.inet_diag_filter",
    "system.sockets.netlink",
    "system.sockets.sockstat",
}
BY_RECORDER = {
    "checks.failed",
    "model.failed",
    "model.failed.counts",
    "model.failed.requests",
    "plugin.pool.failed",
    "system.clock",
    "system.recorder",
    "system.recorder.reading",
}
"""What a recorder adds to a run without failures."""
BY_PSUTIL = {"system.sockets.by_psutil", "system.sockets.sockstat"}
TOO_COSTLY = {
    "asyncio",
    "dataclasses",
    "email",
    "importlib.metadata",
    "inspect",
    "ipaddress",
    "json",
    "logging",
    "psutil",
    "shutil",
    "socket",
    "subprocess",
    "tempfile",
    "traceback",
    "typing",
    "urllib",
}
PROGRAM = """
import sys
import argparse  # the modules that it loads differ by Python
before = set(sys.modules)
from check_ephemeral_port.system.sockets import sampling
# "auto" takes psutil on any host
sampling.PSUTIL_LIMIT_SOCKETS = sampling.PSUTIL_LIMIT_TASKS = 10**9
from check_ephemeral_port.cli import main
main(["-w", "100", "-c", "100", "--sampler", *sys.argv[1:]])
print(*set(sys.modules) - before, file=sys.stderr)
"""


@pytest.mark.namespace(ports="40000-40039")
@pytest.mark.parametrize(
    "sampler, ours",
    [
        ("sock_diag", ALWAYS | BY_SOCK_DIAG),
        ("psutil", ALWAYS | BY_PSUTIL),
        ("auto", ALWAYS | BY_SOCK_DIAG | BY_PSUTIL),
    ],
)
def test_an_ok_run_loads_what_it_needs(sampler, ours):
    libraries = set() if sampler == "sock_diag" else costly_ones_of_psutil()
    assert loaded_by(sampler) == (ours, libraries)


@pytest.mark.namespace(ports="40000-40039", recorder=True)
def test_a_run_with_a_recorder_loads_little_more():
    switch_on()
    record_only(own_port())
    assert loaded_by("sock_diag") == (ALWAYS | BY_SOCK_DIAG | BY_RECORDER, set())


def costly_ones_of_psutil():
    """psutil and the costly modules that it loads itself, which differ by version."""
    command = [sys.executable, "-c", "import psutil, sys; print(*sys.modules)"]
    return TOO_COSTLY & set(subprocess.check_output(command, text=True).split())


def loaded_by(sampler):
    """Our modules that a run loads, and the costly ones of others."""
    command = [sys.executable, "-c", PROGRAM, sampler]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.startswith("EPHEMERAL_PORT OK")
    loaded = set(done.stderr.split())
    package = "check_ephemeral_port."
    ours = {name[len(package) :] for name in loaded if name.startswith(package)}
    return ours, TOO_COSTLY & loaded
