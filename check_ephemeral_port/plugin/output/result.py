"""The result of a check, as data. Every output format is written from it."""

from __future__ import annotations

from collections.abc import Sequence

from ...model.records import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:  # most runs have no details
    from typing import Union

    from ...model.advice.facts import Advice
    from .details import Section

    Detail = Union[Section, Advice]


class Metric(NamedTuple):
    """One figure, with the thresholds that judged it."""

    label: str
    """The name of the perfdata; :mod:`..labels` lists them all."""
    value: float
    unit: str = ""
    """``%``, ``s``, or empty for a number."""
    warning: str = ""
    """A Nagios range; empty for none."""
    critical: str = ""
    minimum: float | None = None
    maximum: float | None = None
    state: str = "ok"
    """``ok``, ``warning``, ``critical`` or ``unknown``."""


class Result(NamedTuple):
    """What the check found out."""

    state: str
    """``ok``, ``warning``, ``critical`` or ``unknown``."""
    exit_code: int
    sentences: Sequence[str]
    """What is wrong first, then its cause."""
    metrics: Sequence[Metric]
    details: Sequence[Detail] = ()
    """What ``-v`` shows below the status line, in this order."""
