"""Linux: the range, the reserved ports and the rules of TIME_WAIT, from ``/proc/sys``.

Source: kernel, Documentation/networking/ip-sysctl.rst. Each network namespace has its
own settings. The ports apply to IPv4 and IPv6, TCP and UDP; the rules apply to TCP.
"""

from __future__ import annotations

from ...model.ports import PortPool, PortRange, parse_port_list
from ...model.settings import ConnectRules, PortSettings
from ..errors import SystemReadError
from ..kernel_files import read_kernel_text

RESERVED = "ip_local_reserved_ports"
ATTEMPTS = 20
"""The maximum number of changes in a row; more are no accident."""
MAX_NUMBER = 2**32
"""No number of the kernel is larger, signed or unsigned."""


def read_linux_port_settings(proc: str = "/proc") -> PortSettings:
    """The settings below ``proc``.

    Raises :class:`SystemReadError` with the name of the file that failed.
    """
    ipv4 = f"{proc}/sys/net/ipv4"
    range_path, reserved_path = f"{ipv4}/ip_local_port_range", f"{ipv4}/{RESERVED}"
    range_text, reserved_text = _read_at_one_moment(range_path, reserved_path)
    try:
        first, last = map(int, range_text.split())
        port_range = PortRange(first, last)
    except ValueError:
        raise SystemReadError(f"{range_path}: {range_text!r} is not a range") from None
    pool = PortPool(port_range, _parse_reserved(reserved_path, reserved_text))
    return PortSettings(pool, _connect_rules(ipv4), range_path)


def read_reserved_ports(proc: str = "/proc") -> frozenset[int]:
    """All reserved ports.

    Raises :class:`SystemReadError` with the name of the file that failed.
    """
    path = f"{proc}/sys/net/ipv4/{RESERVED}"
    return _parse_reserved(path, _read(path))


def _parse_reserved(path: str, text: str) -> frozenset[int]:
    try:
        return parse_port_list(text)
    except ValueError as error:
        raise SystemReadError(f"{path}: {error}") from None


def _read_at_one_moment(*paths: str) -> list[str]:
    """The texts of files that were valid together, in spite of changes between reads.

    If a second round of reads finds nothing new, the texts were valid between the two.
    """
    texts = [_read(path) for path in paths]
    for _ in range(ATTEMPTS):
        again = [_read(path) for path in paths]
        if again == texts:
            return texts
        texts = again
    raise SystemReadError(f"{' and '.join(paths)} change while they are read")


def read_number(path: str) -> int | None:
    """The number in a file; ``None`` if the file is missing or has no number."""
    try:
        number = int(_read(path))
    except (SystemReadError, ValueError):  # missing in sandboxes and older kernels
        return None
    return number if abs(number) <= MAX_NUMBER else None


def _connect_rules(ipv4: str) -> ConnectRules:
    delay_ms = read_number(f"{ipv4}/tcp_tw_reuse_delay")
    return ConnectRules(
        reuse=read_number(f"{ipv4}/tcp_tw_reuse"),
        # absent before Linux 6.14
        reuse_delay_seconds=None if delay_ms is None else delay_ms / 1000,
        timestamps=read_number(f"{ipv4}/tcp_timestamps") != 0,
        # absent before Linux 5.7
        autobind_reuse=read_number(f"{ipv4}/ip_autobind_reuse") == 1,
        # absent if the kernel has no VRFs
        l3mdev_accept=read_number(f"{ipv4}/tcp_l3mdev_accept") == 1,
    )


def _read(path: str) -> str:
    return read_kernel_text(path).strip()
