"""Any mistake or failure: one clear line on stdout, exit code 3, no stderr."""

import os
import re
import subprocess
import sys

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from check_ephemeral_port import __version__
from check_ephemeral_port.options import (
    Options,
    UsageError,
    build_parser,
    help_or_version,
    parse_options,
)
from contrib.generators.options import options
from tests.support.needs import BE_ROOT, skip_without
from tests.support.plugin_process import PROGRAM, assert_unknown, check, with_stub
from tests.support.sockets import held_udp_ports

OPTIONS = [
    *("-w", "-c", "-d", "--top", "-t", "--source", "-v", "--exit-ok", "--", "1"),
    *("-4", "-4h", "-w--", "--top=--"),
]


@pytest.mark.parametrize(
    "arguments, parts",
    [
        (["--bogus"], ["there is no option --bogus, -h lists all options"]),
        (["--warn", "5"], ["there is no option --warn, did you mean --warning?"]),
        (["positional"], ["'positional' belongs to no option"]),
        (["-w"], ["--warning needs a value (RANGE)"]),
        (["-w--"], ["--warning needs a value (RANGE)"]),
        (["--netns=--"], ["--netns needs a value (NAME, PID, PATH)"]),
        (["-w", "80%%"], ["--warning", "'80%%' is not a range"]),
        (["-w", ""], ["--warning"]),
        (["-w", "1:2:3"], ["--warning"]),
        (["-w", "abc"], ["--warning"]),
        (["-w", "1e2"], ["--warning"]),
        (["-c", "90:80"], ["--critical", "reversed"]),
        (["-c", "101"], ["--critical", "over 100"]),
        (["-w", "@50:200%"], ["--warning", "over 100"]),
        (["--free-warning", "x"], ["--free-warning"]),
        (["--bind-critical", "100.5"], ["--bind-critical", "over 100"]),
        (["--fast-warning", "~"], ["--fast-warning"]),
        (["--eta-warning", "30m:"], ["--eta-warning needs --state-file"]),
        (["--eta-critical", "5:"], ["--eta-critical needs --state-file"]),
        (
            ["--state-file", "x", "--eta-warning", "30m"],
            ["'30m' alarms above 30 minutes, did you mean '30m:' (alarm below 30 min"],
        ),
        (["--free-warning", "2000"], ["did you mean '2000:' (alarm below 2000)?"]),
        (["-w", "90", "-c", "80"], ["--warning '90' is beyond --critical '80'"]),
        (
            ["--free-warning", "5:", "--free-critical", "10:"],
            ["--free-warning '5:' is beyond --free-critical '10:', so it never warns"],
        ),
        (["--state-file", "x", "--eta-warning", "30x:"], ["--eta-warning", "'30x:'"]),
        (["--state-file", "x", "--eta-warning", "2h:30m"], ["'2h:30m' is reversed"]),
        (["--state-file", "x", "--eta-critical", "30%:"], ["--eta-critical"]),
        (["--state-file", "x", "--port", "9"], ["--state-file not with --port"]),
        (["--recorder"], ["--recorder needs a value (on, off, status)"]),
        (["--recorder", "x"], ["--recorder 'x' is not one of on, off, status"]),
        (["--recorder", "on", "-p", "9"], ["--port not with --recorder"]),
        (["--recorder", "on", "-p", "9", "-H", "x", "-4"], ["not with --recorder"]),
        (["--recorder", "on", "--state-file", "x"], ["--state-file not with --rec"]),
        (["--recorder", "off", "--recorder-group", "x"], ["needs --rec"]),
        (["--recorder-group", "x"], ["needs --recorder on"]),
        (["--recorder-group", "x", "-p", "9"], ["--recorder-group not with --port"]),
        (["--state-file", "x", "--all-netns"], ["--state-file not with --all-netns"]),
        (["--state-file", ""], ["--state-file", "empty"]),
        (["--state-file", "/tmp/"], ["'/tmp/' is a folder, name a file in it"]),
        (["--failed-warning", "5%"], ["--failed-warning", "not a range"]),
        (["--failed-critical", "5", "-p", "9"], ["--failed-critical not with --port"]),
        (["-d", "192.0.2.7"], ["'192.0.2.7' has no port, it is not HOST:PORT"]),
        (["-d", "192.0.2.7:0"], ["--destination", "'0' is not a port"]),
        (["-d", "192.0.2.7:70000"], ["--destination", "'70000' is not a port"]),
        (
            ["-d", "2001:db8::1:443"],
            ["has no brackets, it is not HOST:PORT or [IPV6]:PORT"],
        ),
        (["-d", "[2001:db8::zz]:443"], ["--destination", "not an IP address"]),
        (["-d", "host|name:443"], ["--destination"]),
        (["-d", "no-such-host.invalid:443"], ["cannot resolve"]),
        (
            ["-d", "192.0.2.7:443", "--protocol", "udp"],
            ["--destination not with --protocol udp, which counts no TCP ports"],
        ),
        (["--source", "example"], ["--source", "not an IP address"]),
        (["--protocol", "sctp"], ["--protocol", "sctp"]),
        (["--sampler", "guess"], ["--sampler", "guess"]),
        (["--top", "0"], ["--top"]),
        (["-t", "0"], ["--timeout"]),
        (["-t", "soon"], ["--timeout", "'soon' is not a duration"]),
        (["-w", "5\nEPHEMERAL_PORT OK"], ["--warning"]),
        (["-w", "@"], ["--warning", "'@' is not a range"]),
        (["-w", "~:~"], ["--warning"]),
        (["-w", "5|x=1"], ["--warning"]),
        (["-w", "\x1b[31m\u202e"], ["--warning", "is not a range"]),
        (["-w", "9" * 5000], ["--warning"]),
        (["--free-critical", "9:5"], ["--free-critical", "reversed"]),
        (["--bind-warning", "100.0001%"], ["--bind-warning", "over 100"]),
        (["--fast-critical", "101:"], ["--fast-critical", "over 100"]),
        (["-d", ""], ["--destination", "HOST:PORT"]),
        (["-d", ":443"], ["--destination", "HOST:PORT"]),
        (["-d", "192.0.2.7:htps"], ["the system knows no tcp/udp service 'htps'"]),
        (["-d", "https://x.example/"], ["is a URL, it is not HOST:PORT"]),
        (["-d", "..:443"], ["cannot resolve '..'"]),
        (["-d", "a" * 300 + ":443"], ["cannot resolve"]),
        (["--source", ""], ["--source", "not an IP address"]),
        (["--source", "192.0.2.0/24"], ["--source", "not an IP address"]),
        (["--top", "many"], ["--top", "'many'"]),
        (["--top", "9999999"], ["--top"]),
        (["-t", "1.2.3"], ["--timeout"]),
        (["-t", "5d"], ["--timeout", "'5d' is not a duration"]),
        (["--exit-ok=1"], ["--exit-ok takes no value"]),
        (["--netns", ""], ["--netns", "NAME, PID or PATH"]),
        (["--netns", "no|such\x1b"], ["there is no network namespace 'no?such"]),
        (["--netns", "/proc/1"], ["namespace, did you mean /proc/1/ns/net?"]),
        (["--netns", "/etc/hostname"], ["/etc/hostname is not a network namespace"]),
        (["--netns", "4194305"], ["no such network namespace, /proc/4194305/ns/net"]),
        (["--netns", "1" * 5000], ["cannot open /proc/1111"]),
        (["--netns", "web", "--all-netns"], ["--all-netns", "--netns"]),
        (["--netns", "web", "--sampler", "psutil"], ["--sampler", "psutil"]),
        (["--all-netns", "--sampler", "psutil"], ["--sampler", "psutil"]),
    ],
    ids=repr,
)
def test_bad_input_is_one_line_and_unknown(arguments, parts):
    assert_unknown(check(*arguments), *parts)


