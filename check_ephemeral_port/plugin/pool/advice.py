"""Advice about the pool: causes of an alarm, and commands for the right namespace."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...model.advice.facts import Advice
from ...model.namespaces import Namespace

_HARMLESS_PATH = re.compile(r"/[A-Za-z0-9_./:@-]+")


def causes_of(advice: Iterable[Advice]) -> list[str]:
    """The causes of an alarm, for the status line."""
    return [each.cause for each in advice if each.cause]


def for_namespace(advice: Advice, namespace: Namespace | None) -> Advice:
    """The advice, with a command for another namespace than the check's own."""
    if not advice.is_command or namespace is None or namespace.own:
        return advice
    path = namespace.paths[0]
    # root will run the command, so it contains only paths that a shell cannot misread
    target = path if _HARMLESS_PATH.fullmatch(path) else "PATH"
    return advice._replace(fix=f"nsenter --net={target} {advice.fix}")
