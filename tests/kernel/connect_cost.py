"""Measures how the cost of connect() rises while the range fills for one destination.

``python -m tests.kernel.connect_cost contrib/docs/connect-cost.svg`` measures on this
machine and draws the chart. Each cost is the median of many connects over loopback,
including the handshake, divided by the cost with an empty range.
"""

from __future__ import annotations

import os
import platform
import signal
import socket
import sys
import time
from datetime import date
from math import log10
from statistics import median

from tests.support.namespace import run_in_namespace
from tests.support.sockets import connect, listen, open_sockets, reset_at_close

PORTS = (32768, 60999)
FILLS_PERCENT = (0, 10, 20, 30, 40, 45, 49, 51, 55, 60, 70, 80, 90, 95, 99)
CONNECTS_PER_POINT = 501
DESTINATION = ("127.0.0.1", 5000)
MAX_SOCKETS_PER_PROCESS = 5000
"""The number of file descriptors of a process is limited."""

Point = tuple[int, float]
"""Percent of the range in use, and seconds for a connect()."""


def measure() -> list[Point]:
    """Measure the cost of a connect(), by percent of the range in use."""
    capacity = PORTS[1] - PORTS[0] + 1
    server = listen(*DESTINATION)
    children = [_acceptor(server) for _ in range(4)]
    points: list[Point] = []
    for _ in range(5000):  # until caches and clock speed are steady
        _connect_seconds()
    held = 0
    for fill in FILLS_PERCENT:
        while held < capacity * fill // 100:
            count = min(MAX_SOCKETS_PER_PROCESS, capacity * fill // 100 - held)
            children.append(_holder(count))
            held += count
        points.append(
            (fill, median(_connect_seconds() for _ in range(CONNECTS_PER_POINT)))
        )
        print(f"{fill:3d} %  {points[-1][1] * 1e6:8.0f} us", file=sys.stderr)
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return points


def _connect_seconds() -> float:
    begin = time.perf_counter()
    client = connect(DESTINATION)
    seconds = time.perf_counter() - begin
    # close without TIME_WAIT, so that the number of used ports does not change
    reset_at_close(client)
    client.close()
    return seconds


def _acceptor(server: socket.socket) -> int:
    child = os.fork()
    if child == 0:
        accepted = []
        while True:
            accepted.append(server.accept()[0])
    return child


def _holder(count: int) -> int:
    ready, report = os.pipe()
    child = os.fork()
    if child == 0:
        held = open_sockets(count, lambda: connect(DESTINATION))
        os.write(report, b"x")
        signal.sigwait([signal.SIGTERM])
        sys.exit(len(held))
    os.close(report)
    os.read(ready, 1)
    os.close(ready)
    return child


def draw(points: list[Point]) -> str:
    """The chart as SVG: ratios to the cost with an empty range, on a logarithmic
    scale."""
    ratios = [(fill, seconds / points[0][1]) for fill, seconds in points]
    decades = (1, 10, 100, 1000)

    def x(fill: float) -> float:
        return 60 + fill * 5.2

    def y(ratio: float) -> float:
        return 260 - 75 * log10(max(ratio, 1))

    grid = "".join(
        f'<line x1="60" x2="580" y1="{y(d)}" y2="{y(d)}" stroke="#ddd"/>'
        f'<text x="52" y="{y(d) + 4}" text-anchor="end">{d}x</text>'
        for d in decades
    )
    ticks = "".join(
        f'<text x="{x(f)}" y="280" text-anchor="middle">{f} %</text>'
        for f in (0, 25, 50, 75, 100)
    )
    line = " ".join(f"{x(f):.1f},{y(r):.1f}" for f, r in ratios)
    dots = "".join(
        f'<circle cx="{x(f):.1f}" cy="{y(r):.1f}" r="3" fill="#b30000"/>'
        for f, r in ratios
    )
    made = f"Linux {platform.release().split('-')[0]}, {date.today()}"
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 620 320" '
        'font-family="sans-serif" font-size="12">'
        '<rect width="620" height="320" fill="white"/>'
        '<text x="60" y="20" font-size="14">Cost of one connect(), by percent of '
        f"the range used for its destination</text>{grid}{ticks}"
        f'<line x1="{x(50)}" x2="{x(50)}" y1="35" y2="260" stroke="#888" '
        'stroke-dasharray="4"/>'
        f'<text x="{x(50) + 6}" y="48">the half tried first is used up</text>'
        f'<polyline points="{line}" fill="none" stroke="#b30000" stroke-width="2"/>'
        f'{dots}<text x="60" y="308" fill="#666">{PORTS[1] - PORTS[0] + 1} ports, '
        f"loopback with handshake, medians; {made}</text></svg>\n"
    )


def main(path: str) -> int:
    """Measure in a namespace, and write the chart to ``path``."""

    def body() -> None:
        with open(path, "w", encoding="utf-8") as file:
            file.write(draw(measure()))

    failure = run_in_namespace(f"{PORTS[0]}-{PORTS[1]}", body, limit_seconds=600)
    print(failure or f"written: {path}", file=sys.stderr)
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
