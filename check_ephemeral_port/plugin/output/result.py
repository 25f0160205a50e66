"""The result of a check as data. All output formats are written from it."""

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
    """The label of the perfdata; :mod:`..labels` lists all labels."""
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
    """The result of a check."""

    state: str
    """``ok``, ``warning``, ``critical`` or ``unknown``."""
    exit_code: int
    sentences: Sequence[str]
    """The problem first, then its cause."""
    metrics: Sequence[Metric]
    details: Sequence[Detail] = ()
    """Shown below the status line with ``-v``, in this order."""
