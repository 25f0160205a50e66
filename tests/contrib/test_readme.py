"""contrib/README.rst lists every file of contrib."""

import re
from pathlib import Path

CONTRIB = Path(__file__).parents[2] / "contrib"
LISTED = set(re.findall(r"``(\w[\w./-]+)``", (CONTRIB / "README.rst").read_text()))
FILES = {
    str(path.relative_to(CONTRIB))
    for path in CONTRIB.rglob("*")
    if path.is_file() and "__pycache__" not in path.parts
} - {"README.rst"}
FOLDERS = {name for name in LISTED if name.endswith("/")}


def test_every_file_or_its_folder_is_listed():
    unlisted = FILES - LISTED
    assert [name for name in unlisted if not name.startswith(tuple(FOLDERS))] == []


def test_every_listed_file_exists():
    paths = {name for name in LISTED if "/" in name}
    assert [name for name in paths if not (CONTRIB / name).exists()] == []


def test_every_file_to_copy_says_where_it_goes():
    monitors = ("nagios", "nrpe", "icinga2", "windows", "telegraf", "checkmk")
    for folder in (*monitors, "grafana", "sudoers", "man", "completion"):
        for path in (CONTRIB / folder).iterdir():
            assert re.search(r"Goes to: \S+", path.read_text()), path
