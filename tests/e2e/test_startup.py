"""What a run without trouble loads: that is most of what it costs."""

import subprocess
import sys

import pytest

ALWAYS = {
    "check",
    "cli",
    "options",
    "model",
    "model.connections",
    "model.port_set",
    "model.ports",
    "model.records",
    "model.sample",
    "model.sockets",
    "model.thresholds",
    "model.usage",
    "plugin",
    "plugin.contexts",
    "plugin.output",
    "plugin.resources",
    "plugin.summaries",
    "plugin.text",
    "system",
    "system.deadline",
    "system.errors",
    "system.port_ranges",
    "system.port_ranges_linux",
    "system.sampling",
}
BY_SOCK_DIAG = {
    "system.inet_diag",
    "system.inet_diag_filter",
    "system.inet_diag_tally",
    "system.sock_diag",
    "system.sock_diag_sampler",
    "system.sockstat",
}
BY_PSUTIL = {"system.psutil_sampler", "system.sockstat"}
TOO_COSTLY = {
    "asyncio",
    "dataclasses",
    "email",
    "importlib.metadata",
    "inspect",
    "ipaddress",
    "psutil",
    "socket",
    "subprocess",
    "typing",
    "urllib",
}
PROGRAM = """
import sys
import argparse, nagiosplugin  # what they load is theirs, and differs by Python
before = set(sys.modules)
from check_ephemeral_port.system import sampling
sampling.PSUTIL_LIMIT_SOCKETS = 10**9  # "auto" takes psutil, whatever this host holds
from check_ephemeral_port.cli import main
main(["-w", "100", "-c", "100", "--sampler", *sys.argv[1:]])
print(*set(sys.modules) - before, file=sys.stderr)
"""


@pytest.mark.namespace(ports="40000-40039")
@pytest.mark.parametrize(
    "sampler, ours, libraries",
    [
        ("sock_diag", ALWAYS | BY_SOCK_DIAG, set()),
        ("psutil", ALWAYS | BY_PSUTIL, {"psutil", "socket", "subprocess"}),
        ("auto", ALWAYS | BY_SOCK_DIAG | BY_PSUTIL, {"psutil", "socket", "subprocess"}),
    ],
)
def test_an_ok_run_loads_what_it_needs(sampler, ours, libraries):
    command = [sys.executable, "-c", PROGRAM, sampler]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.startswith("EPHEMERAL_PORT OK")
    loaded = set(done.stderr.split())
    package = "check_ephemeral_port."
    assert {m[len(package) :] for m in loaded if m.startswith(package)} == ours
    assert TOO_COSTLY & loaded == libraries
