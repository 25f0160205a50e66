"""The marker ``machine``: the test runs on a throw-away machine."""

from functools import partial

import pytest

from tests.daemons.machine import need_machine, run_on_machine


def pytest_runtest_setup(item):
    if item.get_closest_marker("machine"):
        need_machine()


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
