"""The one-port check: what a port is, and the sockets that have it."""
