"""The same ports, nearly full towards one destination and nearly empty towards another.

``make generated`` writes ``contrib/docs/same-ports.svg``. The figures are those of the
CRITICAL example in README.rst.
"""

from collections.abc import Iterator
from typing import NamedTuple

PORTS = 28232
"""32768-60999."""
COLUMNS, ROWS = 40, 7
CELLS = COLUMNS * ROWS
PITCH = 11
CELL = 9
"""Width and height of a cell; between two cells is a gap."""
LEFT = 6
SHARED_CELL = (ROWS - 1) * COLUMNS + 29
"""A port that both destinations use."""


class Destination(NamedTuple):
    """One destination, and the use of the host's ports towards it."""

    address: str
    used_ports: int
    used_cells: set[int]
    verdict: str
    style: str
    """CSS class of its color."""

    @property
    def used_percent(self) -> int:
        """Rounded down, as the check does."""
        return 100 * self.used_ports // PORTS

    @property
    def remaining_ports(self) -> int:
        """The ports that connect() can still choose from."""
        return PORTS - self.used_ports


def _used_cells(ports: int) -> int:
    return round(CELLS * ports / PORTS)


# both are spread without a visible pattern, and share no cell
_USED_IN_BOTH = {
    (SHARED_CELL + 171 * n + 37 * (n * n % 5)) % CELLS for n in range(_used_cells(1200))
}
_FREE_IN_BOTH = {
    (SHARED_CELL + 53 * n) % CELLS for n in range(1, 1 + CELLS - _used_cells(27500))
}

FULL = Destination(
    "192.0.2.7:443",
    27500,
    set(range(CELLS)) - _FREE_IN_BOTH,
    "connect() fails soon",
    "full",
)
EMPTY = Destination("192.0.2.8:443", 1200, _USED_IN_BOTH, "plenty of room", "empty")

HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" width="720" height="312"
 viewBox="0 0 720 312" role="img" aria-labelledby="title desc"
 font-family="system-ui, 'Segoe UI', Roboto, sans-serif">
