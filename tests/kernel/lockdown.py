"""What the program says if the kernel is locked down.

``python -m tests.kernel.lockdown MODE`` runs in a guest that was started with
``lockdown=MODE``, as root. It prints what is wrong.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from tests.support.plugin_process import check

MODES = ("integrity", "confidentiality")
NOTE = "note: failed connects are not recorded here (see --recorder)"
FORBIDDEN = (
    "EPHEMERAL_PORT UNKNOWN - cannot record failed requests, the lockdown mode"
    " confidentiality forbids it\n"
)


def faults(mode: str) -> Iterator[str]:
    """A line for each fault."""
    for kind, folder in (("securityfs", "security"), ("tracefs", "tracing")):
        command = ["mount", "-t", kind, kind, f"/sys/kernel/{folder}"]
        subprocess.run(command, stderr=subprocess.DEVNULL)
    with open("/sys/kernel/security/lockdown") as file:
        found = file.read()
    if f"[{mode}]" not in found:
        yield f"the mode is {found}"
    runs = [check("--recorder", "on"), check("--recorder", "status")]
    plain, verbose = check(), check("-v")
    if mode == "integrity":
        yield from (f"{run}" for run in runs if run.exit_code)
        if plain.perfdata.get("tcp_connect_failed") != 0:
            yield f"{plain}"
        return
    yield from (f"{run}" for run in runs if (run[:2]) != (3, FORBIDDEN))
    if plain.exit_code or "record" in plain.stdout:
        yield f"{plain}"
    if NOTE not in verbose.stdout.splitlines():
        yield f"{verbose}"


if __name__ == "__main__":
    lines = [*faults(sys.argv[1])]
    print(*lines, sep="\n")
    sys.exit(bool(lines))
