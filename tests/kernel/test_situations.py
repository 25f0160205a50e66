"""For each situation, the prediction of the check matches the answer of the kernel."""

import pytest

from check_ephemeral_port.model.sockets import NEVER, PROBES
from tests.kernel.situations import SITUATIONS
from tests.support.plugin_process import check
from tests.support.sockets import successes_until_refused

OK, WARNING, CRITICAL = range(3)


def state_of(free, capacity):
    """The state that the default thresholds ask for."""
    used_percent = 100 * (capacity - free) / capacity
    return CRITICAL if used_percent > 90 else WARNING if used_percent > 80 else OK


@pytest.mark.namespace
@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda s: s.name)
def test_the_prediction_and_the_state_match_the_kernel(situation):
    asked = situation.prepare()
    runs = {mode: check("-vv", "--probe", mode, *asked.arguments) for mode in PROBES}
    judged = dict(runs)
    asks_connect = asked.label.startswith("tcp_connect")
    if asks_connect:
        judged["without arguments"] = check()
    truth = successes_until_refused(asked.operation)
    for mode, run in runs.items():
        low, high = asked.bounds(run)
        assert low <= truth <= high, mode
        if situation.estimated if mode == NEVER else situation.exact:
            assert run.perfdata[asked.label] == truth, mode
    if asks_connect:
        capacity = int(run.perfdata_fields[asked.label].split(";")[4])
        least = state_of(truth, capacity)
        # if nothing shows it, a warning is enough for the worst
        least_by_estimate = WARNING if least == CRITICAL else OK
        for mode, run in judged.items():
            enough = least_by_estimate if mode == NEVER else least
            assert run.exit_code >= enough, f"{mode}: {run.status}"
