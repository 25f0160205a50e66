"""For each situation, the prediction of the check matches the answer of the kernel."""

import pytest

from tests.kernel.situations import SITUATIONS
from tests.support.plugin_process import check
from tests.support.sockets import successes_until_refused


@pytest.mark.namespace
@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda s: s.name)
def test_the_prediction_matches_the_kernel(situation):
    asked = situation.prepare()
    run = check("-vv", *asked.arguments)
    low, high = run.free_bounds(asked.label.replace("_free", ""))
    truth = successes_until_refused(asked.operation)
    assert low <= truth <= high
    if situation.exact:
        assert run.perfdata[asked.label] == truth
