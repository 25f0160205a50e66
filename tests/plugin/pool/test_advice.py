"""Advice fits into 80 columns, and its commands can be copied."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_ephemeral_port.model.advice.facts import Advice
from check_ephemeral_port.model.namespaces import Namespace
from check_ephemeral_port.plugin.layout import advice_lines, wrap_command, wrap_words
from check_ephemeral_port.plugin.pool.advice import causes_of, for_namespace
from check_ephemeral_port.plugin.text import printable

FIX = "sysctl -w net.ipv4.ip_local_port_range='32768 60999'"
TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1)


def test_a_problem_and_its_fix():
    assert advice_lines(Advice("it is small", FIX)) == [
        "advice: it is small",
        f"  {FIX}",
    ]


def test_only_advice_about_an_alarm_has_a_cause():
    assert causes_of([Advice("a", FIX, cause="b"), Advice("c", FIX)]) == ["b"]


@pytest.mark.parametrize(
    "namespace, prefix",
    [
        (None, ""),
        (Namespace(("/proc/self/ns/net",), own=True), ""),
        (Namespace(("/run/netns/web",), "web"), "nsenter --net=/run/netns/web "),
        (Namespace(("/proc/812/ns/net",)), "nsenter --net=/proc/812/ns/net "),
        (Namespace(("/run/netns/$(reboot)",), "$(reboot)"), "nsenter --net=PATH "),
        (Namespace(("/run/netns/a;b",), "a;b"), "nsenter --net=PATH "),
        (Namespace(("-x",), "-x"), "nsenter --net=PATH "),
    ],
)
def test_a_command_acts_on_the_namespace_and_a_hostile_path_is_not_in_it(
    namespace, prefix
):
    advice = for_namespace(Advice("p", FIX), namespace)
    line = "".join(advice_lines(advice)[1:]).replace("\\", "")
    assert line == f"  {prefix}{FIX}"


@given(st.lists(TEXT).map(" ".join))
def test_wrapping_keeps_every_word_within_80_columns(text):
    lines = wrap_words(text)
    assert max(map(len, lines)) <= 80
    assert "".join(lines).replace(" ", "") == printable(text).replace(" ", "")


@given(st.lists(st.integers(1, 65535), min_size=1, max_size=60))
def test_a_shell_reads_a_long_command_as_one(ports):
    listed = ",".join(map(str, ports))
    command = f"echo -w net.ipv4.ip_local_reserved_ports={listed} range='1 2'"
    lines = wrap_command(command)
    assert max(map(len, lines)) <= 80
    done = subprocess.run(
        ["sh", "-c", "\n".join(lines)], capture_output=True, text=True, check=True
    )
    assert done.stdout == command[len("echo ") :].replace("'", "") + "\n"


@given(st.text())
def test_no_name_breaks_the_lines(name):
    for line in advice_lines(Advice(f"by {name}", FIX)):
        assert len(line) <= 80 and line.isascii() and "|" not in line
        assert line == "" or line.isprintable()
