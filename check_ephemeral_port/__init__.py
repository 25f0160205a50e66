"""Nagios plugin: is this host running out of ephemeral ports, and why?"""

from __future__ import annotations

__version__ = "0.1.0"
