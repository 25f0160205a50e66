"""Advice: many connections wait for a program, or for another host."""

from __future__ import annotations

from collections.abc import Mapping

from ..connect import ConnectUsage
from ..sockets import TcpState
from .facts import MAIN_CAUSE, Advice

MANY = 0.25
"""There is advice if at least this share of the pool is in the state."""

_REASONS = {
    TcpState.CLOSE_WAIT: (
        "the other end has closed them, and a program of this host has not",
        "fix or restart the program that does not close its sockets",
    ),
    TcpState.SYN_SENT: (
        "the other end does not answer",
        "find out why: it is down or too slow, or a firewall drops the packets",
    ),
}


def advise_connection_state(
    states: Mapping[TcpState, int], connect: ConnectUsage
) -> Advice | None:
    """Advice if many connections are in CLOSE_WAIT or SYN_SENT.

    ``states``: the number of connections on ports of the pool. Source: RFC 9293,
    section 3.3.2.
    """
    state = max(_REASONS, key=lambda state: states.get(state, 0))
    count = states.get(state, 0)
    if count < MANY * connect.ports.capacity:
        return None
    reason, fix = _REASONS[state]
    what = f"{count} connections are in {state.value}"
    most = count >= MAIN_CAUSE * connect.ports.used.best
    return Advice(
        f"{what}: {reason}", fix, is_command=False, cause=what if most else ""
    )
