"""Random hosts with several kinds of clients, held against the kernel."""

import pytest

from tests.kernel.random_hosts import FIRST_PORT, judge_host

pytestmark = pytest.mark.slow

PORTS = f"{FIRST_PORT}-{FIRST_PORT + 99}"


@pytest.mark.namespace(ports=PORTS)
@pytest.mark.parametrize("seed", range(1000, 1030))
def test_the_figure_and_the_state_are_those_of_the_kernel(seed):
    for verdict in judge_host(seed):
        assert verdict.within, verdict
        assert not verdict.too_low, verdict
        if verdict.mode != "never":
            assert verdict.exact and not verdict.too_high, verdict
