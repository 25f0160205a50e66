"""One file in a plugin folder, run by the distribution's own Python and psutil."""

import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from check_ephemeral_port import __version__
from contrib.packaging.single_file import build
from tests.support.hostile_python import BROKEN, hostile_caller
from tests.support.needs import INSTALL, skip_without
from tests.support.sockets import held_connections

pytestmark = pytest.mark.library

SYSTEM_PYTHON = Path("/usr/bin/python3")


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    probe = [str(SYSTEM_PYTHON), "-c", "import psutil"]
    if not SYSTEM_PYTHON.exists() or subprocess.run(probe).returncode:
        skip_without("the distribution's psutil", INSTALL + "python3-psutil")
    target = tmp_path_factory.mktemp("plugins") / "check_ephemeral_port"
    build(target)
    return target


def run(program, *arguments, env=None, cwd="/"):
    command = [str(program), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=env, cwd=cwd)


def test_it_is_one_file_that_every_user_can_run(program):
    assert program.stat().st_mode & 0o777 == 0o755
    assert (
        run(program, "-V").stdout
        == f"check_ephemeral_port {__version__}, MIT license\n"
    )


def test_it_contains_nagiosplugin_with_its_license_but_not_psutil(program):
    names = zipfile.ZipFile(program).namelist()
    assert "nagiosplugin/check.py" in names
    assert any("nagiosplugin" in name and "LICENSE" in name for name in names)
    assert not any("psutil/" in name for name in names)


def test_the_python_of_the_distribution_runs_compiled_modules(program):
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import {0}; print({0}.__file__)"
    )
    for module in ("check_ephemeral_port.cli", "nagiosplugin.check"):
        done = run(SYSTEM_PYTHON, "-c", script.format(module), str(program))
        assert done.stdout == f"{program}/{module.replace('.', '/')}.pyc\n"


def test_any_other_python_runs_the_sources(program, tmp_path):
    other = tmp_path / "other"
    with zipfile.ZipFile(program) as archive, zipfile.ZipFile(other, "w") as changed:
        for name in archive.namelist():
            content = archive.read(name)
            # compiled for a Python that does not exist
            changed.writestr(name, b"????" * name.endswith(".pyc") + content)
    assert "EPHEMERAL_PORT" in run(SYSTEM_PYTHON, str(other)).stdout


def test_the_same_sources_give_the_same_bytes(program, tmp_path):
    build(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == program.read_bytes()


@pytest.mark.namespace(ports="40000-40039")
@pytest.mark.parametrize("sampler", ["psutil", "sock_diag"])
def test_it_reports_a_full_range(program, sampler):
    with held_connections(38):
        done = run(program, "--sampler", sampler)
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout.startswith(
        "EPHEMERAL_PORT CRITICAL - 95% of 40 ports to 127.0.0.1:5000 used, above 90%, "
    )
    assert f"[{os.getpid()}] holds 38" in done.stdout


def test_nothing_of_the_caller_is_imported(program, tmp_path):
    caller = hostile_caller(tmp_path)
    env, cwd = caller.environment, caller.home
    for sampler in ("psutil", "sock_diag"):
        done = run(program, "-v", "--sampler", sampler, env=env, cwd=cwd)
        assert done.stdout.startswith("EPHEMERAL_PORT ") and done.stderr == ""
    assert caller.foreign_modules() == []
    # the same without the isolation
    run(SYSTEM_PYTHON, program, env=env, cwd=cwd)
    assert len(caller.foreign_modules()) > 2


@pytest.mark.parametrize("name", BROKEN)
def test_a_variable_that_stops_python_is_ignored(program, name):
    env = {name: BROKEN[name]}
    done = run(program, "-V", env=env)
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout == f"check_ephemeral_port {__version__}, MIT license\n"
    assert run(SYSTEM_PYTHON, program, "-V", env=env).returncode == 1


def test_without_psutil_it_says_what_is_missing(program):
    # -S: no site-packages
    done = run(SYSTEM_PYTHON, "-S", str(program), "--sampler", "psutil")
    assert done.returncode == 3
    assert done.stdout.count("\n") == 1 and "psutil" in done.stdout
