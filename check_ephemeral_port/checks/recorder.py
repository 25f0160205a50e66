"""The command ``--recorder``: no check, but it prepares one."""

from __future__ import annotations

from ..options import Options
from ..plugin.recorder import describe_recorder, describe_switched_off
from ..system.recorder.switch import read_status, switch_off, switch_on

EXIT_ON, EXIT_OFF = 0, 1


def run_recorder(options: Options) -> tuple[str, int]:
    """Switch the recorder, or say whether it is on. Returns text and exit code.

    Raises :class:`SystemReadError`.
    """
    if options.recorder == "off":
        return describe_switched_off(switch_off()), EXIT_ON
    if options.recorder == "on":
        kinds = switch_on(options.recorder_group)
    else:
        kinds = read_status()
    is_on = any(kind.is_on for kind in kinds)
    return describe_recorder(kinds), EXIT_ON if is_on else EXIT_OFF
