"""connect() takes over a TIME_WAIT at the age that the rules say, not before."""

import time

import pytest

from check_ephemeral_port.model.sockets import endpoint
from check_ephemeral_port.model.usage import Question, Watch, host_usage
from check_ephemeral_port.system.ranges import read_port_settings
from check_ephemeral_port.system.sockets.sampling import take_sample
from tests.support.namespace import set_sysctl
from tests.support.sockets import (
    SERVER,
    connect,
    listen,
    successes_until_refused,
    time_wait,
)

PAUSE_SECONDS = 0.1
WATCH = Watch("server", (endpoint(*SERVER),))


def free_ports():
    """The bounds of the free ports, as one quick sample shows them."""
    settings = read_port_settings(protocols=["tcp"])
    sample = take_sample(settings.pool, ["tcp"], settings.rules, "sock_diag")
    question = Question(udp=False, watches=(WATCH,))
    usage = host_usage(sample, settings.pool, settings.rules, question)
    return usage.tcp_connect.ports.free


@pytest.mark.namespace(ports="40000-40059")
@pytest.mark.parametrize("attempt", range(5))
def test_the_age_is_right_to_a_tick(attempt):
    """Connections end all the time, and some have just become old enough."""
    set_sysctl("tcp_tw_reuse", 1)
    with listen(*SERVER) as server:
        for _ in range(13 + 2 * attempt):
            time_wait(1, server, lambda: connect(SERVER))
            time.sleep(PAUSE_SECONDS)
        begin = time.monotonic()
        free = free_ports()
        truth = successes_until_refused(lambda: connect(SERVER))
        passed_seconds = time.monotonic() - begin
    # in the meantime, some became old enough
    more = 1 + int(passed_seconds / PAUSE_SECONDS)
    assert free.low <= truth <= free.high + more
    assert free.best - 1 <= truth <= free.best + more
