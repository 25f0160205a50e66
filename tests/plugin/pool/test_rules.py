"""The rules that -vv prints."""

import pytest

from check_ephemeral_port.model.settings import ConnectRules, Sharing
from check_ephemeral_port.plugin.pool.rules import rule_lines
from tests.support.builders import SEES_ALL

TIME_WAIT = [
    (ConnectRules(reuse=0), "no TIME_WAIT"),
    (ConnectRules(reuse=1, timestamps=False), "no TIME_WAIT"),
    (ConnectRules(reuse=None), "no TIME_WAIT, as far as is known"),
    (ConnectRules(reuse=1), "TIME_WAIT after 1 s"),
    (
        ConnectRules(reuse=2, reuse_delay_seconds=0.25),
        "TIME_WAIT on loopback after 0.25 s",
    ),
    (ConnectRules(2, None), "TIME_WAIT on loopback at the next full second"),
]


@pytest.mark.parametrize("rules, when", TIME_WAIT)
def test_when_connect_takes_over_time_wait(rules, when):
    _, line = rule_lines(rules, SEES_ALL)
    assert line == f"connect() takes over {when}"


def test_rules_that_few_hosts_have():
    rules = ConnectRules(autobind_reuse=True, l3mdev_accept=True)
    visibility = SEES_ALL._replace(bound_sockets=False)
    assert [*rule_lines(rules, visibility)][2:] == [
        "bind() to port 0 shares ports if all have SO_REUSEADDR",
        "all VRFs share one port table",
        "TCP sockets that are bound but idle are not listed",
    ]


@pytest.mark.parametrize(
    "sharing, line",
    [
        (Sharing.BY_DESTINATION, "connect() shares a port with other destinations"),
        (Sharing.NEVER, "connect() never shares a port"),
    ],
)
def test_other_systems_have_one_rule(sharing, line):
    assert [*rule_lines(ConnectRules(sharing=sharing), SEES_ALL)] == [line]
