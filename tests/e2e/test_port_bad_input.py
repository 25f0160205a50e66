"""Mistakes with ``--port`` and ``--hostname``: one line, exit code 3."""

import pytest

from tests.support.plugin_process import assert_unknown, check

PORT = ["-p", "60840"]
THERE = [*PORT, "-H", "127.0.0.1"]


@pytest.mark.parametrize(
    "arguments, parts",
    [
        (["-p"], ["--port needs a value (PORT)"]),
        (["-p", "0"], ["--port '0' is not a port (1-65535)"]),
        (["-p", "65536"], ["--port '65536' is not a port"]),
        (
            ["-p", "htps"],
            ["the system knows no tcp/udp service 'htps', give the number"],
        ),
        ([*PORT[:1], "htps", "-H", "x"], ["the system knows no tcp service 'htps'"]),
        (
            ["-p", "80/tcp"],
            ["'80/tcp' has a protocol, give it as -p 80 --protocol tcp"],
        ),
        (["-p", "80:90"], ["'80:90' is not a port, did you mean 80-90?"]),
        (["-p", "90-80"], ["--port '90-80' is reversed, 90 is greater than 80"]),
        (["-p", "80-"], ["--port '80-' is not a range of ports"]),
        (["-p", "80-70000"], ["--port '80-70000' is not a range of ports"]),
        (["-p", "80,,90"], ["--port '' is not a port"]),
        (["-p", ",".join("12" * 99)], ["198 ports or ranges are too many (100)"]),
        (
            [*THERE[2:], "-p", "80,443"],
            ["--hostname takes one port, but --port has sev"],
        ),
        (
            [*THERE[2:], "-p", "80-81"],
            ["--hostname takes one port, but --port has sever"],
        ),
        (["-p", "-1"], ["--port"]),
        (["-p", ""], ["--port '' is not a port"]),
        (["-p", "8\u0660"], ["--port"]),
        (["-p", "1|x=1\n2"], ["--port"]),
        (["-H", "127.0.0.1"], ["--hostname needs --port"]),
        (["--expect", "free"], ["--expect needs --port"]),
        (["-4"], ["-4 needs --hostname"]),
        ([*PORT, "-6"], ["-6 needs --hostname"]),
        ([*THERE, "-4", "-6"], ["-6 not with -4"]),
        ([*PORT, "--expect", "open"], ["--expect open needs --hostname"]),
        (
            [*PORT, "--expect", "closed"],
            ["--expect closed needs --hostname"],
        ),
        (
            [*THERE, "--expect", "free"],
            ["--expect free not with --hostname, which can be open, closed"],
        ),
        (
            [*PORT, "--expect", "maybe"],
            ["--expect 'maybe' is not one of free, used, listening, open, closed, "],
        ),
        (
            [*PORT, "--expect", "listening", "--protocol", "udp"],
            ["--expect listening not with --protocol udp, since UDP sockets don't"],
        ),
        ([*THERE, "--protocol", "udp"], ["--protocol ", "a TCP connection"]),
        ([*THERE, "--sampler", "psutil"], ["--sampler not with --hostname"]),
        ([*THERE, "--top", "5"], ["--top not with --hostname"]),
        ([*PORT, "-d", "192.0.2.7:443"], ["--destination not with --port"]),
        ([*PORT, "--source", "192.0.2.7"], ["--source not with --port"]),
        ([*PORT, "--free-warning", "5:"], ["--free-warning not with --port"]),
        ([*PORT, "--free-critical", "5:"], ["--free-critical not with --port"]),
        ([*PORT, "--bind-warning", "0"], ["--bind-warning not with --port"]),
        ([*PORT, "--fast-critical", "5"], ["--fast-critical not with --port"]),
        ([*PORT, "--probe"], ["--probe not with --port"]),
        ([*THERE, "--netns", "1"], ["--netns not with --hostname"]),
        ([*THERE, "--all-netns"], ["--all-netns not with --hostname"]),
        ([*PORT, "-w", "80%"], ["--warning '80%' is not a range"]),
        ([*PORT, "-c", "9:5"], ["--critical '9:5' is reversed"]),
        ([*PORT, "-w", ""], ["--warning '' is not a range"]),
        ([*PORT, "-H", ""], ["--hostname '' is neither a host name nor"]),
        ([*PORT, "-H", "a b"], ["--hostname 'a b' is neither"]),
        ([*PORT, "-H", "a|b\nc"], ["--hostname"]),
        ([*PORT, "-H", "[]"], ["--hostname"]),
        (
            [*PORT, "-H", "192.0.2.7:443"],
            ["'192.0.2.7:443' has a port, give it as -H 192.0.2.7 -p 443"],
        ),
        (
            ["-H", "localhost:22"],
            ["'localhost:22' has a port, give it as -H localhost -p 22"],
        ),
        (
            ["-H", "db:postgresql"],
            ["'db:postgresql' has a port, give it as -H db -p po"],
        ),
        (["-H", "[::1]:22"], ["'[::1]:22' has a port, give it as -H ::1 -p 22"]),
        (["-H", "https://x.example/"], ["is a URL, give the name of its host alone"]),
        ([*PORT, "-H", "[192.0.2.7"], ["--hostname"]),
        ([*PORT, "-H", "192.0.2.0/24"], ["--hostname", "neither"]),
        ([*PORT, "-H", ".."], ["cannot resolve '..'"]),
        ([*PORT, "-H", "a" * 300], ["cannot resolve"]),
        ([*PORT, "-H", "no-such-host.invalid"], ["cannot resolve"]),
        (
            [*PORT, "-H", "no-such-host.invalid", "--expect", "closed"],
            ["cannot resolve"],
        ),
        (
            [*THERE, "-6"],
            ["-6 not with --hostname '127.0.0.1', which is an IPv4 address, use -4"],
        ),
        (
            [*PORT, "-H", "::1", "-4"],
            ["-4 not with --hostname '::1', which is an IPv6 address, use -6"],
        ),
    ],
    ids=repr,
)
def test_bad_input_is_one_line_and_unknown(arguments, parts):
    assert_unknown(check(*arguments), *parts)


def test_zero_is_a_threshold_that_is_given():
    assert_unknown(check("-p", "1", "--free-warning", "0:"), "--free-warning not with")


def test_exit_ok_covers_contradictions():
    run = check("--exit-ok", *PORT, "--expect", "open")
    assert (run.exit_code, run.stderr) == (0, "")
    assert run.stdout.startswith("EPHEMERAL_PORT UNKNOWN - --expect ")


def test_help_names_every_option():
    text = check("-h").stdout
    for option in "-p -H -4 -6 --port --hostname --expect".split():
        assert f" {option}" in text
    assert max(map(len, text.split("\n"))) <= 80