<title id="title">The same {ports} ports, counted for each destination</title>
<desc id="desc">One host has {ports} ephemeral ports. Towards {full.address} {full_used}
of them are used and {full_remaining} remain, so connect() fails soon. Towards
{empty.address} {empty_used} of the same ports are used and {empty_remaining} remain.
A plain count of used ports says {full.used_percent} % for both.</desc>
<style>
text {{ fill: #24292f; font-size: 13px }}
.heading {{ font-size: 18px; font-weight: 600 }}
.address {{ font-family: ui-monospace, 'DejaVu Sans Mono', monospace; font-size: 14px }}
.figure {{ font-size: 21px; font-weight: 600 }}
.quiet {{ fill: #656d76 }}
.free {{ fill: #d7dce1 }}
.full {{ fill: #cc4b37 }}
.empty {{ fill: #1f7f74 }}
.count {{ fill: #8b949e }}
.line {{ fill: none; stroke: #656d76; stroke-width: 1.5 }}
.arrow {{ fill: #656d76 }}
@media (prefers-color-scheme: dark) {{
text {{ fill: #e6edf3 }}
.quiet {{ fill: #9aa4af }}
.free {{ fill: #343b44 }}
.full {{ fill: #f0806c }}
.empty {{ fill: #56bfae }}
.count {{ fill: #7d8590 }}
.line {{ stroke: #9aa4af }}
.arrow {{ fill: #9aa4af }}
}}
</style>
"""
BODY = """\
<defs>
{patterns}
</defs>
<text x="{left}" y="24" class="heading">The same {ports} ports, counted for each \
destination</text>
<text x="{left}" y="46" class="quiet">One host, ports 32768-60999. Each cell stands \
for about 100 ports.</text>
{grids}
{shared}
{count}
</svg>
"""


def picture() -> str:
    """The file."""
    top = 64
    below = top + ROWS * PITCH + 36
    return (HEAD + BODY).format(
        left=LEFT,
        ports=f"{PORTS:,}",
        full=FULL,
        empty=EMPTY,
        full_used=f"{FULL.used_ports:,}",
        empty_used=f"{EMPTY.used_ports:,}",
        full_remaining=f"{FULL.remaining_ports:,}",
        empty_remaining=f"{EMPTY.remaining_ports:,}",
        patterns="\n".join(map(_pattern, ("free", FULL.style, EMPTY.style))),
        grids="\n".join([*_grid(FULL, top), *_grid(EMPTY, below)]),
        shared="\n".join(_shared(top, below)),
        count="\n".join(_plain_count(below + ROWS * PITCH + 28)),
    )


def _pattern(style: str) -> str:
    return (
        f'<pattern id="{style}-cells" width="{PITCH}" height="{PITCH}"'
        f' x="{LEFT}" y="0" patternUnits="userSpaceOnUse">'
        f'<rect class="{style}" width="{CELL}" height="{CELL}" rx="1.5"/></pattern>'
    )


def _grid(to: Destination, top: int) -> Iterator[str]:
    """The ports, and next to them what they mean for the destination."""
    every = _runs(set(range(CELLS)))
    yield f'<g transform="translate(0 {top})">'
    yield f'<path d="{every}" fill="url(#free-cells)"/>'
    yield f'<path d="{_runs(to.used_cells)}" fill="url(#{to.style}-cells)"/>'
    middle = ROWS * PITCH // 2 - 1
    start, end = LEFT + COLUMNS * PITCH + 6, LEFT + COLUMNS * PITCH + 32
    yield f'<path class="line" d="M{start} {middle}H{end - 4}"/>'
    yield f'<path class="arrow" d="M{end} {middle}l-8 -4.5v9z"/>'
    x = end + 12
    yield f'<text x="{x}" y="14" class="address">{to.address}</text>'
    remaining = f"{to.remaining_ports:,} remaining"
    yield f'<text x="{x}" y="43" class="figure {to.style}">{remaining}</text>'
    words = f"{to.used_percent} % used: {to.verdict}"
    yield f'<text x="{x}" y="66">{words}</text>'
    yield "</g>"


def _runs(cells: set[int]) -> str:
    """A rectangle around each run of adjacent cells."""
    path = ""
    for row in range(ROWS):
        columns = [n for n in range(COLUMNS) if row * COLUMNS + n in cells]
        starts = [n for n in columns if n - 1 not in columns]
        ends = [n for n in columns if n + 1 not in columns]
        for start, end in zip(starts, ends):
            width = (end - start) * PITCH + CELL
            path += f"M{LEFT + start * PITCH} {row * PITCH}h{width}v{CELL}h-{width}z"
    return path


def _shared(top: int, below: int) -> Iterator[str]:
    """The frame around one port in both grids."""
    row, column = divmod(SHARED_CELL, COLUMNS)
    x = LEFT + column * PITCH - 1.5
    size = CELL + 3
    for grid in (top, below):
        y = grid + row * PITCH - 1.5
        where = f'x="{x}" y="{y}" width="{size}" height="{size}"'
        yield f'<rect class="line" {where} rx="3"/>'
    middle = x + size / 2
    start, end = top + row * PITCH - 1.5 + size, below + row * PITCH - 1.5
    yield f'<path class="line" stroke-dasharray="2 3" d="M{middle} {start}V{end}"/>'
    y = (top + ROWS * PITCH + below) / 2 + 4
    yield (
        f'<text x="{middle - 10}" y="{y}" text-anchor="end" class="quiet">'
        "the same port can serve both destinations</text>"
    )


def _plain_count(y: int) -> Iterator[str]:
    """The answer of a check that only counts used ports."""
    width = COLUMNS * PITCH - (PITCH - CELL)
    used = round(width * FULL.used_ports / PORTS)
    yield f'<rect class="free" x="{LEFT}" y="{y}" width="{width}" height="8" rx="2"/>'
    yield f'<rect class="count" x="{LEFT}" y="{y}" width="{used}" height="8" rx="2"/>'
    x = LEFT + COLUMNS * PITCH + 44
    yield f'<text x="{x}" y="{y}" class="quiet">A plain count of used ports</text>'
    yield (
        f'<text x="{x}" y="{y + 18}" class="quiet">'
        f"says {FULL.used_percent} % for both.</text>"
    )
