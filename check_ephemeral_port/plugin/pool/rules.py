"""The rules by which this system gives out ports, as ``-vv`` prints them."""

from __future__ import annotations

from collections.abc import Iterator

from ...model.settings import ConnectRules, Sharing
from ...model.sockets import Visibility

_SHARING = {
    Sharing.UNLESS_BOUND: "connect() shares a port with other destinations unless it "
    "was bound",
    Sharing.BY_DESTINATION: "connect() shares a port with other destinations",
    Sharing.NEVER: "connect() never shares a port",
}


def rule_lines(rules: ConnectRules, visibility: Visibility) -> Iterator[str]:
    """One line for each rule that can differ between systems."""
    yield _SHARING[rules.sharing]
    if rules.sharing is not Sharing.UNLESS_BOUND:
        return
    yield _time_wait(rules)
    if rules.autobind_reuse:
        yield "bind() to port 0 shares ports if all have SO_REUSEADDR"
    if rules.l3mdev_accept:
        yield "all VRFs share one port table"
    if not visibility.bound_sockets:
        yield "TCP sockets that are bound but idle are not listed"


def _time_wait(rules: ConnectRules) -> str:
    if rules.reuse is None:
        return "connect() takes over no TIME_WAIT, as far as is known"
    if not rules.reuse or not rules.timestamps:
        return "connect() takes over no TIME_WAIT"
    where = "" if rules.reuse == 1 else " on loopback"
    when = "at the next full second"
    if rules.reuse_delay_seconds is not None:
        when = f"after {rules.reuse_delay_seconds:g} s"
    return f"connect() takes over TIME_WAIT{where} {when}"
