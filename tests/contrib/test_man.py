"""The manual page, rendered by man."""

import re
import subprocess
from pathlib import Path

import pytest

from check_ephemeral_port.plugin.labels import LABELS
from contrib.generators.options import options
from tests.support.needs import INSTALL, need_program

PAGE = Path(__file__).parents[2] / "contrib/man/check_ephemeral_port.1"


@pytest.fixture(scope="module")
def rendered():
    need_program("man", INSTALL + "man-db")
    done = subprocess.run(
        ["man", "--warnings", "-l", str(PAGE)],
        capture_output=True,
        text=True,
        # wide enough that man breaks no line
        env={"PATH": "/usr/bin:/bin", "MANWIDTH": "300", "LC_ALL": "C.UTF-8"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_it_shows_every_option_with_its_help(rendered):
    for option in options():
        value = "|".join(option.choices) or option.metavar or ""
        line = f"       {', '.join(option.flags)} {value}".rstrip()
        # on the same line if it is short
        described = rf"{re.escape(line)}\s+{re.escape(option.help)}\n"
        assert re.search(described, rendered), line


def test_it_shows_every_perfdata_label_with_its_meaning(rendered):
    for label in LABELS:
        name = f"       {label.name} ({label.unit})".replace(" ()", "")
        described = rf"{re.escape(name)}\s+{re.escape(label.meaning)}\n"
        assert re.search(described, rendered), name


def test_examples_can_be_copied(rendered):
    assert " -w '~:' -c '~:' \\\n" in rendered


def test_whatis_finds_its_name():
    need_program("lexgrog", INSTALL + "man-db")
    done = subprocess.run(["lexgrog", str(PAGE)], capture_output=True, text=True)
    assert '"check_ephemeral_port - show how close' in done.stdout
