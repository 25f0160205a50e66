"""Hostile text breaks no status line, perfdata, terminal or HTML page."""

import ctypes
import os
import re
import shutil
import socket
import subprocess
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.namespace import hold_namespace
from tests.support.plugin_process import PROGRAM, check
from tests.support.sockets import (
    connect,
    held_connections,
    held_sockets,
    held_udp_ports,
    listen,
)
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow
PR_SET_NAME = 15
CLONE_NEWUTS = 0x04000000
ALONE = pytest.mark.namespace(ports="40000-40039")
HOST = pytest.mark.namespace(ports="40000-40039", host=True)
SOME = settings(max_examples=40)

HOSTILE = [
    b"a|b=1;2;3",
    b"a\nEPHEMERAL_PORT OK - all is well | x=1",
    b"\x1b[2J\x1b]0;title\x07",
    b"'\"`$(id)\\",
    b"<script>alert(1)</script>",
    b"&lt;b&gt;&#8238;",
    "\u202eabc\u200f\u2066".encode(),
    b"\xff\xfe\x80",
    "Z\u0336a\u0336l\u0336g\u0336o\u0336".encode(),
    b"\r\t\x08\x7f\x9b",
    b"%s%n{0}",
    b"A" * 10000,
]
HOSTILE_CONTENT = [*HOSTILE, b"nul\0|x=1"]
"""NUL is possible in files, but not in arguments and names of processes."""


def shortened(text):
    """The id of a test case."""
    return repr(text[:40])


LABEL = r"(?:[A-Za-z0-9_]+|'[A-Za-z0-9_.:\[\]-]+')"
NUMBER = r"-?[0-9.]+"
PERFDATA = rf"{LABEL}={NUMBER}[a-z%]*(?:;[@~:0-9.]*){{0,2}}(?:;{NUMBER}){{0,2}}"


class Page(HTMLParser):
    """An HTML page with plugin output, unescaped. It records everything but text."""

    def __init__(self):
        super().__init__(convert_charrefs=False)
        self.markup: list[tuple[Any, ...]] = []
        for kind in ("starttag", "endtag", "charref", "entityref", "comment", "decl"):
            setattr(self, f"handle_{kind}", lambda *what: self.markup.append(what))


def assert_whole(output):
    """One status line with perfdata, then printable lines, and nothing else."""
    assert re.fullmatch(rb"[\n -~]*\n", output)  # for the terminal
    text = output.decode("ascii")
    first, *others = text[:-1].split("\n")
    status, _, perfdata = first.partition(" | ")
    assert re.match("EPHEMERAL_PORT (OK|WARNING|CRITICAL|UNKNOWN) - .", status)
    assert "|" not in status + "".join(others)
    if perfdata:
        assert re.fullmatch(rf"{PERFDATA}(?: {PERFDATA})*", perfdata)
    page = Page()
    page.feed(f'<td title="{status}">{text}</td>')
    page.close()
    (tag, attributes), (end,) = page.markup
    assert (tag, [name for name, _ in attributes], end) == ("td", ["title"], "td")
    assert len(output) < 8000
    return text


def output_of(*arguments, within=(), **process):
    """The output of a run, after a check of every byte."""
    command = [*within, PROGRAM, *arguments]
    done = subprocess.run(command, capture_output=True, timeout=60, **process)
    assert done.stderr == b""
    assert done.returncode in (0, 1, 2, 3)
    return assert_whole(done.stdout)


@ALONE
@pytest.mark.parametrize("name", HOSTILE, ids=shortened)
def test_the_name_of_a_process(name):
    ctypes.CDLL(None).prctl(PR_SET_NAME, name, 0, 0, 0)
    with held_connections(20), held_udp_ports(38):
        assert f"[{os.getpid()}] holds 38 - " in output_of("-vvv")
        assert f"[{os.getpid()}]" in output_of("-p", "5000", "-v")


@ALONE
@SOME
@given(name=st.binary(max_size=15).filter(lambda name: b"\0" not in name))
def test_any_name_of_a_process(name):
    ctypes.CDLL(None).prctl(PR_SET_NAME, name, 0, 0, 0)
    with held_udp_ports(38):
        assert f"[{os.getpid()}] holds 38 - " in output_of("-v")


