"""The ephemeral range of a platform."""

import pytest

from check_ephemeral_port.system.errors import SystemReadError
from check_ephemeral_port.system.port_ranges import read_port_settings


def test_an_unknown_platform_is_an_error_and_never_a_guess():
    with pytest.raises(SystemReadError, match="ephemeral range of plan9"):
        read_port_settings("plan9")
