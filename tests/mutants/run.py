"""``make mutants``: shows which changes of ``model/`` no test would notice.

mutmut changes one function at a time and runs the tests of ``tests/model`` that call
it. By itself it leaves out properties and ``__new__()``, where records have rules. It
never changes what is outside of functions: constants, fields and default values.

This is a script, since mutmut's copy of the tests has to be the only package ``tests``.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections import Counter
from pathlib import Path

import mutmut.__main__
from mutmut.mutation import file_mutation
from mutmut.mutation.diff_apply import get_diff_for_mutant

COPY = Path("mutants")
"""Where mutmut puts the changed program, its copy of the tests and the results."""
EXPLAINED = Path(__file__).with_name("explained.txt")
PROPERTY = re.compile(
    r"^    @property\n(?P<function>    def (?P<name>\w+).*\n(?:(?:     .*)?\n)*)", re.M
)
SURVIVED, UNTESTED = 0, 33
"""Exit codes by which mutmut remembers a result. Any other means that a test failed."""


def without_decorators(source: str) -> str:
    """The same source, with each property made by a call after its function."""
    return PROPERTY.sub(r"\g<function>    \g<name> = property(\g<name>)\n\n", source)


def results() -> dict[str, tuple[int, str]]:
    """The exit code and the file of each mutant that was tried, by its name."""
    found = {}
    for meta in sorted(COPY.glob("**/*.meta")):
        path = str(meta.relative_to(COPY).with_suffix(""))
        for name, code in json.loads(meta.read_text())["exit_code_by_key"].items():
            if code is not None:
                found[name] = code, path
    return found


def change(diff: str) -> str:
    """What a diff removes and adds, in one line."""
    parts = {"-": "", "+": ""}
    for line in diff.splitlines()[2:]:
        if line[0] in parts:
            parts[line[0]] += f" {line[1:].strip()}"
    return f"{parts['-'].strip()}  =>  {parts['+'].strip()}"


def explained() -> dict[str, str]:
    """The kind of each explained change."""
    kinds, kind = {}, ""
    for line in EXPLAINED.read_text().splitlines():
        if line.startswith("    "):
            kinds[line.strip()] = kind
        elif line and line[0] != "#":
            kind = line
    return kinds


def report() -> bool:
    """Print what survived; whether all of it is explained."""
    tried, kinds = results(), explained()
    survivors = {
        name: f"{Path(path).stem}: {change(get_diff_for_mutant(name, path=path))}"
        for name, (code, path) in tried.items()
        if code in (SURVIVED, UNTESTED)
    }
    unexplained = {n: line for n, line in survivors.items() if line not in kinds}
    for name, line in unexplained.items():
        print(f"{name}\n    {line}")
    by_kind = Counter(kinds[line] for line in survivors.values() if line in kinds)
    for kind, count in by_kind.most_common():
        print(f"{count:5} {kind}")
    print(
        f"{len(survivors)} of {len(tried)} mutants survived, "
        f"{len(unexplained)} without an explanation"
    )
    return not unexplained


def main() -> None:
    """Run mutmut for the mutants that the command line names, or for all."""
    mutate = file_mutation.mutate_file_contents

    def mutate_properties_too(filename, code, *lines):
        return mutate(filename, without_decorators(code), *lines)

    setattr(mutmut.__main__, "mutate_file_contents", mutate_properties_too)
    file_mutation.NEVER_MUTATE_FUNCTION_NAMES.discard("__new__")
    shutil.rmtree(COPY, ignore_errors=True)
    mutmut.__main__.cli(["run", *sys.argv[1:]], standalone_mode=False)
    sys.exit(not report())


if __name__ == "__main__":
    main()
