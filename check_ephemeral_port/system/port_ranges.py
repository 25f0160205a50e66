"""The ephemeral range of this host, from the system itself; never a guess."""

from __future__ import annotations

import sys

from ..model.ports import PortPool
from ..model.records import NamedTuple
from ..model.usage import TimeWaitRules
from .errors import SystemReadError


class PortSettings(NamedTuple):
    """What the system's configuration says about ephemeral ports."""

    pool: PortPool
    time_wait: TimeWaitRules
    origin: str
    """Where the range was read, for people."""


def read_port_settings(platform: str = sys.platform) -> PortSettings:
    """The host's own range and rules.

    Raises :class:`SystemReadError` if the system doesn't tell.
    """
    if platform == "linux":
        from .port_ranges_linux import read_linux_port_settings

        return read_linux_port_settings()
    raise SystemReadError(f"the ephemeral range of {platform} can't be read yet")