@pytest.mark.parametrize("platform", ["darwin", "win32", "freebsd14"])
@pytest.mark.parametrize(
    "arguments",
    [["--sampler", "sock_diag"], ["--probe"], ["--netns", "web"], ["--all-netns"]],
    ids=" ".join,
)
def test_linux_options_are_refused_elsewhere(arguments, platform, monkeypatch):
    monkeypatch.setattr(sys, "platform", platform)
    with pytest.raises(UsageError, match=f"^{arguments[0]} .*on Linux only$"):
        parse_options(arguments)


@given(st.lists(st.sampled_from(OPTIONS) | st.text(), max_size=5))
def test_arguments_are_valid_or_one_line_says_what_is_wrong(arguments):
    assume(not help_or_version(arguments))  # these win over everything else
    try:
        assert isinstance(parse_options(arguments), Options)
    except UsageError as error:
        assert str(error)


def test_exit_ok_exits_0_and_the_text_stays_unknown():
    run = check("--exit-ok", "-w", "x")
    assert (run.exit_code, run.stderr) == (0, "")
    assert run.stdout.startswith("EPHEMERAL_PORT UNKNOWN - ")


@pytest.mark.parametrize("option", ["-h", "--help", "-V", "--version", "-vvh"])
def test_help_and_version_win_over_everything_else(option):
    run = check("--bogus", "--exit-ok", "-w", option)
    assert (run.exit_code, run.stderr) == (3, "")
    assert run.stdout.startswith(("usage: check_ephemeral_port", "check_ephemeral_por"))


