"""Each ring imports only what it is allowed to, and everything public is documented."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec, resolve_name
from pathlib import Path

import pytest

import check_ephemeral_port

PACKAGE = Path(check_ephemeral_port.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
TESTS = Path(__file__).parent
SUITES = sorted({path.parent.name for path in TESTS.glob("*/*.py")})
RINGS = ("model", "system", "plugin", "checks")
PURE = {
    "functools",
    "__future__",
    "array",
    "collections",
    "enum",
    "heapq",
    "ipaddress",
    "itertools",
    "re",
    "zlib",
}
MAY_IMPORT = {
    "model": {"model"},
    "system": {"system", "model"},
    "plugin": {"plugin", "model"},
    "checks": {"checks", "plugin", "system", "model", "options"},
    "options": {"model", "combinations", "hints"},
    "combinations": {"model"},
    "hints": {"model"},
    "cli": {"checks", "options", "plugin", "system"},
    "__main__": {"cli"},
}
"""Modules of the package, by their ring or name."""
LIBRARIES = {
    "nagiosplugin": "plugin.nagiosplugin",
    "psutil": "system",
    "argparse": "options",
    "socket": "system",
}
"""The only ring or module that imports a library."""


def name_of(module: Path) -> str:
    """The name of a module within the package: ``model.port.iana``."""
    parts = module.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


NAMES = {name_of(module): module for module in MODULES}


def ring(name: str) -> str:
    return name.partition(".")[0]


@cache
def imports(module: Path) -> set[tuple[str, bool]]:
    """What a module imports at run time, and whether it does so at its start.

    A module of the package appears by its name within the package, after a dot.
    """
    tree = ast.parse(module.read_text())
    late = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for inner in ast.walk(node)
    }
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
    }
    found = set()
    for node in set(ast.walk(tree)) - for_types:
        if isinstance(node, ast.Import):
            found |= {(alias.name, node not in late) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = imported_from(module, node)
            found |= {(name, node not in late) for name in names}
    return found


def imported_from(module: Path, node: ast.ImportFrom) -> set[str]:
    if node.level == 0:
        return {node.module or ""}
    package = ".".join(("package", *module.relative_to(PACKAGE).parent.parts))
    base = resolve_name("." * node.level + (node.module or ""), package)
    base = base[len("package") :].lstrip(".")
    found = {f"{base}.{alias.name}".lstrip(".") for alias in node.names}
    return {"." + (name if name in NAMES else base) for name in found}


def graph() -> dict[str, set[str]]:
    """The modules of the package that each of them imports, late or not."""
    return {
        name: {other[1:] for other, _ in imports(module) if other[0] == "."}
        for name, module in NAMES.items()
    }


@pytest.mark.parametrize(
    "module",
    # every old Python can read the others: tests/contrib/test_old_pythons.py
    [m for m in MODULES if m.name not in ("__init__.py", "__main__.py")],
    ids=name_of,
)
def test_annotations_are_text(module):
    # model/records.py needs it, and no annotation is evaluated at start
    assert "from __future__ import annotations\n" in module.read_text()


@pytest.mark.parametrize("importer", MAY_IMPORT)
def test_imports_between_rings_go_inwards_only(importer):
    others = {
        ring(other)
        for name, imported in graph().items()
        if ring(name) == importer
        for other in imported
    }
    assert others - {""} <= MAY_IMPORT[importer]
    assert others


def test_every_module_belongs_to_a_ring_or_is_known():
    assert {ring(name) for name in NAMES} == {"", *MAY_IMPORT}


def test_no_imports_are_circular():
    rest = graph()
    while rest:
        leaves = {name for name, others in rest.items() if not others & rest.keys()}
        assert leaves, f"circle among {sorted(rest)}"
        for name in leaves:
            del rest[name]


def foreign(importer: str, except_in: str = "") -> set[str]:
    """What a ring, except in one of its modules, imports from outside the package."""
    return {
        other.partition(".")[0]
        for name, module in NAMES.items()
        if ring(name) == importer and name != except_in
        for other, _ in imports(module)
        if other[0] != "."
    }


def test_model_is_pure():
    assert foreign("model") <= PURE


def test_plugin_imports_pure_modules_only():
    assert foreign("plugin", except_in=LIBRARIES["nagiosplugin"]) <= PURE


def test_checks_import_pure_modules_only():
    assert foreign("checks") <= PURE


def test_system_imports_psutil_and_the_standard_library_only():
    others = foreign("system") - {"psutil"}
    assert {name for name in others if not is_standard(name)} == set()


def is_standard(name: str) -> bool:
    spec = find_spec(name)
    return spec is not None and "site-packages" not in (spec.origin or "")


def test_only_checks_know_all_rings():
    found = graph()
    for name, imported in found.items():
        if {"model", "system", "plugin"} <= set(map(ring, imported)):
            assert ring(name) == "checks"


def test_files_of_the_kernel_are_read_in_one_way():
    # open() reads 8 KiB at a time, which cuts long sysctls: system/kernel_files.py
    users = {name for name, module in NAMES.items() if calls(module, "open")}
    # files of tracefs have no such limit, and can be long
    others = {name for name in users if not name.startswith("system.recorder")}
    assert others <= {"system.state_file"}


def calls(module: Path, function: str) -> bool:
    return any(
        isinstance(node, ast.Call) and ast.unparse(node.func) == function
        for node in ast.walk(ast.parse(module.read_text()))
    )


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_is_imported_in_one_place_only(library):
    users = {
        name
        for name, module in NAMES.items()
        if library in {other.partition(".")[0] for other, _ in imports(module)}
    }
    place = LIBRARIES[library]
    assert users
    assert all(name == place or name.startswith(f"{place}.") for name in users)


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_psutil_is_imported_late(module):
    assert ("psutil", True) not in imports(module)


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_everything_public_has_a_docstring(module):
    tree = ast.parse(module.read_text())
    assert ast.get_docstring(tree)
    for node in public_definitions(tree):
        assert ast.get_docstring(node), f"{node.name} has no docstring"


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
