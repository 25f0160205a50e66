"""The folder is the rule: what each ring may import, and that everything is told."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

import check_ephemeral_port

PACKAGE = Path(check_ephemeral_port.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
TESTS = Path(__file__).parent
SUITES = sorted({path.parent.name for path in TESTS.glob("*/*.py")})
PURE = {
    "__future__",
    "array",
    "collections",
    "enum",
    "heapq",
    "ipaddress",
    "itertools",
    "re",
    "typing",
    "zlib",
}
FORBIDDEN = {
    "system": {"plugin", "nagiosplugin", "argparse", "check", "port_check", "cli"},
    "plugin": {"system", "psutil", "socket", "os", "sys", "check", "port_check", "cli"},
}


def imports(module: Path) -> Iterator[tuple[str, bool]]:
    """What a module imports, rings by their folder; and whether at its start."""
    tree = ast.parse(module.read_text())
    at_start = set(ast.walk(ast.Module(tree.body, []))) - {
        inner
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        elif isinstance(node, ast.ImportFrom) and node.level == 1:
            names = (
                [module.parent.name]
                if module.parent != PACKAGE
                else [node.module or ""]
            )
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for name in names:
            yield name.split(".")[0], node in at_start


def imported(ring: str) -> set[str]:
    return {
        name for module in (PACKAGE / ring).glob("*.py") for name, _ in imports(module)
    }


@pytest.mark.parametrize(
    "module",
    [module for module in MODULES if module.name != "__init__.py"],
    ids=lambda module: module.stem,
)
def test_annotations_are_text(module):
    # what model/records.py needs, and nothing of them is made at start
    assert "from __future__ import annotations\n" in module.read_text()


def test_model_imports_pure_modules_only():
    assert imported("model") <= PURE | {"model"}


@pytest.mark.parametrize("ring", sorted(FORBIDDEN))
def test_a_ring_imports_inwards_only(ring):
    assert not imported(ring) & FORBIDDEN[ring]


@pytest.mark.parametrize("ring", ["model", *sorted(FORBIDDEN)])
def test_every_ring_was_looked_at(ring):
    assert len(list((PACKAGE / ring).glob("*.py"))) > 2
    assert ring in imported(ring)


def test_system_imports_model_psutil_and_the_standard_library_only():
    others = imported("system") - {"model", "system", "psutil"}
    assert {name for name in others if not is_standard(name)} == set()


def test_plugin_imports_model_nagiosplugin_and_pure_modules_only():
    assert imported("plugin") <= PURE | {"model", "plugin", "nagiosplugin"}


def is_standard(name: str) -> bool:
    spec = find_spec(name)
    return spec is not None and "site-packages" not in (spec.origin or "")


def test_only_the_two_checks_know_all_rings():
    rings = {"model", "system", "plugin"}
    assert [m.name for m in MODULES if rings <= {name for name, _ in imports(m)}] == [
        "check.py",
        "port_check.py",
    ]


@pytest.mark.parametrize(
    "library, users",
    [
        ("nagiosplugin", {"plugin", "check", "port_check"}),
        ("psutil", {"system"}),
        ("argparse", {"options"}),
        ("socket", {"system"}),
    ],
)
def test_a_library_stays_where_it_belongs(library, users):
    found = {
        module.stem if module.parent == PACKAGE else module.parent.name
        for module in MODULES
        if library in {name for name, _ in imports(module)}
    }
    assert found == users


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.stem)
def test_psutil_is_imported_late(module):
    assert ("psutil", True) not in imports(module)


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.stem)
def test_everything_public_has_a_docstring(module):
    tree = ast.parse(module.read_text())
    assert ast.get_docstring(tree)
    for node in public_definitions(tree):
        assert ast.get_docstring(node), f"{node.name} says nothing"


def public_definitions(
    parent: ast.Module | ast.ClassDef,
) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    for node in parent.body:
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) or node.name[0] == "_":
            continue
        yield node
        if isinstance(node, ast.ClassDef):
            yield from public_definitions(node)


@pytest.mark.parametrize("suite", SUITES)
def test_a_suite_imports_from_itself_and_support_only(suite):
    found = set()
    for module in (TESTS / suite).rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                found.add(str(node.module))
            elif isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
    suites = {name.split(".")[1] for name in found if name.startswith("tests.")}
    assert suites <= {suite, "support"}