@pytest.mark.parametrize("option", ["-V", "--version", "-vV"])
def test_the_version_is_one_line(option):
    assert check(option).stdout == f"check_ephemeral_port {__version__}, MIT license\n"


def test_help_names_every_option_and_is_always_the_same():
    text = check("-h").stdout
    flags = [flag for option in options() for flag in option.flags]
    assert len(flags) > 30
    listed = re.findall(r"^  (-.*?)(?:  |$)", text, re.MULTILINE)
    assert set(flags) == set(re.findall(r"(?<!\S)--?[\w-]+", " ".join(listed)))
    assert max(map(len, text.split("\n"))) <= 80
    assert check("-t", "1ms", "--help", "--bogus").stdout == text


def test_help_begins_with_examples_that_work():
    usage, examples, *_ = check("-h").stdout.split("\n\n")
    assert usage == "usage: check_ephemeral_port [OPTION]..."
    title, *lines = examples.splitlines()
    commands = [re.split("  +", line.strip())[0].split() for line in lines]
    assert title == "examples:" and len(commands) == 4
    for program, *arguments in commands:
        assert program == "check_ephemeral_port"
        assert isinstance(parse_options(arguments), Options)


def test_each_option_has_one_plain_line_of_help():
    text = check("-h").stdout
    for option in options():
        assert len(option.summary) <= 50
        assert re.search(rf" {re.escape(option.summary)}$", text, re.MULTILINE)
    assert text.count("needs root") == 3


@pytest.mark.parametrize(
    "option", ["-hv", "-Vv", "-vhv", "-hV", "-Vh", "-4h", "-6vV", "-hw5", "-Vx"]
)
def test_help_and_version_in_a_bunch_of_options(option):
    run = check(option)
    assert (run.exit_code, run.stderr) == (3, "")
    assert run.stdout.startswith(("usage: ", "check_ephemeral_port "))


def test_help_is_found_behind_every_option_without_a_value():
    flags = [
        f for a in build_parser()._actions if a.nargs == 0 for f in a.option_strings
    ]
    short = [flag for flag in flags if len(flag) == 2]
    assert len(short) >= 5
    assert all(help_or_version([f"{flag}h"]) for flag in short)


@pytest.mark.parametrize("arguments", [["--bogus"], ["-d", "..:1"]])
def test_exit_ok_covers_bad_input(arguments):
    run = check("--exit-ok", *arguments)
    assert (run.exit_code, run.stderr) == (0, "")
    assert run.stdout.startswith("EPHEMERAL_PORT UNKNOWN - ")


def test_unreadable_range_names_the_file():
    hide = "mount -t tmpfs none /proc/sys && exec " + PROGRAM
    done = subprocess.run(
        ["unshare", "-rnm", "sh", "-c", hide], capture_output=True, text=True
    )
    if "unshare" in done.stderr or "mount" in done.stderr:
        skip_without(f"mount namespaces ({done.stderr.strip()})", BE_ROOT)
    assert done.returncode == 3 and done.stderr == ""
    assert "cannot read /proc/sys/net/ipv4/ip_local_port_range" in done.stdout


