"""Nagios plugin: is this host running out of ephemeral ports, for whom, and why."""

__version__ = "0.1.0"
