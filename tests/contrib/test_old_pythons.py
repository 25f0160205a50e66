"""Python 2.7 and 3.4-3.8: one line names the version that the check needs."""

import ast
import glob
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import check_ephemeral_port
from check_ephemeral_port.__main__ import OLDEST_PYTHON
from contrib.packaging.single_file import MAIN, build

PACKAGE = Path(check_ephemeral_port.__file__).parent
ENTRIES = [PACKAGE / "__init__.py", PACKAGE / "__main__.py", MAIN]
"""What an old Python reads before it knows that it is too old."""
SHARED_GRAMMAR = {
    *("Module", "Expr", "Assign", "Constant", "Name", "Load", "Store", "Attribute"),
    *("Import", "ImportFrom", "alias", "FunctionDef", "arguments", "arg", "Return"),
    *("If", "For", "Continue", "Pass", "Try", "ExceptHandler", "Call", "Subscript"),
    *("keyword", "Slice", "Tuple", "List", "ListComp", "GeneratorExp", "comprehension"),
    *("Compare", "Lt", "GtE", "NotEq", "Eq", "In", "BoolOp", "And", "Or", "BinOp"),
    *("Add", "UnaryOp", "Not"),
}
"""Nodes of the syntax tree that mean the same in Python 2.7 and in every Python 3."""
START = {
    "console script": "from check_ephemeral_port.__main__ import main; main()",
    "python -m": "runpy.run_module('check_ephemeral_port', None, '__main__')",
    "single file": "runpy.run_path({file!r}, None, '__main__')",
}
"""How each way of starting looks to Python."""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    target = tmp_path_factory.mktemp("plugins") / "check_ephemeral_port"
    build(target)
    return str(target)


def old_pythons():
    """Those on this machine, if there are any."""
    names = ["2.7", *(f"3.{minor}" for minor in range(4, OLDEST_PYTHON[1]))]
    found = []
    for name in names:
        home = os.path.expanduser(f"~/.pyenv/versions/{name}.*/bin/python")
        for program in filter(None, [shutil.which(f"python{name}"), *glob.glob(home)]):
            # what is on PATH may be a wrapper without a Python behind it
            version = "import sys; print('%d.%d.%d' % sys.version_info[:3])"
            run = subprocess.run([program, "-c", version], capture_output=True)
            if not run.returncode and run.stdout.startswith(f"{name}.".encode()):
                found.append((program, run.stdout.decode().strip()))
                break
    return found


def start(python, way, file, before="pass", *arguments):
    """The output of one way to start, after some statements."""
    code = f"import runpy, sys; {before}; {START[way].format(file=file)}"
    done = subprocess.run(
        [python, "-B", "-c", code, *arguments], capture_output=True, cwd=PACKAGE.parent
    )
    assert done.stderr == b""
    return done.returncode, done.stdout.decode()


def refusal(version):
    return 3, (
        "EPHEMERAL_PORT UNKNOWN - needs Python 3.9 or newer,"
        f" but this is Python {version}\n"
    )


@pytest.mark.parametrize("way", START)
def test_every_old_python_of_this_machine_names_the_version(way, file):
    for program, version in old_pythons():
        assert start(program, way, file) == refusal(version)


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 4, 0), (3, 8, 18)])
@pytest.mark.parametrize("way", START)
def test_the_line_with_this_python_as_if_it_were_old(way, version, file):
    old = f"sys.version_info = {version}"
    alone = "sys.executable = '/nowhere/python3'"
    text = ".".join(map(str, version))
    assert start(sys.executable, way, file, f"{old}; {alone}") == refusal(text)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_old_python_can_read_the_entry(entry):
    source = entry.read_bytes()
    assert source.isascii()  # Python 2 would need a line about the encoding
    tree = ast.parse(source, feature_version=(3, 4))
    for node in ast.walk(tree):
        assert type(node).__name__ in SHARED_GRAMMAR, ast.dump(node)
        if isinstance(node, ast.FunctionDef):
            assert node.returns is None
        elif isinstance(node, ast.arguments):
            assert not (node.kwonlyargs or node.posonlyargs or node.kwarg)
            assert all(arg.annotation is None for arg in node.args)
        elif isinstance(node, ast.ImportFrom):
            assert node.module != "__future__"


@pytest.fixture
def bin_folder(tmp_path):
    """A folder with Pythons: what the system has as ``python3`` is too old."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


def with_old_python(bin_folder, file, name="python3"):
    """Start the single file as an old Python of this folder would."""
    before = "; ".join(
        (
            "sys.version_info = (3, 6, 8)",
            f"sys.executable = {str(bin_folder / name)!r}",
            f"sys.argv[0] = {file!r}",
        )
    )
    return start(sys.executable, "single file", file, before, "-p", "0")


def stand_in(path, text="echo $0 $*"):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_the_single_file_starts_the_newest_python_next_to_it(bin_folder, file):
    for name in ("python3.8", "python3.9", "python3.11", "python3.11-config"):
        stand_in(bin_folder / name)
    expected = f"{bin_folder}/python3.11 -I {file} -p 0\n"
    assert with_old_python(bin_folder, file) == (0, expected)


def test_a_python_with_psutil_comes_first(bin_folder, file):
    for name in ("python3.9", "python3.12"):
        stand_in(bin_folder / name)
    (bin_folder.parent / "lib64/python3.9/site-packages/psutil").mkdir(parents=True)
    expected = f"{bin_folder}/python3.9 -I {file} -p 0\n"
    assert with_old_python(bin_folder, file) == (0, expected)


def test_what_cannot_be_started_is_passed_over(bin_folder, file):
    (bin_folder / "python3.12").write_text("no program")
    (bin_folder / "python3.11").symlink_to(sys.executable)
    code, output = with_old_python(bin_folder, file)
    assert (code, output) == (
        3,
        "EPHEMERAL_PORT UNKNOWN - --port '0' is not a port (1-65535)\n",
    )


def test_an_old_python_with_a_new_name_does_not_start_itself(bin_folder, file):
    stand_in(bin_folder / "python3.11")
    run = with_old_python(bin_folder, file, "python3.11")
    assert run == refusal("3.6.8")
