"""For each situation, the prediction of the check matches the answer of the kernel."""

import pytest

from tests.kernel.situations import SITUATIONS
from tests.kernel.trial import faults, try_situation


@pytest.mark.namespace
@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda s: s.name)
def test_the_prediction_and_the_state_match_the_kernel(situation):
    trial = try_situation(situation)
    assert not [*faults(trial)], trial
