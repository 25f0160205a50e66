"""Settings below /proc/sys, from trees that the test writes."""

import pytest

from check_ephemeral_port.model.usage import TimeWaitRules
from check_ephemeral_port.system.errors import SystemReadError
from check_ephemeral_port.system.port_ranges_linux import read_linux_port_settings


@pytest.fixture
def read(tmp_path):
    def read(**files):
        folder = tmp_path / "sys" / "net" / "ipv4"
        folder.mkdir(parents=True)
        files = {
            "ip_local_port_range": "32768\t60999\n",
            "ip_local_reserved_ports": "\n",
            **files,
        }
        for name, text in files.items():
            if text is not None:
                (folder / name).write_text(text)
        return read_linux_port_settings(str(tmp_path))

    return read


@pytest.mark.parametrize(
    "reserved, capacity",
    [
        ("\n", 28232),
        ("8080\n", 28232),
        ("40000\n", 28231),
        ("8080,40000-40009,60999-61010\n", 28221),
    ],
)
def test_the_pool_is_the_range_less_the_reserved_ports(read, reserved, capacity):
    settings = read(ip_local_reserved_ports=reserved)
    assert settings.pool.capacity == capacity
    assert str(settings.pool.range) == "32768-60999"
    assert settings.origin.endswith("ip_local_port_range")


@pytest.mark.parametrize("name", ["ip_local_port_range", "ip_local_reserved_ports"])
@pytest.mark.parametrize("text", [None, "x", "32768-60999", "9 1", "1 2 3"])
def test_what_cannot_be_read_is_named_and_never_guessed(read, name, text):
    with pytest.raises(SystemReadError, match=name):
        read(**{name: text})


def test_all_ports_reserved(read):
    with pytest.raises(SystemReadError, match="every port of the range"):
        read(ip_local_reserved_ports="1-65535\n")


def test_time_wait_rules(read):
    rules = read(
        tcp_tw_reuse="2\n", tcp_tw_reuse_delay="500\n", tcp_timestamps="0\n"
    ).time_wait
    assert rules == TimeWaitRules(2, 0.5, False)


def test_older_kernels_and_sandboxes_have_fewer_settings(read):
    assert read().time_wait == TimeWaitRules(None, 1.0, True)
