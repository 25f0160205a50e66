"""Markers, the switch that forbids skips, and their summary."""

import compileall
import os
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import check_ephemeral_port
from check_ephemeral_port.system import RECORDER_VARIABLE

pytest.register_assert_rewrite("tests.support")

from tests.support import recorder  # noqa: E402 # after the registration
from tests.support.namespace import run_in_namespace  # noqa: E402 # the same
from tests.support.needs import (  # noqa: E402 # the same
    need_namespaces,
    need_recorder,
    summary,
)

# a recorder of this host must not change any result
os.environ[RECORDER_VARIABLE] = recorder.NO_RECORDER

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


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """How many tests run at a time: about half of the time, a test waits."""
    return 2 * (os.cpu_count() or 1)


def pytest_sessionstart(session):
    # as pip does; with PYTHONDONTWRITEBYTECODE, each start would compile the program
    if not hasattr(session.config, "workerinput"):
        compileall.compile_dir(Path(check_ephemeral_port.__file__).parent, quiet=1)


def pytest_collection_modifyitems(items):
    for item in items:
        suite = item.path.relative_to(TESTS).parts[0]
        if suite in LIBRARY_SUITES:
            item.add_marker("library")


def pytest_runtest_setup(item):
    marker = item.get_closest_marker("namespace")
    if marker:
        need_namespaces("--map-root-user")
        if marker.kwargs.get("recorder"):
            need_recorder()


def pytest_pyfunc_call(pyfuncitem):
    marker = pyfuncitem.get_closest_marker("namespace")
    if marker is None:
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    situation = pyfuncitem.funcargs.get("situation")
    ports = situation.ports if situation else marker.kwargs["ports"]
    body = partial(pyfuncitem.obj, **arguments)
    if marker.kwargs.get("recorder"):
        failure = _run_with_recorder(ports, body)
    else:
        kinds = {kind: marker.kwargs.get(kind, False) for kind in ("host", "users")}
        failure = run_in_namespace(ports, body, **kinds)
    if failure:
        pytest.fail(failure, pytrace=False)
    return True


def _run_with_recorder(ports, body):
    name = recorder.new_name()
    try:
        prepared = recorder.with_tracefs(name, body)
        return run_in_namespace(ports, prepared, users=True)
    finally:
        recorder.remove_recorder(name)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get(NO_SKIPS):
        report.outcome = "failed"
        report.longrepr = f"skipped, which {NO_SKIPS} forbids: {report.longrepr[2]}"


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter):
    yield
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped:
        terminalreporter.write_line(summary([each.longrepr[2] for each in skipped]))
