"""The options of the program, as the generators need them."""

import re
from argparse import Action
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Optional

from check_ephemeral_port.options import build_parser


class Option(NamedTuple):
    """One option of the command line."""

    flags: Sequence[str]
    """All spellings, the longest last."""
    metavar: Optional[str]
    """How the help names the value; ``None`` if there is none, or with choices."""
    choices: Sequence[str]
    repeatable: bool
    """Can be repeated, each time with a value."""
    counted: bool
    """Can be repeated, without a value: ``-vvv``."""
    value_is_optional: bool
    help: str

    @property
    def flag(self) -> str:
        """The longest spelling."""
        return self.flags[-1]

    @property
    def name(self) -> str:
        """The same without its dashes."""
        return self.flag.lstrip("-")

    @property
    def takes_value(self) -> bool:
        """Whether a value follows."""
        return bool(self.metavar or self.choices)

    @property
    def takes_path(self) -> bool:
        """Whether the value is a path."""
        return "PATH" in (self.metavar or "")

    @property
    def takes_namespace(self) -> bool:
        """Whether the value is a network namespace."""
        return self.metavar == "NAME|PID|PATH"

    @property
    def summary(self) -> str:
        """The beginning of the help, as far as it makes sense alone."""
        return re.split(r"[;.] | \(", self.help)[0].strip()

    @property
    def checks(self) -> bool:
        """Whether it belongs to a check. Others show a text, or prepare the host."""
        others = ("help", "version", "recorder", "recorder-group")
        return self.name not in others


class Group(NamedTuple):
    """Options under one heading of the help text."""

    title: str
    options: Sequence[Option]


def groups() -> Iterator[Group]:
    """All options, in the order of the help text."""
    # argparse has no public way to list what was added to a parser
    for group in build_parser()._action_groups:
        options = [_option(action) for action in group._group_actions]
        if options:
            yield Group(group.title or "", options)


def options() -> Sequence[Option]:
    """The same without the headings."""
    return [option for group in groups() for option in group.options]


def _option(action: Action) -> Option:
    assert action.nargs in (None, 0, "?"), f"{action.option_strings}: unknown nargs"
    kind = type(action).__name__
    choices = tuple(action.choices or ())
    metavar = None
    if action.nargs is None and not choices:
        metavar = str(action.metavar or action.dest.upper())
    return Option(
        flags=sorted(action.option_strings, key=len),
        metavar=metavar,
        choices=choices,
        repeatable=kind == "_AppendAction",
        counted=kind == "_CountAction",
        value_is_optional=action.nargs == "?",
        help=(action.help or "") % vars(action),
    )
