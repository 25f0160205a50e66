"""What a run without trouble loads."""

import subprocess
import sys

LATE = {
    "check_ephemeral_port.plugin.tables",
    "check_ephemeral_port.system.port_probe",
    "check_ephemeral_port.system.processes",
    "check_ephemeral_port.system.resolver",
    "dataclasses",
    "importlib.metadata",
    "inspect",
    "ipaddress",
}
PROGRAM = """
import sys
before = set(sys.modules)
from check_ephemeral_port.cli import main
main(["--sampler", "sock_diag", "-w", "100", "-c", "100"])
print(*set(sys.modules) - before, file=sys.stderr)
"""


def test_an_ok_run_does_not_load_what_it_does_not_need():
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.startswith("EPHEMERAL_PORT OK")
    assert not LATE & set(done.stderr.split())
    assert "psutil" not in done.stderr.split()
