"""The one family of errors with which reading the system can fail."""

from __future__ import annotations


class SystemReadError(Exception):
    """The system refused or garbled what the check has to know.

    The text is one line that names what was read and what went wrong.
    """
