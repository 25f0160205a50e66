"""Measures the cost of the check and its peers, and prints a page for the docs.

``make bench`` installs the package and runs this program. To measure some scenes only,
use ``make bench ARGS="idle 10k"``. Needs ``ss`` (iproute2) and ``cc``; the scene
``recorder`` needs root. Progress goes to stderr.
"""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.goals import SCENES
from tests.benchmarks.measuring import compile_tools, measure_scene
from tests.benchmarks.namespaces import SCENE, measure_namespaces
from tests.benchmarks.recorder import SCENE as RECORDER
from tests.benchmarks.recorder import measure_recorder
from tests.benchmarks.report import page


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    every = [*SCENES, SCENE, RECORDER]
    parser.add_argument("scenes", nargs="*", metavar="SCENE", help=", ".join(every))
    scenes = parser.parse_args().scenes or every
    if not set(scenes) <= set(every):
        parser.error(f"scenes are {', '.join(every)}")
    medians = {}
    namespace_costs = []
    recorder_costs = None
    with TemporaryDirectory() as folder:
        tools = compile_tools(Path(folder))
        for name in scenes:
            print(f"measuring {name}", file=sys.stderr)
            if name == SCENE:
                namespace_costs = measure_namespaces(tools)
            elif name == RECORDER:
                recorder_costs = measure_recorder()
            else:
                medians[name] = measure_scene(SCENES[name], tools)
    print(page(medians, namespace_costs, recorder_costs), end="")


if __name__ == "__main__":
    main()
