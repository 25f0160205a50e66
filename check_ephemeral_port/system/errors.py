"""The error that every function of this ring raises if it cannot read the system."""

from __future__ import annotations


class SystemReadError(Exception):
    """The system refused to give a fact that the check needs, or gave a malformed one.

    The text is one line. It names what was read and what went wrong.
    """
