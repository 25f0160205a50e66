"""Fuzzes one target in this process, which libFuzzer ends.

Arguments: the target's name, then those of libFuzzer.
"""

import sys

import atheris

with atheris.instrument_imports(include=["check_ephemeral_port"]):
    from tests.fuzz.targets import TARGETS

if __name__ == "__main__":
    name, *options = sys.argv[1:]
    atheris.Setup([sys.argv[0], *options], TARGETS[name].accepts)
    atheris.Fuzz()
