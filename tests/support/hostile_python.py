"""A caller whose environment and folders make Python run foreign code, unless it is
isolated."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

MODULES = ("usercustomize", "sitecustomize", "nagiosplugin", "psutil", "argparse")
"""Python imports the first two by itself at its start; the others are of the program
and its libraries."""
PYTHON_3_MINORS = range(9, 20)
BROKEN = {"PYTHONHOME": "/no/such/folder", "PYTHONHASHSEED": "many"}
"""Variables with which Python cannot start, unless it ignores them."""


class Caller(NamedTuple):
    """Somebody who wants to run code with the rights of the program."""

    home: Path
    """The home folder and the working directory."""
    proof: Path
    """A file with a line for each foreign module that ran."""

    @property
    def environment(self) -> dict[str, str]:
        """What the caller hands over."""
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.home),
            "PYTHONPATH": str(self.home),
            "PYTHONUSERBASE": str(self.home / ".local"),
        }

    def foreign_modules(self) -> list[str]:
        """Those that ran since the last call."""
        lines = self.proof.read_text().splitlines()
        self.proof.write_text("")
        return lines


def hostile_caller(folder: Path) -> Caller:
    """Make the files of the caller."""
    caller = Caller(folder / "home", folder / "proof")
    caller.home.mkdir()
    caller.proof.touch()
    for path in (*reversed(folder.parents), folder, caller.home):
        if path.is_relative_to("/tmp") and path != Path("/tmp"):
            path.chmod(0o755)  # the program can run as another user
    caller.proof.chmod(0o666)
    proof = f"with open({str(caller.proof)!r}, 'a') as file: print(__file__, file=file)"
    library = caller.home / ".local/lib"
    users = [library / f"python3.{n}/site-packages" for n in PYTHON_3_MINORS]
    for place in (caller.home, *users):
        place.mkdir(parents=True, exist_ok=True)
        for module in MODULES:
            (place / f"{module}.py").write_text(f"{proof}\n")
    return caller
