"""macOS and the BSDs: ranges from recorded sysctls."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_ephemeral_port.model.ports import PortRange
from check_ephemeral_port.model.settings import ConnectRules, Sharing
from check_ephemeral_port.system.errors import SystemReadError
from check_ephemeral_port.system.ranges.bsd import is_bsd, read_bsd_port_settings
from check_ephemeral_port.system.ranges.bsd_sysctl import sysctl_reader
from tests.support.c_library import CLibrary, int32, sysctls

NETBSD = {
    "net.inet.ip.anonportmin": 49152,
    "net.inet.ip.anonportmax": 65535,
    "net.inet6.ip6.anonportmin": 49152,
    "net.inet6.ip6.anonportmax": 65535,
}
PORTRANGE = "net.inet.ip.portrange"


def reader(values):
    def read(name):
        try:
            value = values[name]
            return value if isinstance(value, bytes) else int32(value)
        except KeyError:
            raise SystemReadError(f"sysctl {name}: No such file or directory") from None

    return read


def settings_of(platform, values):
    return read_bsd_port_settings(platform, reader(values))


@pytest.mark.parametrize(
    "platform, name, ports, sharing",
    [
        ("darwin", "darwin/sysctl.txt", "49152-65535", Sharing.NEVER),
        ("freebsd12", "freebsd/sysctl.txt", "10000-65535", Sharing.NEVER),
        ("freebsd13", "freebsd/sysctl.txt", "10000-65535", Sharing.BY_DESTINATION),
        ("freebsd14", "freebsd/sysctl.txt", "10000-65535", Sharing.BY_DESTINATION),
        ("openbsd7", "openbsd/sysctl.txt", "1024-49151", Sharing.NEVER),
    ],
)
def test_the_range_is_the_default_range_of_sockets(platform, name, ports, sharing):
    settings = settings_of(platform, sysctls(name))
    assert str(settings.pool.range) == ports
    assert settings.pool.range.step == 1 and not settings.pool.reserved
    assert settings.rules == ConnectRules(reuse=0, sharing=sharing)


def test_the_origin_names_the_sysctls():
    assert settings_of("darwin", sysctls("darwin/sysctl.txt")).origin == (
        "sysctl net.inet.ip.portrange.first, last"
    )


@pytest.mark.parametrize("platform", ["darwin", "freebsd14"])
def test_a_range_with_swapped_bounds_is_the_same_range(platform):
    values = {f"{PORTRANGE}.first": 60000, f"{PORTRANGE}.last": 50000}
    assert settings_of(platform, values).pool.range == PortRange(50000, 60000, 1)


def test_netbsd_with_equal_ranges():
    settings = settings_of("netbsd10", NETBSD)
    assert settings.pool.range == PortRange(49152, 65535, 1)
    assert len(settings.notes) == 1


def test_netbsd_with_two_ranges_counts_the_common_ports():
    values = {**NETBSD, "net.inet6.ip6.anonportmin": 60000}
    settings = settings_of("netbsd10", values)
    assert settings.pool.range == PortRange(60000, 65535, 1)
    assert "IPv4 (49152-65535)" in settings.notes[0]


def test_netbsd_without_common_ports_is_an_error():
    values = {**NETBSD, "net.inet6.ip6.anonportmin": 1, "net.inet6.ip6.anonportmax": 9}
    with pytest.raises(SystemReadError, match="no port in common"):
        settings_of("netbsd10", values)


@pytest.mark.parametrize("values", [{}, {f"{PORTRANGE}.first": 1024}])
def test_a_missing_sysctl_is_named(values):
    missing = "last" if values else "first"
    with pytest.raises(SystemReadError, match=f"{PORTRANGE}.{missing}"):
        settings_of("darwin", values)


def test_an_invalid_port_is_named():
    values = {f"{PORTRANGE}.first": 1024, f"{PORTRANGE}.last": 70000}
    with pytest.raises(SystemReadError, match="portrange.first.*70000"):
        settings_of("darwin", values)


PLATFORMS = ["darwin", "freebsd14", "openbsd7", "netbsd10"]
VALUES = st.binary(max_size=9) | st.integers(-1, 65536).map(int32)


@given(st.sampled_from(PLATFORMS), st.lists(VALUES, min_size=4, max_size=4))
def test_any_values_give_a_range_or_an_error(platform, values):
    try:
        settings = read_bsd_port_settings(platform, lambda _: values.pop())
        assert settings.pool.capacity > 0
    except SystemReadError:
        pass


@pytest.mark.parametrize("platform", PLATFORMS)
def test_known_platforms(platform):
    assert is_bsd(platform)


@pytest.mark.parametrize("platform", ["linux", "sunos5", "dragonfly6", "win32", ""])
def test_unknown_platforms(platform):
    assert not is_bsd(platform)


def test_openbsd_reads_sysctls_by_number():
    # CTL_NET, PF_INET, IPPROTO_IP, IPCTL_IPPORT_FIRSTAUTO and _LASTAUTO
    libc = CLibrary({(4, 2, 0, 7): int32(1024), (4, 2, 0, 8): int32(49151)})
    del libc.sysctlbyname
    settings = read_bsd_port_settings("openbsd7", sysctl_reader("openbsd7", libc))
    assert settings.pool.range == PortRange(1024, 49151, 1)
