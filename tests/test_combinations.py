"""Which options make sense together: all others are refused in a line with both."""

import pytest

from check_ephemeral_port.combinations import (
    LINUX_ONLY,
    NEEDS,
    NOT_TOGETHER,
    TAKES_ONLY,
    objections,
)
from check_ephemeral_port.options import (
    REPEATABLE,
    Options,
    UsageError,
    build_parser,
    parse_options,
)

VALUES = {
    **dict.fromkeys(("--warning", "--bind-warning", "--fast-warning"), "50"),
    **dict.fromkeys(("--critical", "--bind-critical", "--fast-critical"), "60"),
    **dict.fromkeys(("--free-warning", "--eta-warning"), "9:"),
    **dict.fromkeys(("--free-critical", "--eta-critical"), "5:"),
    "--failed-warning": "5",
    "--failed-critical": "6",
    "--recorder": "on",
    "--destination": "192.0.2.7:443",
    "--source": "198.51.100.5",
    "--port": "9",
    "--hostname": "192.0.2.7",
    "--expect": "free",
    "--protocol": "tcp",
    "--sampler": "auto",
    "--probe": "auto",
    "--netns": "web",
    "--top": "9",
    "--state-file": "x",
    "--recorder-group": "adm",
    "--timeout": "9",
}
"""A value for each option that takes one. Some are the defaults."""
ACTIONS = [a for a in build_parser()._actions if a.dest not in ("help", "version")]
FLAGS = [action.option_strings[-1] for action in ACTIONS]
NAMES = set(Options._fields)


def arguments(*flags):
    return [part for flag in flags for part in (flag, VALUES.get(flag)) if part]


def refusal(*given):
    try:
        parse_options(arguments(*given))
    except UsageError as error:
        return str(error)
    return ""


def test_every_option_has_a_value_or_takes_none():
    assert VALUES.keys() == {a.option_strings[-1] for a in ACTIONS if a.nargs != 0}


def test_conditions_name_options():
    conditions = [*NEEDS, *NEEDS.values(), *LINUX_ONLY, *TAKES_ONLY]
    conditions += [c for first, second, _ in NOT_TOGETHER for c in (first, second)]
    conditions += [name for names in TAKES_ONLY.values() for name in names]
    for condition in conditions:
        name, _, value = condition.partition("=")
        assert name in NAMES
        (action, *_) = (action for action in ACTIONS if action.dest == name)
        assert not value or value in [*(action.choices or ())]


@pytest.mark.parametrize("flag", FLAGS)
def test_an_option_alone_is_accepted_or_the_one_that_it_needs_is_named(flag):
    text = refusal(flag)
    if text:
        assert text.startswith(f"{flag} ") and " needs --" in text


@pytest.mark.parametrize("flag", FLAGS)
def test_a_pair_is_accepted_or_two_options_are_named(flag):
    for other in set(FLAGS) - {flag}:
        text = refusal(flag, other)
        if text:
            first, second, *_ = (word for word in text.split() if word[0] == "-")
            assert {first, second} & {flag, other}
        # the order does not matter
        assert bool(text) == bool(refusal(other, flag))


@pytest.mark.parametrize("flag", FLAGS)
def test_an_option_given_twice_is_refused_with_both_values(flag):
    (name,) = (a.dest for a in ACTIONS if a.option_strings[-1] == flag)
    value = VALUES.get(flag)
    text = refusal(flag, flag)
    if name in REPEATABLE:
        assert text == ""
    elif value:
        assert text == f"{flag} is given twice, as '{value}' and '{value}'"
    else:
        assert text == f"{flag} is given twice"


def test_a_short_and_a_long_spelling_are_one_option():
    with pytest.raises(UsageError, match="--warning is given twice, as '5' and '6'"):
        parse_options(["-w5", "--warning=6"])


@pytest.mark.parametrize("first, second, reason", NOT_TOGETHER)
def test_each_contradiction_is_named(first, second, reason):
    given = {}
    for condition in (first, second):
        name, _, value = condition.partition("=")
        given[name] = value or True
    first, second = (
        f"--{c.replace('_', '-').replace('=', ' ')}" for c in (first, second)
    )
    assert f"{first} not with {second}, {reason}" in objections(given, "linux")


@pytest.mark.parametrize(
    "text, refused",
    [
        ("--recorder on -w 80", "--warning not with --recorder"),
        ("--recorder status --sampler auto", "--sampler not with --recorder"),
        ("--recorder off --recorder-group x", "needs --recorder on"),
        ("-p 9 --probe auto", "--probe not with --port"),
        ("-p 9 -H x --protocol all", "--protocol all not with --hostname"),
        ("-p 9 -H x --sampler auto", "--sampler not with --hostname"),
        ("--protocol udp --probe never", "--probe not with --protocol udp"),
        ("--netns 1 --sampler psutil", "--netns not with --sampler psutil"),
        ("--top 9", "--top needs --verbose"),
        ("-w 95", "--warning '95' is beyond the default of --critical '90'"),
        (
            "--source ::1 -d 192.0.2.7:443",
            "--source '::1' is an IPv6 address, but --destination '192.0.2.7' is an",
        ),
        (
            "-d [fe80::1%eth0]:9 --all-netns",
            "--destination 'fe80::1%eth0', which names a device, not with --all-netns",
        ),
    ],
)
def test_options_without_effect_are_refused(text, refused):
    with pytest.raises(UsageError) as raised:
        parse_options(text.split())
    assert refused in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        *("-vv --top 9", "-c 70", "-d 192.0.2.7:443 -d 192.0.2.8:443 -v -v"),
        *("--source :: -d 192.0.2.7:443", "--source 192.0.2.5 -d db:443"),
        *("-p 9 -H ::1 -6 -w 5", "--netns web --sampler sock_diag", "-w 95 -c 99"),
        *("-p 9 --netns web --top 9 -v", "-p 9 --all-netns --expect free"),
    ],
)
def test_options_that_work_together_are_accepted(text):
    assert isinstance(parse_options(text.split()), Options)
