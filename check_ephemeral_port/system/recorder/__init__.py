"""The recorder: the kernel itself keeps a record of the requests that got no port.

tcp_v4_connect() and tcp_v6_connect() set the state SYN_SENT, ask for a port, and set
CLOSE if there is none. The tracepoint ``sock:inet_sock_set_state`` reports that change
with source port 0. Nothing else does: refused, unreachable and timed out connections
had a port. Each kind of request has an instance of tracefs of its own, which no other
tracer sees. The kernel needs no program for that, and the record ends with the boot.
"""
