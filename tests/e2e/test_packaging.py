"""The built packages can be installed, and the installed program runs."""

import subprocess
import sys
import tarfile
import zipfile

import pytest

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
