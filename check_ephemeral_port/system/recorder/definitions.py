"""How the kernel records each kind of request.

Only connect() of TCP has a tracepoint, in all kernels from 4.16 on. bind() to port 0
and UDP need a probe at the return of the function that chooses the port. It has to
record the wanted port as well, since a wanted port that is taken is no lack of ports;
hence ``snum == 0``. Linux 6.1 and older refuse such a probe. The event
``sys_exit_bind`` is no substitute: it makes every system call of the host slower.

A wanted port that is taken has a record of its own, so that it is not mistaken for a
lack of ports: connect() fails with EADDRNOTAVAIL in both cases.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...model.failed.counts import BIND, TAKEN, TCP_CONNECT, UDP
from ...model.records import NamedTuple

NO_PORT = "ret != 0 && snum == 0"
_RESULT = "ret=$retval:s32 net=sk->__sk_common.skc_net.net->ns.inum:u32"


class Probe(NamedTuple):
    """One way to define an event with ``dynamic_events``."""

    name: str
    """What the kernel's documents call it: fprobe or kprobe."""
    texts: Sequence[str]
    """The definitions after the name of the event, one for each function."""
    letter: str
    """The first letter of the definitions."""


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
        Probe("fprobe", [f"{function}%return snum {_RESULT}"], "f"),
        Probe("kprobe", [f"{function} snum=$arg2:u16 ret=$retval:s32"], "r"),
    )


# at the third, bind() has chosen the port before: skc_num, byte 14 of struct sock
_TAKEN = (
    Probe(
        "fprobe",
        [
            f"inet_csk_get_port%return chosen=snum:u16 {_RESULT}",
            f"udp_lib_get_port%return chosen=snum:u16 {_RESULT}",
            f"__inet_hash_connect%return chosen=sk->__sk_common.skc_num:u16 {_RESULT}",
        ],
        "f",
    ),
    Probe(
        "kprobe",
        [
            "inet_csk_get_port chosen=$arg2:u16 ret=$retval:s32",
            "udp_lib_get_port chosen=$arg2:u16 ret=$retval:s32",
            "__inet_hash_connect chosen=+14($arg2):u16 ret=$retval:s32",
        ],
        "r",
    ),
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
    TAKEN: Way("ret != 0 && chosen != 0", probes=_TAKEN),
}
