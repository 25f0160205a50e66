"""Markers, and the switch that forbids skips."""

import compileall
import os
from functools import lru_cache, partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import check_ephemeral_port

pytest.register_assert_rewrite("tests.support")

from tests.support.namespace import (  # noqa: E402 # must follow the registration
    run_in_namespace,
    why_unavailable,
)

TESTS = Path(__file__).parent
LIBRARY_SUITES = {"checks", "e2e", "kernel", "plugin", "system"}
"""Folders whose tests all depend on nagiosplugin or psutil."""
NO_SKIPS = "CHECK_EPHEMERAL_PORT_NO_SKIPS"

# the same examples in each run, however slow the machine; make fuzz draws others
settings.register_profile(
    "suite",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("suite")

_why_no_namespace = lru_cache(maxsize=None)(why_unavailable)


def pytest_sessionstart(session):
    # as pip does; with PYTHONDONTWRITEBYTECODE, each start would compile the program
    if not hasattr(session.config, "workerinput"):
        compileall.compile_dir(Path(check_ephemeral_port.__file__).parent, quiet=1)


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.relative_to(TESTS).parts[0] in LIBRARY_SUITES:
            item.add_marker("library")


def pytest_runtest_setup(item):
    if item.get_closest_marker("namespace") and _why_no_namespace():
        pytest.skip(f"needs network namespaces: {_why_no_namespace()}")


def pytest_pyfunc_call(pyfuncitem):
    marker = pyfuncitem.get_closest_marker("namespace")
    if marker is None:
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    situation = pyfuncitem.funcargs.get("situation")
    failure = run_in_namespace(
        situation.ports if situation else marker.kwargs["ports"],
        partial(pyfuncitem.obj, **arguments),
        host=marker.kwargs.get("host", False),
    )
    if failure:
        pytest.fail(failure, pytrace=False)
    return True


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get(NO_SKIPS):
        report.outcome = "failed"
        report.longrepr = f"skipped, which {NO_SKIPS} forbids: {report.longrepr[2]}"
