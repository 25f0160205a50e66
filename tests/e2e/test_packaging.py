"""The built packages can be installed, and the installed program runs."""

import re
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from io import StringIO

import pytest
from readme_renderer.rst import render

from check_ephemeral_port import __version__
from tests.support.needs import skip_without
from tests.support.shared_build import built_once
from tests.support.sources import ROOT, copy_sources

STATES = {0: "OK", 1: "WARNING", 2: "CRITICAL"}


def run(*command, cwd=None):
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    return built_once(tmp_path_factory, "build", build) / "tree/dist"


def build(folder):
    tree = copy_sources(folder / "tree")
    done = run(sys.executable, "-m", "build", "--no-isolation", str(tree))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_sdist_has_everything_for_development(dist):
    (archive,) = dist.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    assert {
        "README.rst",
        "LICENSE",
        "CHANGELOG.rst",
        "CONTRIBUTING.rst",
        "Makefile",
        "setup.cfg",
        "contrib/docs/predictions.rst",
        "tests/conftest.py",
        "tests/all_pythons.sh",
    } <= names


def test_the_wheel_has_the_package_and_nothing_else(dist):
    (archive,) = dist.glob("*.whl")
    names = set(zipfile.ZipFile(archive).namelist())
    package = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "check_ephemeral_port").rglob("*")
        if path.suffix == ".py" or path.name == "py.typed"
    }
    assert package <= names
    others = {name.split("/")[0] for name in names - package}
    assert others == {f"check_ephemeral_port-{__version__}.dist-info"}


def test_an_index_shows_a_description_without_broken_links(dist):
    (archive,) = dist.glob("*.whl")
    folder = f"check_ephemeral_port-{__version__}.dist-info"
    with zipfile.ZipFile(archive) as wheel:
        metadata = Parser().parsestr(wheel.read(f"{folder}/METADATA").decode())
    assert metadata["Description-Content-Type"] == "text/x-rst"
    warnings = StringIO()
    html = render(str(metadata.get_payload()), stream=warnings)
    assert html and not warnings.getvalue()
    assert "<img" not in html and "ephemeral ports" in html
    targets = re.findall(r'href="([^"]*)"', html)
    assert len(targets) > 4
    assert [t for t in targets if not t.startswith(("https://", "#"))] == []


def test_an_index_shows_who_it_is_for_and_where_it_runs(dist):
    (archive,) = dist.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        (member,) = (
            m
            for m in tar.getmembers()
            if m.name.count("/") == 1 and m.name.endswith("PKG-INFO")
        )
        metadata = Parser().parsestr(tar.extractfile(member).read().decode())
    assert metadata["Summary"] and metadata["Keywords"] and metadata["License"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.9"
    kinds = {line.split(" :: ")[0] for line in metadata.get_all("Classifier")}
    assert kinds >= {
        *("Development Status", "Environment", "Intended Audience", "Natural Language"),
        *("Operating System", "Programming Language", "Topic", "Typing"),
    }


def test_installed_wheel_runs_in_a_clean_environment(dist, tmp_path):
    (archive,) = dist.glob("*.whl")
    assert run(sys.executable, "-m", "venv", str(tmp_path / "venv")).returncode == 0
    scripts = tmp_path / "venv" / "bin"
    done = run(str(scripts / "pip"), "install", "--quiet", str(archive))
    if "(from versions: none)" in done.stderr:
        skip_without("a package index", "connect to the internet")
    assert done.returncode == 0, done.stderr
    program = [str(scripts / "check_ephemeral_port")]
    module = [str(scripts / "python"), "-m", "check_ephemeral_port"]
    for command in (program, module):
        # in another folder: in the tree, -m would find the package of the tree first
        done = run(*command, "-V", cwd=tmp_path)
        assert done.stdout == f"check_ephemeral_port {__version__}, MIT license\n"
        assert done.returncode == 3
        done = run(*command, cwd=tmp_path)
        assert done.returncode in STATES, done.stdout
        assert done.stdout.startswith(f"EPHEMERAL_PORT {STATES[done.returncode]} - ")
        assert done.stderr == ""
