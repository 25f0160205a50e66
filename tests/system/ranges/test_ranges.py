"""The choice of the reader for a platform."""

import pytest

from check_ephemeral_port.model.settings import Sharing
from check_ephemeral_port.system.errors import SystemReadError
from check_ephemeral_port.system.ranges import read_port_settings


@pytest.mark.parametrize("platform", ["plan9", "sunos5", "aix", "cygwin", "java1.8"])
def test_an_unknown_platform_is_an_error_and_never_a_guess(platform):
    with pytest.raises(SystemReadError, match=f"ephemeral range of {platform}"):
        read_port_settings(platform)


def test_linux_can_be_read_here():
    assert read_port_settings("linux").rules.sharing is Sharing.UNLESS_BOUND


@pytest.mark.parametrize(
    "platform, source",
    [
        ("darwin", "sysctl net.inet.ip.portrange.first"),
        ("freebsd14", "sysctl net.inet.ip.portrange.first"),
        ("netbsd10", "sysctl net.inet.ip.anonportmin"),
        ("openbsd7", "sysctl net.inet.ip.portfirst"),
        ("win32", "netsh int ipv4 show dynamicport tcp"),
    ],
)
def test_each_platform_has_its_own_source(platform, source, monkeypatch):
    # it fails here, and the error says what was read
    monkeypatch.delenv("SystemRoot", raising=False)
    with pytest.raises(SystemReadError, match=source):
        read_port_settings(platform)