@ALONE
@pytest.mark.parametrize("name", HOSTILE, ids=shortened)
def test_the_command_line_behind_a_long_name(name, tmp_path):
    # the kernel cuts names after 15 bytes; psutil completes them from the command line
    file = tmp_path / "longer-than-15-bytes"
    shutil.copy(shutil.which("sleep") or "", file)
    program = 'exec -a "$0" "$1" 100 3<>/dev/udp/127.0.0.1/9'
    called = b"longer-than-15-" + name.replace(b"/", b"\\")[:9000]
    holder = subprocess.Popen(["bash", "-c", program, called, str(file)])
    try:
        wait_until(lambda: b"longer" in open(f"/proc/{holder.pid}/comm", "rb").read())
        expected = f" - longer-than-15-[{holder.pid}] holds 1 - "
        assert expected in output_of("-v", "-w", "0")
    finally:
        holder.kill()
        holder.wait()


def on_a_host_with(path, content, tmp_path):
    """Replace the content of a file for the processes of this test."""
    file = tmp_path / "file"
    file.write_bytes(content)
    file.chmod(0o644)
    subprocess.run(["mount", "--bind", str(file), path], check=True)


@HOST
@pytest.mark.parametrize("name", HOSTILE_CONTENT, ids=shortened)
def test_the_name_of_a_user(name, tmp_path):
    name = re.sub(rb"[\n:]", b"?", name)  # names in /etc/passwd cannot contain these
    users = b"%s:x:0:0:%s:/:/bin/sh\n" % (name, name)
    on_a_host_with("/etc/passwd", users, tmp_path)
    with listen(), held_udp_ports(38):
        assert f"[{os.getpid()}]" in output_of("-v")
        output_of("-p", "5000", "-v")


@HOST
@pytest.mark.parametrize("name", HOSTILE_CONTENT, ids=shortened)
def test_the_name_of_a_service(name, tmp_path):
    name = re.sub(rb"[\s#]", b"?", name)
    services = b"%s 5000/tcp\n%s 5000/udp %s\n" % (name, name, name)
    on_a_host_with("/etc/services", services, tmp_path)
    with listen():
        assert "port 5000 is user by IANA" in output_of("-p", "5000", "-v")
        output_of("-p", "5000", "-H", "127.0.0.1", "-v")


@HOST
@pytest.mark.parametrize("name", HOSTILE_CONTENT, ids=shortened)
def test_the_name_of_the_host(name):
    assert ctypes.CDLL(None).unshare(CLONE_NEWUTS) == 0
    socket.sethostname(name[:64])
    with listen(), held_udp_ports(38):
        assert f"[{os.getpid()}] holds 38 - " in output_of("-vvv")
        output_of("-p", "5000", "-v")
        output_of("-p", "5000", "-H", "localhost", "-v")


@HOST
@pytest.mark.parametrize("path", HOSTILE_CONTENT, ids=shortened)
def test_the_cgroup_of_a_process(path, tmp_path):
    holder = hold_namespace("50000-50039")
    container = b"0123456789abcdef" * 4
    cgroups = b"0::/%s/docker-%s.scope/%s\n" % (path, container, path)
    on_a_host_with(f"/proc/{holder.pid}/cgroup", cgroups, tmp_path)
    assert f"\nsleep[{holder.pid}] 0123456789ab " in output_of("--all-netns", "-v")


@HOST
def test_the_names_of_network_namespaces():
    for name in HOSTILE:
        name = name.replace(b"/", b"\\")[:255]
        subprocess.run(["ip", "netns", "add", name], check=True)
        assert output_of("--netns", name).startswith("EPHEMERAL_PORT OK - in netns ")
    everything = output_of("--all-netns", "-vvv")
    assert f"worst of {len(HOSTILE) + 1}" in everything
    # a namespace that cannot be inspected is named with its path
    for name in HOSTILE:
        name = name.replace(b"/", b"\\")[:255]
        subprocess.run(["umount", b"/run/netns/" + name], check=True)
    failed = output_of("--all-netns", "-v")
    cannot = f"cannot inspect {len(HOSTILE)} of {len(HOSTILE) + 1} network"
    assert f"{cannot} namespaces (" in failed


