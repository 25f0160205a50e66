"""Connections a second, computed from TIME_WAIT and the pool."""

import pytest

from check_ephemeral_port.model.forecast.connection_rate import connection_rate
from check_ephemeral_port.model.settings import ConnectRules, Sharing
from check_ephemeral_port.model.sockets import Destination, endpoint
from check_ephemeral_port.model.usage import Question, Watch, host_usage
from tests.support.builders import THEM, US, bound, connected, pool, sample, waiting

LOOPBACK = {"local": "127.0.0.1", "remote": "127.0.0.1"}


def rate(*entries, rules=ConnectRules(), sees_age=True):
    seen = sample(*entries, rules=rules)
    return connection_rate(host_usage(seen, pool(), rules), sees_age=sees_age)


def test_each_free_port_can_be_used_once_a_minute():
    found = rate(connected(40000), connected(40002))
    assert found.destination == Destination(US, endpoint(THEM, 443))
    assert found.sustainable == pytest.approx(38 / 60)
    assert found.current == 0 and not found.reused


def test_only_linux_has_a_connection_rate():
    rules = ConnectRules(sharing=Sharing.BY_DESTINATION)
    assert rate(connected(40000), rules=rules) is None


def test_ports_in_time_wait_become_free_again_but_open_connections_do_not():
    open_ones = [connected(port) for port in range(40000, 40010, 2)]
    waits = [waiting(port) for port in range(40010, 40022, 2)]
    others = [waiting(port, remote="192.0.2.8") for port in (40022, 40024)]
    found = rate(*open_ones, *waits, *others, bound(40001))
    assert found.sustainable == pytest.approx((40 - 5 - 1) / 60)
    assert found.current == pytest.approx(6 / 59)  # the last second does not count
    found = rate(*(waiting(port, age=None) for port in range(6)), sees_age=False)
    assert found.current == pytest.approx(6 / 60)


def test_in_a_vrf_the_time_wait_of_its_own_connections_counts():
    red, to_them = 3, endpoint(THEM, 443)
    seen = sample(*(waiting(port, device=red) for port in range(40000, 40012, 2)))
    seen.connections.vrf_of = {red: red}
    watch = Watch("them", (to_them,), red)
    usage = host_usage(seen, pool(), ConnectRules(), Question(watches=(watch,)))
    found = connection_rate(usage, sees_age=True)
    assert found.destination == Destination(US, to_them, red)
    assert found.current == pytest.approx(6 / 59)
    assert found.sustainable == pytest.approx(40 / 60)


@pytest.mark.parametrize(
    "rules, held_seconds, where",
    [
        (ConnectRules(reuse=1), 1, {}),
        (ConnectRules(reuse=1, reuse_delay_seconds=5), 5, {}),
        (ConnectRules(reuse=1, timestamps=False), 60, {}),
        (ConnectRules(reuse=2), 60, {}),
        (ConnectRules(reuse=2), 1, LOOPBACK),
        (ConnectRules(reuse=0), 60, LOOPBACK),
        (ConnectRules(reuse=None), 60, LOOPBACK),
    ],
)
def test_reuse_makes_ports_free_sooner(rules, held_seconds, where):
    found = rate(connected(40000, **where), waiting(40002, **where), rules=rules)
    assert found.sustainable == pytest.approx(39 / held_seconds)
    assert found.reused == (held_seconds < 60)


def test_without_a_reuse_delay_there_is_no_limit():
    rules = ConnectRules(reuse=1, reuse_delay_seconds=0)
    assert rate(connected(40000), rules=rules).sustainable is None


def test_without_connections_there_is_no_rate():
    assert rate() is rate(bound(40000)) is None


def test_a_reuse_delay_of_a_minute_hides_the_current_rate():
    rules = ConnectRules(reuse=1, reuse_delay_seconds=60)
    assert rate(connected(40000), waiting(40002), rules=rules).current is None