PSUTIL = """
class Error(Exception): pass
class AccessDenied(Error): pass
def net_connections(kind): raise {}
"""


@pytest.mark.parametrize(
    "failure, part",
    [
        ("AccessDenied()", "run as root"),
        ("RuntimeError('malformed line')", "malformed line"),
        ("KeyError('0F')", "0F"),
        ("PermissionError(13, 'Permission denied')", "Permission denied"),
    ],
)
def test_psutil_fails(tmp_path, failure, part):
    env = with_stub(tmp_path, "psutil", PSUTIL.format(failure))
    run = check("--sampler", "psutil", "-vv", env=env)
    assert_unknown(run, "psutil", part)


@pytest.mark.parametrize("module", ["psutil", "nagiosplugin"])
def test_a_dependency_is_missing(tmp_path, module):
    env = with_stub(tmp_path, module, f"raise ImportError('no {module} here')")
    run = check("--sampler", "psutil", env=env)
    assert_unknown(run, "a dependency is missing", module)


def test_a_traceback_only_with_vvv(tmp_path):
    env = with_stub(tmp_path, "psutil", PSUTIL.format("ZeroDivisionError('oops')"))
    run = check("--sampler", "psutil", "-vv", env=env)
    assert_unknown(run, "unexpected ZeroDivisionError, oops")
    run = check("--sampler", "psutil", "-vvv", env=env)
    assert (run.exit_code, run.stderr) == (3, "")
    assert "Traceback" in run.stdout


@pytest.mark.parametrize("verbose", ["-vvv", "-vvvv"])
def test_a_traceback_is_harmless(tmp_path, verbose):
    error = "ZeroDivisionError('pipe | escape ' + chr(27) + '[31m')"
    env = with_stub(tmp_path, "psutil", PSUTIL.format(error))
    run = check("--sampler", "psutil", verbose, env=env)
    first, *trace = run.stdout.split("\n")
    assert first.startswith("EPHEMERAL_PORT UNKNOWN - unexpected ZeroDivisionError, ")
    assert trace[0] == "Traceback (most recent call last):"
    assert "|" not in run.stdout
    assert "\x1b" not in run.stdout


PSUTIL_WITHOUT_NAMES = """
class Error(Exception): pass
class Process:
    def __init__(self, pid): raise {}
"""


@pytest.mark.namespace(ports="40000-40039")
@pytest.mark.parametrize(
    "psutil",
    [
        "raise ImportError('no psutil here')",
        PSUTIL_WITHOUT_NAMES.format("Error('gone')"),
        PSUTIL_WITHOUT_NAMES.format("RuntimeError('malformed line')"),
    ],
    ids=["missing", "gone", "malformed"],
)
def test_a_name_that_cannot_be_read_changes_the_text_only(tmp_path, psutil):
    env = with_stub(tmp_path, "psutil", psutil)
    with held_udp_ports(38):
        run = check("--sampler", "sock_diag", env=env)
    assert (run.exit_code, run.stderr) == (2, "")
    assert "95% of 40 ports for UDP used, above 90%, 2 remaining - " in run.status
    assert "] holds 38 - " in run.status


@pytest.mark.parametrize("arguments", ["", "-h", "--bogus", "-vvv"])
@pytest.mark.parametrize("where", [">&-", ">/dev/full"])
def test_output_that_cannot_be_printed_is_unknown(arguments, where):
    done = subprocess.run(
        f"{PROGRAM} {arguments} {where}", shell=True, stderr=subprocess.PIPE, text=True
    )
    assert (done.returncode, done.stderr) == (3, "")


def test_a_reader_that_has_gone_is_unknown():
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([PROGRAM], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (done.returncode, done.stderr) == (3, "")


@pytest.mark.parametrize("where", [">&-", ">/dev/full", ">&- 2>&-", "<&-  >&-"])
def test_stdout_that_takes_nothing_is_unknown(where):
    done = subprocess.run(
        f"{PROGRAM} {where}", shell=True, stderr=subprocess.PIPE, text=True
    )
    assert (done.returncode, done.stderr) == (3, "")
