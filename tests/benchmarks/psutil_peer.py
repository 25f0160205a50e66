"""Calls ``psutil.net_connections()`` once.

``tcp``: all TCP sockets with their holders. ``unix``: little more than the search for
holders, which psutil makes for any kind of socket. ``nothing``: only import psutil.
"""

import sys

import psutil

if sys.argv[1] != "nothing":
    psutil.net_connections(sys.argv[1])
