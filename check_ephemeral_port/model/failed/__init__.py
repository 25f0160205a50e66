"""Requests that failed because no port was free, as the kernel recorded them."""
