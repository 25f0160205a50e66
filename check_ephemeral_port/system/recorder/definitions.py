"""How the kernel records each kind of request.

Only connect() of TCP has a tracepoint, in all kernels from 4.16 on. bind() to port 0
and UDP need a probe at the return of the function that chooses the port. It has to
record the wanted port as well, since a wanted port that is taken is no lack of ports;
hence ``snum == 0``. Linux 6.1 and older refuse such a probe. The event
``sys_exit_bind`` is no substitute: it makes every system call of the host slower.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...model.failed.counts import BIND, TCP_CONNECT, UDP
from ...model.records import NamedTuple

NO_PORT = "ret != 0 && snum == 0"
_NAMESPACE = "net=sk->__sk_common.skc_net.net->ns.inum:u32"


class Probe(NamedTuple):
    """A definition for ``dynamic_events``."""

    name: str
    """What the kernel's documents call it: fprobe or kprobe."""
    text: str
    """The definition after the name of the event."""
    letter: str
    """The first letter of the definition."""


class Way(NamedTuple):
    """How the kernel records one kind of request."""

    filter: str
    """Which events are failures, in the language of the kernel's event filters."""
    event: str = ""
    """The event below ``events``; empty if it is a probe."""
    probes: Sequence[Probe] = ()
    """Definitions of the probe, the best first."""


def _returns(function: str) -> Sequence[Probe]:
    return (
        # needs BTF
        Probe("fprobe", f"{function}%return snum ret=$retval:s32 {_NAMESPACE}", "f"),
        Probe("kprobe", f"{function} snum=$arg2:u16 ret=$retval:s32", "r"),
    )


WAYS = {
    # protocol: MPTCP has a second socket. dport: the check's own experiments go to 0.
    # 2 is TCP_SYN_SENT, 7 is TCP_CLOSE, 6 is IPPROTO_TCP
    TCP_CONNECT: Way(
        "oldstate == 2 && newstate == 7 && sport == 0 && protocol == 6 && dport != 0",
        event="sock/inet_sock_set_state",
    ),
    BIND: Way(NO_PORT, probes=_returns("inet_csk_get_port")),
    UDP: Way(NO_PORT, probes=_returns("udp_lib_get_port")),
}