TEXT_OPTIONS = [
    *("-w", "-c", "--free-warning", "--bind-critical", "--fast-warning"),
    *("--eta-warning", "-d", "--source", "--protocol", "--sampler", "--netns"),
    *("--state-file", "-p", "-H", "--expect", "--top", "-t", "--bogus", "-"),
]


@pytest.mark.parametrize("option", TEXT_OPTIONS)
def test_the_value_of_any_option(option):
    for value in HOSTILE:
        # in a folder that does not exist, so that no state file is created
        value = b"/no/such/folder/" + value if option == "--state-file" else value
        text = output_of(option, value)
        assert text.startswith("EPHEMERAL_PORT UNKNOWN - ") and len(text) < 1024


@pytest.mark.parametrize("option", TEXT_OPTIONS[:-2])
@pytest.mark.parametrize("value", ["--probe", "-v", "--state-file=/no/such/folder/x"])
def test_an_option_is_not_taken_as_a_value(option, value):
    assert f" has no value before {value}\n" in output_of(option, value)


ARGUMENTS = st.binary(max_size=60).filter(lambda value: b"\0" not in value)


@SOME
@given(option=st.sampled_from(TEXT_OPTIONS), value=ARGUMENTS)
def test_any_value_of_any_option(option, value):
    done = subprocess.run(
        [PROGRAM, option, b"/no/such/folder/" + value if "file" in option else value],
        capture_output=True,
        timeout=60,
    )
    assert done.stderr == b""
    if not done.stdout.startswith((b"usage: ", b"check_ephemeral_port ")):
        assert len(assert_whole(done.stdout)) < 1024


@HOST
@pytest.mark.parametrize("host", ["nasty.example", "192.0.2.7"])
def test_the_answer_of_the_name_service(host, tmp_path):
    hosts = b"192.0.2.7 nasty.example <script>|\xff\x1b[31m\n"
    on_a_host_with("/etc/hosts", hosts, tmp_path)
    text = output_of("-d", f"{host}:443", "-v")
    assert f"to {host}:443 used" in text
    assert f"port 443 of {host}" in output_of("-p", "443", "-H", host, "-v")


@ALONE
@pytest.mark.parametrize("verbose", ["-v", "-vv", "-vvv"])
def test_the_most_verbose_output_is_bounded_and_says_so(verbose):
    addresses = [f"127.0.{number}.1" for number in range(1, 255)]
    with held_sockets(*map(listen, addresses)):
        with held_sockets(*(connect((address, 5000)) for address in addresses)):
            text = output_of(verbose, "--top", "999999")
            short = output_of(verbose, "--top", "20")
            port = output_of("-p", "5000", verbose, "--top", "999999")
    *_, last = text[:-1].split("\n")
    assert len(text) > 7000
    assert re.fullmatch(r"\([0-9]+ lines left out\)", last)
    assert "\n(" not in short
    assert len(port) > 7000 and port.endswith(" lines left out)\n")


@ALONE
def test_the_output_fits_into_old_nrpe_wherever_the_labels_leave_room():
    watched: list[str] = []
    with held_connections(38):
        for number in range(12):
            text = output_of(*watched)
            status, _, perfdata = text[:-1].partition(" | ")
            assert len(text) < 1024 or len(status) <= 160
            last = f"'tcp_connect_127.0.0.1:{5000 + number - 1}'="
            assert last in perfdata or not number
            assert f"[{os.getpid()}] holds 38" in status
            watched += ["-d", f"127.0.0.1:{5000 + number}"]


@ALONE
def test_perfdata_is_never_cut():
    usual = check().perfdata
    watched = [f"--destination=127.0.0.1:{port}" for port in range(5000, 5200)]
    run = check("-v", *watched)
    assert len(run.perfdata) == len(usual) + 2 * len(watched)
    first, *others = run.stdout[:-1].split("\n")
    assert len(first) > 8000 and len(run.status) <= 160
    assert re.fullmatch(r"\([0-9]+ lines left out\)", "".join(others))
