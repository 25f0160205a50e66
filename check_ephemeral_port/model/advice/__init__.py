"""Advice: which settings of a Linux host are wrong, and how to fix them.

There is one file for each cause. Its function takes a few facts and returns ``None`` if
there is no problem. The settings are described in the kernel's
Documentation/networking/ip-sysctl.rst.
"""

from __future__ import annotations

from .bind_before_connect import advise_bind_before_connect
from .connection_state import advise_connection_state
from .facts import Advice, Facts
from .listeners import advise_listeners
from .odd_range import advise_odd_size
from .reserved_ports import advise_reserved_ports
from .small_range import advise_small_range
from .time_wait import advise_time_wait, time_wait_ports
from .time_wait_table import advise_time_wait_table


def advise(facts: Facts) -> list[Advice]:
    """All advice for a host, the most important first."""
    pool, reserved = facts.usage.pool, facts.settings.reserved
    connect = facts.alarming or facts.usage.tcp_connect
    found = [
        # the fix of each one also fixes those that follow
        advise_small_range(pool, reserved)
        or advise_reserved_ports(pool, reserved)
        or advise_odd_size(pool)
    ]
    if connect:
        use = facts.usage.use_of(connect.destination)
        waiting = time_wait_ports(use.connections, connect.destination)
        bound = len(facts.bound_first)
        of_connect = [
            advise_time_wait(waiting, connect, use.rules),
            advise_bind_before_connect(bound, connect, facts.bound_by),
            advise_connection_state(facts.states, connect),
        ]
        found += [
            advice if facts.alarming else advice._replace(cause="")
            for advice in of_connect
            if advice
        ]
    found.append(advise_listeners(pool, facts.listeners, reserved))
    if facts.settings.time_wait:
        found.append(advise_time_wait_table(facts.settings.time_wait))
    return [advice for advice in found if advice]
