"""What the user probably meant by arguments that make no sense.

Only a run with a wrong command line needs this.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from .model.ports import parse_port

MOST_HINTS = 3
OTHER_NAMES = {
    "tcp": "--protocol tcp",
    "udp": "--protocol udp",
    "ipv4": "-4",
    "ipv6": "-6",
    "?": "-h",
    "namespace": "--netns",
    "remote": "--destination",
    "host": "-H",
}
"""What other programs call options of this one."""
OTHER_DASH = "[\u2010-\u2015\u2212]"
"""What text processors make of ``-`` or ``--``."""


def unknown_argument(
    argument: str, arguments: Sequence[str], flags: Collection[str]
) -> str:
    """What to say about an argument that is no option and belongs to none.

    ``arguments``: the whole command line. ``flags``: all options.
    """
    meant = similar_flags(argument, flags)
    if argument.startswith("-"):
        return f"there is no option {argument}, {_question(meant) or _LISTED}"
    if re.match(OTHER_DASH, argument):
        return f"{argument!r} begins with a dash that is no '-', {_question(meant)}"
    value = _value_of(argument, arguments)
    if value:
        return f"{argument!r} belongs to no option, did you mean {value}?"
    if len(meant) == 1 and re.match("[a-z]{4}", argument):
        return f"{argument!r} begins without '--', {_question(meant)}"
    return f"{argument!r} belongs to no option"


_LISTED = "-h lists all options"


def _question(meant: Sequence[str]) -> str:
    return f"did you mean {' or '.join(meant)}?" if meant else ""


def similar_flags(text: str, flags: Collection[str]) -> Sequence[str]:
    """The options with this beginning, else those that are spelled nearly so.

    None if there are too many to be a help.
    """
    names = {flag.lstrip("-"): flag for flag in flags}
    word = re.sub("^[^0-9A-Za-z?]+", "", text.partition("=")[0])
    word = word.replace("_", "-").lower()
    if word in OTHER_NAMES:
        return [OTHER_NAMES[word]]
    if word in names:
        return [names[word]]
    found = [name for name in names if word and name.startswith(word)]
    if not found:
        from difflib import get_close_matches

        found = get_close_matches(word, names, n=1)
    return [names[name] for name in found] if len(found) <= MOST_HINTS else []


def single_dash(arguments: Sequence[str], flags: Collection[str]) -> str:
    """What to say about ``-warning``; empty if no argument is like this.

    It would mean the option ``-w`` with the value ``arning``.
    """
    for argument in arguments:
        option = argument.partition("=")[0]
        if len(option) > 2 and option[1] != "-" and f"-{option}" in flags:
            return f"there is no option {option}, did you mean -{option}?"
    return ""


def missing_value(
    names: Sequence[str], arguments: Sequence[str], flags: Collection[str]
) -> str:
    """Why an option with these names has no value; empty if nothing follows it."""
    for option, follower in zip(arguments, arguments[1:]):
        if option not in names or not follower.startswith("-") or follower == "--":
            continue
        if follower.partition("=")[0] in flags:
            return f"has no value before {follower}"
        if re.match(r"-\.?[0-9]", follower):
            return f"'{follower}' is a negative number, which makes no sense here"
        return f"'{follower}' begins with '-', write {names[-1]}={follower}"
    return ""


def _value_of(argument: str, arguments: Sequence[str]) -> str:
    """The argument with the option that it seems to be the value of."""
    values = {
        option.partition("=")[0]: value
        for option, value in zip(arguments, [*arguments[1:], ""])
    }

    def given(*names: str) -> str | None:
        return next((values[name] for name in names if name in values), None)

    port, is_port = given("-p", "--port"), _is_port(argument)
    if is_port and port is not None:
        return f"-p {port},{argument}"
    if is_port and given("-H", "--hostname"):
        return f"-p {argument}"
    if given("-v", "--verbose") and re.fullmatch("[123]", argument):
        return "-" + "v" * int(argument)
    if given("--all-netns"):
        return f"--netns {argument}"
    if re.fullmatch(r"[0-9]{1,2}%?", argument):
        for short, long in (("-w", "--warning"), ("-c", "--critical")):
            if given(short, long) is None:
                return f"{short} {argument}"
    return ""


def _is_port(text: str) -> bool:
    try:
        return bool(parse_port(text))
    except ValueError:
        return False
