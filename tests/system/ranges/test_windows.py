"""Windows: the output of netsh in five languages and in the code pages of consoles."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_ephemeral_port.model.ports import PortRange
from check_ephemeral_port.model.settings import Sharing
from check_ephemeral_port.system.errors import SystemReadError
from check_ephemeral_port.system.ranges.windows import (
    decode_dynamic_range,
    decode_excluded_ranges,
    read_windows_port_settings,
    run_netsh,
)
from tests.support.recorded import recorded

DEFAULT = PortRange(49152, 65535, 1)
CODE_PAGES = {
    "en": ("cp437", "utf-8"),
    "de": ("cp850", "cp1252", "utf-8"),
    "fr": ("cp850", "cp1252", "utf-8"),
    "ja": ("cp932", "utf-8"),
    "zh": ("cp936", "gb18030", "utf-8"),
}
LANGUAGES = [(name, page) for name, pages in CODE_PAGES.items() for page in pages]


def printed(name, code_page="utf-8"):
    text = recorded(f"windows/{name}.txt").replace("\n", "\r\n")
    return text.encode(code_page)


def dynamic(first, size):
    return f"\r\n- tcp\r\n---\r\n- : {first}\r\n- : {size}\r\n\r\n".encode()


NOTHING_EXCLUDED = b"\r\n-\r\n\r\n-  -\r\n----------    --------\r\n\r\n* - x.\r\n\r\n"


class Netsh:
    """Gives the answer whose key has the most words of the command."""

    def __init__(self, **answers):
        self.commands = []
        self._answers = {
            ("dynamicport",): printed("dynamicport-en"),
            ("excludedportrange",): NOTHING_EXCLUDED,
            **{tuple(words.split("_")): out for words, out in answers.items()},
        }

    def __call__(self, arguments):
        self.commands.append(" ".join(arguments))
        words = " ".join(arguments).replace("protocol=", "").split()
        fitting = [key for key in self._answers if set(key) <= set(words)]
        answer = self._answers[max(fitting, key=len)]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.mark.parametrize("language, code_page", LANGUAGES)
def test_the_dynamic_range_in_any_language(language, code_page):
    output = printed(f"dynamicport-{language}", code_page)
    assert decode_dynamic_range(output) == DEFAULT


@pytest.mark.parametrize(
    "language, count, first, last",
    [
        ("en", 9, (5357, 5357), (61902, 62001)),
        ("de", 8, (28380, 28380), (51099, 51198)),
        ("fr", 7, (80, 80), (50000, 50059)),
        ("zh", 7, (50000, 50059), (60791, 60890)),
    ],
)
def test_excluded_ranges_in_any_language(language, count, first, last):
    for code_page in CODE_PAGES[language]:
        output = printed(f"excludedportrange-{language}", code_page)
        spans = decode_excluded_ranges(output)
        assert len(spans) == count
        assert spans[0][:2] == first and spans[-1][:2] == last


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"The following command was not found: int ipv4 show dynamicport.\r\n",
        b"Start Port      : 49152\r\n",
        b"Start Port      : 49152\r\nNumber of Ports : 16384\r\nx : 1\r\n",
        dynamic(49152, 0),
        dynamic(49152, 16385),
        dynamic(123456, 1),
    ],
)
def test_output_without_a_dynamic_range_is_an_error(output):
    with pytest.raises(ValueError):
        decode_dynamic_range(output)


@pytest.mark.parametrize("row", [b"5357", b"5357 x", b"1 2 3", b"9 1", b"1 70000"])
def test_a_row_that_is_no_range_is_an_error(row):
    with pytest.raises(ValueError):
        decode_excluded_ranges(NOTHING_EXCLUDED + b"     " + row + b"\r\n")


@given(
    st.binary() | st.lists(st.sampled_from([b"x: ", b"9", b" ", b"\r\n"])).map(b"".join)
)
def test_any_bytes_are_decoded_or_raise_a_value_error(output):
    for decode in (decode_dynamic_range, decode_excluded_ranges):
        try:
            assert decode(output) is not None
        except ValueError:
            pass


def test_output_without_excluded_ranges():
    assert decode_excluded_ranges(NOTHING_EXCLUDED) == []


def test_every_protocol_and_version_is_read():
    netsh = Netsh()
    settings = read_windows_port_settings(netsh)
    assert netsh.commands == [
        "int ipv4 show dynamicport tcp",
        "int ipv4 show excludedportrange protocol=tcp",
        "int ipv6 show dynamicport tcp",
        "int ipv6 show excludedportrange protocol=tcp",
        "int ipv4 show dynamicport udp",
        "int ipv4 show excludedportrange protocol=udp",
        "int ipv6 show dynamicport udp",
        "int ipv6 show excludedportrange protocol=udp",
    ]
    assert settings.pool.range == DEFAULT and settings.pool.capacity == 16384
    assert settings.rules.sharing is Sharing.NEVER
    assert len(settings.notes) == 1


def test_only_the_requested_protocols_are_read():
    netsh = Netsh(udp_dynamicport=SystemReadError("netsh: exit code 1"))
    settings = read_windows_port_settings(netsh, ["tcp"])
    assert settings.pool.range == DEFAULT
    assert not any("udp" in command for command in netsh.commands)


def test_excluded_ports_are_not_in_the_pool():
    settings = read_windows_port_settings(
        Netsh(
            ipv4_tcp_excludedportrange=printed("excludedportrange-en"),
            ipv6_udp_excludedportrange=printed("excludedportrange-zh", "cp936"),
        )
    )
    for excluded in (49671, 50000, 50059, 62001, 54364, 60890):
        assert not settings.pool.includes(excluded)
    assert settings.pool.includes(50060)
    # ranges of 100 ports, and one range of 60 ports that is in both lists
    assert settings.pool.capacity == 16384 - 5 * 100 - 60 - 6 * 100


def test_of_different_ranges_the_common_ports_count():
    settings = read_windows_port_settings(
        Netsh(ipv4_tcp_dynamicport=dynamic(10000, 50000))
    )
    assert settings.pool.range == PortRange(49152, 59999, 1)
    assert "dynamic range of tcp ipv4: 10000-59999" in settings.notes
    assert "dynamic range of udp ipv6: 49152-65535" in settings.notes


def test_ranges_without_common_ports_are_an_error_that_names_them():
    netsh = Netsh(ipv4_udp_dynamicport=dynamic(10000, 255))
    with pytest.raises(SystemReadError, match="udp ipv4 10000-10254"):
        read_windows_port_settings(netsh)


def test_a_host_without_ipv6_has_a_range():
    netsh = Netsh(ipv6_dynamicport=SystemReadError("netsh: exit code 1"))
    settings = read_windows_port_settings(netsh)
    assert settings.pool.range == DEFAULT
    assert "netsh reports nothing for tcp over IPv6" in settings.notes


@pytest.mark.parametrize("what", ["dynamicport", "excludedportrange"])
def test_a_command_that_cannot_be_decoded_is_named(what):
    netsh = Netsh(**{f"ipv4_tcp_{what}": b"1 2 3\r\n"})
    with pytest.raises(SystemReadError, match=f"netsh int ipv4 show {what}"):
        read_windows_port_settings(netsh)


def test_a_range_with_all_ports_excluded_is_an_empty_pool():
    netsh = Netsh(excludedportrange=b"1 65535\r\n")
    assert read_windows_port_settings(netsh).pool.capacity == 0


@pytest.mark.parametrize("longest", [70])
def test_notes_fit_in_a_line(longest):
    settings = read_windows_port_settings(
        Netsh(
            ipv4_tcp_dynamicport=dynamic(10000, 55000),
            ipv6_dynamicport=SystemReadError("no"),
        )
    )
    assert max(map(len, settings.notes)) <= longest


SYSTEM_ROOT = r"C:\Windows"


@pytest.fixture
def netsh_exe(tmp_path, monkeypatch):
    """Writes a program that replaces netsh.exe of Windows.

    This system takes the path of netsh.exe for a plain name, and finds it in PATH.
    """

    def write(code):
        program = tmp_path / (SYSTEM_ROOT + r"\System32\netsh.exe")
        program.write_text(f"#!{sys.executable}\nimport sys\n{code}\n")
        program.chmod(0o755)

    monkeypatch.setenv("SystemRoot", SYSTEM_ROOT)
    monkeypatch.setenv("PATH", str(tmp_path))
    return write


class TestRun:
    def test_arguments_and_output_are_unchanged(self, netsh_exe):
        netsh_exe("sys.stdout.buffer.write(repr(sys.argv[1:]).encode() + b'\\x81')")
        assert run_netsh(["int", "a b;c"]) == b"['int', 'a b;c']\x81"

    def test_a_refusal_is_an_error(self, netsh_exe):
        netsh_exe("print('no'); sys.exit(1)")
        with pytest.raises(SystemReadError, match="^netsh int: exit code 1$"):
            run_netsh(["int"])

    def test_a_missing_netsh_is_an_error(self, netsh_exe):
        with pytest.raises(SystemReadError, match="^netsh int: .*No such file"):
            run_netsh(["int"])


@pytest.mark.parametrize("root", [None, "", "Windows", "."])
def test_without_a_valid_system_root_no_netsh_is_run(root, monkeypatch):
    if root is None:
        monkeypatch.delenv("SystemRoot", raising=False)
    else:
        monkeypatch.setenv("SystemRoot", root)
    with pytest.raises(SystemReadError, match="SystemRoot"):
        run_netsh(["int"])
