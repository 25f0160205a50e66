"""The marker ``machine``: the test runs on a throw-away machine."""

from functools import partial

import pytest

from tests.daemons.machine import run_on_machine, why_unavailable


def pytest_runtest_setup(item):
    if item.get_closest_marker("machine") and why_unavailable():
        pytest.skip(f"needs a throw-away machine: {why_unavailable()}")


def pytest_pyfunc_call(pyfuncitem):
    marker = pyfuncitem.get_closest_marker("machine")
    if marker is None:
        return None
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    failure = run_on_machine(
        marker.kwargs["ports"], partial(pyfuncitem.obj, **arguments)
    )
    if failure:
        pytest.fail(failure, pytrace=False)
    return True
