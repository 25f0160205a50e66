"""Every situation: the check's prediction, then the kernel's answer."""

import pytest

from tests.kernel.situations import SITUATIONS
from tests.support.plugin_process import check
from tests.support.sockets import successes_until_refused


@pytest.mark.namespace
@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda s: s.name)
def test_prediction(situation):
    asked = situation.prepare()
    run = check("-vv", *asked.arguments)
    low, high = run.free_bounds(asked.label.replace("_free", ""))
    truth = successes_until_refused(asked.operation)
    assert low <= truth <= high
    if situation.settled:
        assert run.perfdata[asked.label] == truth
