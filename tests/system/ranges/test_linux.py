"""Settings below /proc/sys, from files that the test writes."""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_ephemeral_port.model.settings import ConnectRules
from check_ephemeral_port.system.errors import SystemReadError
from check_ephemeral_port.system.kernel_files import read_kernel_text
from check_ephemeral_port.system.ranges import linux
from check_ephemeral_port.system.ranges.linux import read_linux_port_settings
from tests.support.namespace import set_sysctl


def read_below(proc, **files):
    folder = proc / "sys" / "net" / "ipv4"
    folder.mkdir(parents=True)
    files = {
        "ip_local_port_range": "32768\t60999\n",
        "ip_local_reserved_ports": "\n",
        **files,
    }
    for name, text in files.items():
        if text is not None:
            (folder / name).write_text(text, encoding="utf-8")
    return read_linux_port_settings(str(proc))


@pytest.fixture
def read(tmp_path):
    return partial(read_below, tmp_path)


@pytest.mark.parametrize(
    "reserved, capacity",
    [
        ("\n", 28232),
        ("8080\n", 28232),
        ("40000\n", 28231),
        ("8080,40000-40009,60999-61010\n", 28221),
    ],
)
def test_the_pool_is_the_range_minus_the_reserved_ports(read, reserved, capacity):
    settings = read(ip_local_reserved_ports=reserved)
    assert settings.pool.capacity == capacity
    assert str(settings.pool.range) == "32768-60999"
    assert settings.origin.endswith("ip_local_port_range")


@pytest.mark.parametrize("name", ["ip_local_port_range", "ip_local_reserved_ports"])
@pytest.mark.parametrize("text", [None, "x", "32768-60999-", "9 1", "1 2 3"])
def test_an_unreadable_file_is_named_and_never_guessed(read, name, text):
    with pytest.raises(SystemReadError, match=name):
        read(**{name: text})


def test_a_range_with_all_ports_reserved_is_an_empty_pool(read):
    assert read(ip_local_reserved_ports="1-65535\n").pool.capacity == 0


def test_the_rules_of_time_wait_are_read(read):
    rules = read(
        tcp_tw_reuse="2\n", tcp_tw_reuse_delay="500\n", tcp_timestamps="0\n"
    ).rules
    assert rules == ConnectRules(reuse=2, reuse_delay_seconds=0.5, timestamps=False)


def test_older_kernels_and_sandboxes_have_fewer_settings(read):
    expected = ConnectRules(reuse=None, reuse_delay_seconds=None, timestamps=True)
    assert read().rules == expected


def test_impossibly_large_numbers_are_ignored(read):
    huge = "9" * 400
    rules = read(tcp_tw_reuse=huge, tcp_tw_reuse_delay=huge).rules
    assert rules == ConnectRules(reuse=None, reuse_delay_seconds=None)


SMALL = {
    "ip_local_port_range": "40000 40039",
    "ip_local_reserved_ports": "40000-40009",
}
LARGE = {
    "ip_local_port_range": "40000 40099",
    "ip_local_reserved_ports": "40050-40099",
}


@pytest.fixture
def change_after_the_range(monkeypatch):
    """From here on, each set of settings follows after one more read of the range."""

    def change(*following):
        remaining = iter(following)

        def read(path):
            text = read_kernel_text(path).strip()
            if path.endswith("range"):
                for name, value in next(remaining, {}).items():
                    set_sysctl(name, value)
            return text

        monkeypatch.setattr(linux, "_read", read)

    return change


@pytest.mark.namespace(ports="40000-40039")
def test_range_and_reserved_ports_are_of_one_moment(change_after_the_range):
    set_sysctl("ip_local_reserved_ports", SMALL["ip_local_reserved_ports"])
    assert read_linux_port_settings().pool.capacity == 30
    change_after_the_range(LARGE)
    # 40 would be the small range without the reserved ports of the large one
    assert read_linux_port_settings().pool.capacity == 50
    change_after_the_range(SMALL, LARGE, {}, {}, SMALL)
    assert read_linux_port_settings().pool.capacity == 50
    change_after_the_range(*[LARGE, SMALL] * 50)
    with pytest.raises(SystemReadError, match="range and .* change while they are"):
        read_linux_port_settings()


NAMES = [
    *("ip_local_port_range", "ip_local_reserved_ports", "tcp_tw_reuse"),
    *("tcp_tw_reuse_delay", "tcp_timestamps"),
]


@given(st.dictionaries(st.sampled_from(NAMES), st.text() | st.text("0123456789\t,-")))
def test_any_text_gives_settings_or_an_error_that_names_the_file(files):
    with TemporaryDirectory() as proc:
        try:
            assert read_below(Path(proc), **files).pool.capacity >= 0
        except SystemReadError as error:
            assert any(name in str(error) for name in files)
