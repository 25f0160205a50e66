"""``make fuzz``: fuzzes each target for some time, guided by coverage."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.fuzz.targets import TARGETS

RESULTS = Path("build/fuzz").absolute()
"""Has a folder for each target, with its corpus, its log and inputs that failed."""
TIMEOUT_SECONDS = 10
"""A target that takes longer for one input has failed."""
LAST_LINES = 30
"""Number of lines of a log that are printed after a failure."""


class Result(NamedTuple):
    """The result of one target."""

    name: str
    inputs: int
    seconds: float
    failure: str
    """The end of the log; empty without a failure."""


def fuzz(name: str, seconds: int) -> Result:
    """Run one target until its time is over or it fails."""
    folder = RESULTS / name
    corpus = folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(TARGETS[name].seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    begin = time.monotonic()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.fuzz.one", name, str(corpus)),
            *(f"-max_total_time={seconds}", f"-timeout={TIMEOUT_SECONDS}"),
            *(f"-artifact_prefix={folder}/", "-print_final_stats=1"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    elapsed = time.monotonic() - begin
    log = done.stdout.decode("utf-8", "replace")
    (folder / "log").write_text(log)
    inputs = re.search("number_of_executed_units: *([0-9]+)", log)
    return Result(
        name,
        int(inputs[1]) if inputs else 0,
        elapsed,
        "\n".join(log.splitlines()[-LAST_LINES:]) if done.returncode else "",
    )


def main() -> int:
    """Print a table, and below it the failures. Returns 1 if there are any."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("targets", nargs="*", help=f"of {', '.join(TARGETS)}")
    given = parser.parse_args()
    failures = []
    print(f"{'target':22} {'inputs':>10} {'seconds':>8} findings", flush=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        run = partial(fuzz, seconds=given.seconds)
        for name, inputs, seconds, failure in pool.map(run, given.targets or TARGETS):
            print(f"{name:22} {inputs:10} {seconds:8.0f} {bool(failure):8}", flush=True)
            if failure:
                failures.append(f"\n{name}, kept below {RESULTS / name}:\n{failure}")
    for failure in failures:
        print(failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
