"""A short version of the soak; ``python -m tests.e2e.soak`` has the long one."""

import pytest

from tests.e2e.soak import PORTS, soak


@pytest.mark.slow
@pytest.mark.namespace(ports=PORTS)
def test_many_runs_some_of_them_killed(tmp_path):
    outcome = soak(60, tmp_path)
    assert outcome.killed > 3 and len(outcome.states) == 3
