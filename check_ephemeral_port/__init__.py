"""Nagios plugin: is this host running out of ephemeral ports, and why?"""

# every old Python can read this file and __main__.py, which names the version it needs
__version__ = "0.1.0"
