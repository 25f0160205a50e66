"""Which options make sense together.

A condition is the name of an option, for any value of it, or ``name=value``. These
tables are all there is to say; an option without effect is refused, since its user
expects one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from .model.sockets import ALWAYS, PSUTIL, SOCK_DIAG

_PORT_CHECK = (
    *("port", "hostname", "ip_version", "expect", "protocol"),
    *("warning", "critical", "verbose", "timeout", "exit_ok"),
)

TAKES_ONLY: Mapping[str, Sequence[str]] = {
    "recorder": ("recorder_group", "verbose", "timeout"),
    "hostname": _PORT_CHECK,
    "port": (*_PORT_CHECK, "sampler", "netns", "all_netns", "top"),
}
"""The options that make something else of the run than the pool check, and all other
options that each of them takes. The first one that is given counts."""

NEEDS: Mapping[str, str] = {
    "recorder_group": "recorder=on",
    "hostname": "port",
    "expect": "port",
    "ip_version": "hostname",
    "expect=open": "hostname",
    "expect=closed": "hostname",
    "expect=filtered": "hostname",
    "eta_warning": "state_file",
    "eta_critical": "state_file",
    "top": "verbose",
}
"""Options without effect unless another one is given."""

_OF_TCP = "which counts no TCP ports"
_CONNECTS = "which makes a TCP connection"
_LOCAL = "which can be open, closed or filtered"
_FREE = "which shows no namespaces but the check's own"

NOT_TOGETHER: Sequence[tuple[str, str, str]] = (
    ("destination", "protocol=udp", _OF_TCP),
    ("bind_warning", "protocol=udp", _OF_TCP),
    ("bind_critical", "protocol=udp", _OF_TCP),
    ("fast_warning", "protocol=udp", _OF_TCP),
    ("fast_critical", "protocol=udp", _OF_TCP),
    ("probe", "protocol=udp", _OF_TCP),
    ("expect=listening", "protocol=udp", "since UDP sockets don't listen, use 'used'"),
    ("protocol=udp", "hostname", _CONNECTS),
    ("protocol=all", "hostname", _CONNECTS),
    ("expect=free", "hostname", _LOCAL),
    ("expect=used", "hostname", _LOCAL),
    ("expect=listening", "hostname", _LOCAL),
    ("all_netns", "netns", "which is one of them"),
    ("state_file", "all_netns", "run a check for each --netns"),
    ("netns", "sampler=" + PSUTIL, _FREE),
    ("all_netns", "sampler=" + PSUTIL, _FREE),
)
"""Pairs of options that contradict each other, with what the second one means."""

LINUX_ONLY: Sequence[str] = (
    "sampler=" + SOCK_DIAG,
    "probe=" + ALWAYS,
    "netns",
    "all_netns",
    "recorder",
)
"""Options that need what only Linux has."""


def objections(given: Mapping[str, object], platform: str) -> Iterator[str]:
    """What is wrong with the options that are given, each in a line with both names.

    ``platform``: as in ``sys.platform``.
    """
    leading = next(filter(given.__contains__, TAKES_ONLY), "")
    for name in given:
        if leading and name not in (leading, *TAKES_ONLY[leading]):
            yield f"{_text(name, given)} not with {_text(leading, given)}"
    for condition, needed in NEEDS.items():
        if _holds(condition, given) and not _holds(needed, given):
            both = _text(condition, given), _text(needed, given)
            yield "{} needs {}".format(*both)
    for first, second, reason in NOT_TOGETHER:
        if _holds(first, given) and _holds(second, given):
            yield f"{_text(first, given)} not with {_text(second, given)}, {reason}"
    if platform != "linux":
        for condition in LINUX_ONLY:
            if _holds(condition, given):
                yield f"{_text(condition, given)} on Linux only"


def _holds(condition: str, given: Mapping[str, object]) -> bool:
    name, _, value = condition.partition("=")
    return name in given and (not value or given[name] == value)


def _text(condition: str, given: Mapping[str, object]) -> str:
    """The option as its user writes it."""
    name, _, value = condition.partition("=")
    if name == "ip_version":
        return f"-{given[name]}"
    return f"--{name.replace('_', '-')} {value}".rstrip()
