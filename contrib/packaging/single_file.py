"""``make zipapp``: the program and nagiosplugin in one file for a plugin folder.

psutil comes from the distribution (``python3-psutil``), since it is compiled. The file
belongs in the plugin folder of the monitoring agent, on Debian
/usr/lib/nagios/plugins/check_ephemeral_port, mode 755. Two builds from the same sources
give the same bytes. Any Python from 3.9 on runs the file; the version that it was built
with takes half the time, because it doesn't compile the file in each run. An older one
starts a newer one of its folder.
"""

import subprocess
import sys
import zipfile
from importlib.metadata import files
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "check_ephemeral_port"
PYTHON = Path("/usr/bin/python3")
"""The Python that has the distribution's psutil, whatever PATH finds first."""
MAIN = Path(__file__).with_name("single_file_main.py")
EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The earliest time in a zip archive: that of every file in it."""


def build(target: Path) -> None:
    """Write the file. nagiosplugin comes from the libraries of the running Python."""
    with TemporaryDirectory() as folder:
        _lay_out(Path(folder))
        if PYTHON.exists():
            _compile(folder)
        archive = _archive(Path(folder))
    target.parent.mkdir(parents=True, exist_ok=True)
    # -I: imports nothing of the caller, whatever the environment and the folder
    target.write_bytes(f"#!{PYTHON} -I\n".encode() + archive)
    target.chmod(0o755)


def _lay_out(folder: Path) -> None:
    contents = {
        "__main__.py": MAIN.read_bytes(),
        "LICENSE": (ROOT / "LICENSE").read_bytes(),
    }
    for module in PACKAGE.rglob("*.py"):
        contents[str(module.relative_to(ROOT))] = module.read_bytes()
    for file in files("nagiosplugin") or ():
        needed = file.suffix == ".py" and not {"tests", "examples"} & set(file.parts)
        if needed or "LICENSE" in file.name:
            contents[str(file)] = Path(str(file.locate())).read_bytes()
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _compile(folder: str) -> None:
    # never checked: times in an archive are local times and cannot be compared
    how = ["-b", "-q", "--invalidation-mode", "unchecked-hash", "-s", folder]
    subprocess.run([str(PYTHON), "-m", "compileall", *how, folder], check=True)


def _archive(folder: Path) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                info = zipfile.ZipInfo(str(path.relative_to(folder)), EARLIEST)
                archive.writestr(info, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


if __name__ == "__main__":
    build(Path(sys.argv[1]))
