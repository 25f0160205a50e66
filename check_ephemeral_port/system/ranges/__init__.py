"""The ephemeral range of this host, read from the system and never guessed."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ...model.settings import PortSettings
from ...model.sockets import TCP, UDP
from ..errors import SystemReadError


def read_port_settings(
    platform: str = sys.platform, protocols: Sequence[str] = (TCP, UDP)
) -> PortSettings:
    """The ephemeral range and the connect rules of this host, for these protocols.

    Raises :class:`SystemReadError` if they cannot be read.
    """
    if platform == "linux":
        from .linux import read_linux_port_settings

        return read_linux_port_settings()
    if platform == "win32":
        from .windows import read_windows_port_settings, run_netsh

        return read_windows_port_settings(run_netsh, protocols)

    from .bsd import is_bsd, read_bsd_port_settings

    if is_bsd(platform):
        from .bsd_sysctl import sysctl_reader

        return read_bsd_port_settings(platform, sysctl_reader(platform))
    raise SystemReadError(f"the ephemeral range of {platform} cannot be read yet")
