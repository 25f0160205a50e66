"""Compares methods that forecast when the ports run out, on simulated days.

``python -m tests.model.forecast.trend_simulation`` writes the page and the chart. The
seeds are fixed, so the result is always the same.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Sequence
from itertools import groupby
from statistics import median
from typing import Callable, NamedTuple

from check_ephemeral_port.model.forecast.trend import (
    AGREEMENT,
    FEWEST_POINTS,
    TAIL_SHARE,
    WINDOW_POINTS,
    Point,
    growth,
    time_remaining,
)

CAPACITY = 28232
DAY = 1440
HORIZON_MINUTES = 30
"""Every method alarms when it expects the ports to run out within this time."""
TRUE_WITHIN_MINUTES = 60
"""An alarm is true if the ports run out within this time."""
REPEATS = 8
"""Number of days of each kind."""
NOISE_SHARE = 0.02
"""Standard deviation of the traffic, as a share of it."""
NOISE_MEMORY = 0.8
"""The share of a minute's deviation that lasts into the next minute."""

Shape = Callable[[random.Random, int], list[float]]
"""Makes the used share of the pool, for a number of minutes."""


def steady(level: float) -> Shape:
    """A flat line."""
    return lambda _, minutes: [level] * minutes


def leak(start: float, an_hour: float) -> Shape:
    """Connections that are never closed."""
    return lambda _, minutes: [start + an_hour * m / 60 for m in range(minutes)]


def wave(low: float, high: float) -> Shape:
    """More traffic by day than by night."""
    return lambda _, minutes: [
        low + (high - low) * (1 - math.cos(2 * math.pi * m / DAY)) / 2
        for m in range(minutes)
    ]


def both(one: Shape, other: Shape) -> Shape:
    """The sum of two shapes."""
    return lambda dice, minutes: [
        a + b for a, b in zip(one(dice, minutes), other(dice, minutes))
    ]


def retries(base: float, begin: int, doubling_minutes: float) -> Shape:
    """A backend that fails slowly: the number of waiting requests keeps doubling."""
    return lambda _, minutes: [
        base + (0.005 * 2 ** ((m - begin) / doubling_minutes) if m >= begin else 0)
        for m in range(minutes)
    ]


def bursts(low: float, high: float, ramp: int, hold: int) -> Shape:
    """A rise within minutes, a plateau and a fall, about every two hours."""

    def shape(dice: random.Random, minutes: int) -> list[float]:
        levels: list[float] = []
        while len(levels) < minutes:
            levels += [low] * dice.randrange(60, 120)
            up = [low + (high - low) * m / ramp for m in range(ramp)]
            levels += [*up, *[high] * hold, *reversed(up)]
        return levels[:minutes]

    return shape


def steps(low: float, high: float) -> Shape:
    """A batch of work that starts and ends abruptly."""
    return bursts(low, high, 0, 75)


def sawtooth(low: float, high: float, period: int) -> Shape:
    """A leak that every deploy fixes."""
    return lambda _, minutes: [
        low + (high - low) * (m % period) / period for m in range(minutes)
    ]


HARMLESS: dict[str, Shape] = {
    "steady 40 %": steady(0.4),
    "steady 85 %": steady(0.85),
    "day and night, 20-75 %": wave(0.2, 0.75),
    "steps, 30-65 %": steps(0.3, 0.65),
    "bursts in 3 min, 30-70 %": bursts(0.3, 0.7, 3, 10),
    "bursts in 6 min, 30-70 %": bursts(0.3, 0.7, 6, 20),
    "deploys every 4 h, 20-70 %": sawtooth(0.2, 0.7, 240),
    "deploys every 90 min, 20-60 %": sawtooth(0.2, 0.6, 90),
}
DEADLY: dict[str, Shape] = {
    "leak, 9 % an hour": leak(0.3, 0.09),
    "leak, 60 % an hour": leak(0.3, 0.6),
    "leak, 160 % an hour": both(steady(0.2), lambda d, m: late(leak(0, 1.6), d, m)),
    "leak by day and night": both(wave(0.2, 0.6), leak(0, 0.03)),
    "retries, doubling in 10 min": retries(0.3, 100, 10),
    "retries, doubling in 4 min": retries(0.3, 100, 4),
}


def late(shape: Shape, dice: random.Random, minutes: int) -> list[float]:
    """The shape, after an hour at its first level."""
    levels = shape(dice, minutes)
    return [levels[0]] * 60 + levels[:-60]


def series(name: str, shape: Shape, repeat: int, minutes: int = DAY) -> list[int]:
    """The number of used ports in each minute, until the ports run out."""
    dice = random.Random(f"{name} {repeat}")
    fresh = NOISE_SHARE * math.sqrt(1 - NOISE_MEMORY**2)
    noise, used = 0.0, []
    for level in shape(dice, minutes):
        noise = NOISE_MEMORY * noise + dice.gauss(0, fresh)
        counted = CAPACITY * level
        grain = dice.gauss(0, 0.5) * math.sqrt(counted)
        used.append(min(CAPACITY, max(0, round(counted * (1 + noise) + grain))))
        if used[-1] == CAPACITY:
            break
    return used


Method = Callable[[Sequence[int]], bool]
"""Decides from the counts, the newest last, whether to alarm."""


def over(percent: int) -> Method:
    """A plain threshold."""
    return lambda used: used[-1] >= CAPACITY * percent / 100


def near(slope: Callable[[Sequence[int]], float], window: int) -> Method:
    """Alarm if the ports run out in time at the slope of the window.

    ``slope`` returns ports a minute; ``window`` is the number of points that it gets.
    """

    def method(used: Sequence[int]) -> bool:
        if len(used) < window:
            return False
        free, a_minute = CAPACITY - used[-1], slope(used[-window:])
        return a_minute > 0 and free / a_minute <= HORIZON_MINUTES

    return method


def two_points(used: Sequence[int]) -> float:
    """The slope from the first point to the last."""
    return (used[-1] - used[0]) / (len(used) - 1)


def least_squares(used: Sequence[int]) -> float:
    """The slope of the least squares line."""
    middle, mean = (len(used) - 1) / 2, sum(used) / len(used)
    return sum((m - middle) * (n - mean) for m, n in enumerate(used)) / sum(
        (m - middle) ** 2 for m in range(len(used))
    )


def _slopes(used: Sequence[int]) -> list[float]:
    return sorted(
        (used[b] - used[a]) / (b - a) for b in range(len(used)) for a in range(b)
    )


def theil_sen(used: Sequence[int]) -> float:
    """The median of the slopes between every two points."""
    slopes = _slopes(used)
    return slopes[len(slopes) // 2]


def one_sign(used: Sequence[int]) -> float:
    """The median slope if nine of ten slopes are positive, otherwise 0."""
    slopes = _slopes(used)
    return theil_sen(used) if slopes[len(slopes) // 10] > 0 else 0


def lower_quartile(used: Sequence[int]) -> float:
    """The lower quartile of the slopes: three of four reach it."""
    slopes = _slopes(used)
    return slopes[len(slopes) // 4]


def agreeing(used: Sequence[int]) -> float:
    """The rule of the check: the median slope if nearly all reach a third of it."""
    slopes = _slopes(used)
    middle = slopes[len(slopes) // 2]
    return middle if slopes[int(TAIL_SHARE * len(slopes))] >= AGREEMENT * middle else 0


def prediction(used: Sequence[int], every: int = 1) -> float | None:
    """The model's forecast in minutes, with a run every ``every`` minutes."""
    minutes = range(0, len(used), every)[-WINDOW_POINTS:]
    points = [Point(m * 60.0, m * 60.0, used[m]) for m in minutes]
    remaining = time_remaining(CAPACITY - points[-1].used, growth(points))
    return remaining.likely / 60 if remaining else None


def the_check(every: int) -> Method:
    """The model itself, with a run every ``every`` minutes."""

    def method(used: Sequence[int]) -> bool:
        remaining = prediction(used, every)
        return remaining is not None and remaining <= HORIZON_MINUTES

    return method


METHODS: dict[str, Method] = {
    "over 80 % used": over(80),
    "over 90 % used": over(90),
    "last two points": near(two_points, 2),
    "first and last of 15": near(two_points, 15),
    "least squares of 15": near(least_squares, 15),
    "least squares of 30": near(least_squares, 30),
    "Theil-Sen, 15": near(theil_sen, 15),
    "Theil-Sen, 30": near(theil_sen, 30),
    "Theil-Sen, 15, one sign": near(one_sign, 15),
    "lower quartile of 15": near(lower_quartile, 15),
    "Theil-Sen, 10, agreeing": near(agreeing, 10),
    "Theil-Sen, 20, agreeing": near(agreeing, 20),
    "**Theil-Sen, 15, agreeing**": the_check(1),
    "the same, every 5 min": the_check(5),
}


class Verdict(NamedTuple):
    """The result of a method on one series."""

    false_alarms: int
    """How often it began to alarm too early, or although ports suffice."""
    lead_minutes: int | None
    """Time from its first true alarm until the ports run out; ``None`` without one."""


def judge(method: Method, used: Sequence[int], runs_out: bool) -> Verdict:
    """Run the method once a minute."""
    alarms = [method(used[: m + 1]) for m in range(len(used) - 1)]
    true_from = len(alarms) - TRUE_WITHIN_MINUTES if runs_out else len(alarms)
    early = alarms[: max(0, true_from)]
    begun = sum(a and not b for a, b in zip(early, [False, *early]))
    for minute in range(max(0, true_from), len(alarms)):
        if alarms[minute]:
            return Verdict(begun, len(used) - 1 - minute)
    return Verdict(begun, None)


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format an RST table."""
    widths = [max(map(len, column)) for column in zip(titles, *rows)]
    line = " ".join("=" * width for width in widths)
    texts = [
        " ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
        for row in (titles, *rows)
    ]
    return "\n".join([line, texts[0], line, *texts[1:], line])


def letters(names: Sequence[str], first: str) -> list[tuple[str, str]]:
    """A letter for each name, to keep tables narrow."""
    return [(chr(ord(first) + index), name) for index, name in enumerate(names)]


def sometimes(number: float) -> str:
    """A number with one digit, or a dash for 0."""
    return f"{number:.1f}" if number >= 0.05 else "-"


def false_alarm_row(name: str, method: Method) -> list[str]:
    """False alarms a day on each harmless kind of day, and their mean."""
    counts = []
    for kind, shape in HARMLESS.items():
        days = [series(kind, shape, repeat) for repeat in range(REPEATS)]
        found = sum(judge(method, day, False).false_alarms for day in days)
        counts.append(found / REPEATS)
    return [name, *map(sometimes, [*counts, sum(counts) / len(counts)])]


def warning_row(name: str, method: Method) -> list[str]:
    """Minutes of warning before the ports run out, and alarms that came too early."""
    cells, early = [], 0
    for kind, shape in DEADLY.items():
        verdicts = [
            judge(method, series(kind, shape, repeat), True)
            for repeat in range(REPEATS)
        ]
        cells.append(f"{median(v.lead_minutes or 0 for v in verdicts):.0f}")
        early += sum(verdict.false_alarms for verdict in verdicts)
    return [name, *cells, sometimes(early / REPEATS / len(DEADLY))]


def error_row(kind: str) -> list[str]:
    """The error of the forecast, by the minutes that really remained."""
    cells = []
    for before in MINUTES_BEFORE:
        errors = []
        for repeat in range(REPEATS):
            used = series(kind, DEADLY[kind], repeat)
            for last in range(before - 2, before + 3):
                forecast = prediction(used[: len(used) - last])
                # the last minute of the series is the first without a free port
                error = None if forecast is None else abs(forecast / (last - 1) - 1)
                errors.append(error)
        found = [error for error in errors if error is not None]
        share = f"{100 * len(found) / len(errors):.0f} %"
        cells.append(f"{share}, {100 * median(found):.0f} %" if found else share)
    return [kind, *cells]


def document() -> str:
    """The page with methods and results, in RST."""
    harmless, deadly = letters(list(HARMLESS), "A"), letters(list(DEADLY), "P")
    return TEXT.format(
        horizon=HORIZON_MINUTES,
        true=TRUE_WITHIN_MINUTES,
        repeats=REPEATS,
        noise=f"{100 * NOISE_SHARE:.0f} %",
        fewest=FEWEST_POINTS,
        harmless=legend(harmless),
        deadly=legend(deadly),
        false_alarms=table(
            ["method", *(letter for letter, _ in harmless), "mean"],
            [false_alarm_row(*item) for item in METHODS.items()],
        ),
        warnings=table(
            ["method", *(letter for letter, _ in deadly), "early"],
            [warning_row(*item) for item in METHODS.items()],
        ),
        errors=table(
            ["minutes before the end", *map(str, MINUTES_BEFORE)],
            [error_row(kind) for kind in DEADLY],
        ),
    )


MINUTES_BEFORE = (30, 20, 10, 5)

TEXT = """When will it run out: how the forecast was chosen
=================================================

A comparison of forecasting methods on simulated days. For those who want to know why
the check forecasts as it does, and how far to trust it.

``python -m tests.model.forecast.trend_simulation`` makes this page, with fixed seeds.
The days are made up: one run of the check a minute, a pool of 28,232 ports, and traffic
that varies at random by {noise} and by the noise of counting. Each method alarms when
it expects the ports to run out within {horizon} minutes; the plain thresholds alarm
when that percentage is used. An alarm is *true* if the ports run out within {true}
minutes. All figures come from {repeats} days of each kind.

.. image:: trend.svg
   :alt: a day with a burst, a step, deploys and a leak, and when each method alarms

Days on which ports suffice
---------------------------

{harmless}

False alarms a day (how often a method began to alarm):

{false_alarms}

Days on which ports run out
---------------------------

{deadly}

Minutes of warning: from the first true alarm until the ports run out (median, at most
{true}; 0: no true alarm). *early*: alarms on each day that came too early to be true.

{warnings}

Result
------

The check takes the **median of the slopes between every two of the last 15 runs**
(Theil-Sen). It **trusts the median only if nine of ten slopes reach a third of it**. A
step or a short burst can have the median slope of a leak, but few pairs of runs share
that slope. With fewer than {fewest} runs there is no forecast.

- The last two points alarm all day. Least squares, or the median alone, alarm at each
  burst and each step. The condition that the slopes agree costs a minute or two of
  warning.
- The check misses growth that is slower than the noise (P, S). Such growth is not
  urgent: the plain threshold has then alarmed for an hour. The two methods complement
  each other, so ``--eta-warning`` adds to ``-w`` and doesn't replace it.
- If growth doubles (T, U), ports run out sooner than any straight line says. The check
  warns in time all the same, because the line is steep by then.
- With one run every five minutes, 15 runs span more than an hour, and fast growth ends
  before they show it. Run the check once a minute.

How exact the forecast is
-------------------------

How many runs had a forecast, and by how much it was wrong (median), by the minutes that
really remained:

{errors}
"""


def legend(names: Sequence[tuple[str, str]]) -> str:
    """The list that explains the letters."""
    return "\n".join(f"- **{letter}** {name}" for letter, name in names)


SHOWN: dict[str, Method] = {
    "over 80 % used": over(80),
    "last two points": near(two_points, 2),
    "least squares of 15": near(least_squares, 15),
    "Theil-Sen, 15": near(theil_sen, 15),
    "the check": the_check(1),
}


def one_day() -> list[int]:
    """A burst, a step and deploys, and then a leak."""

    def shape(dice: random.Random, minutes: int) -> list[float]:
        return [
            *steady(0.35)(dice, 90),
            *(0.35 + 0.4 * m / 4 for m in range(4)),
            *steady(0.75)(dice, 15),
            *steady(0.35)(dice, 71),
            *steady(0.68)(dice, 90),
            *steady(0.35)(dice, 40),
            *(0.35 + 0.35 * (m % 90) / 90 for m in range(180)),
            *steady(0.35)(dice, 40),
            *leak(0.35, 0.5)(dice, 90),
        ][:minutes]

    return series("one day", shape, 0)


def draw(used: Sequence[int]) -> str:
    """The chart as SVG: the day, and below it the alarms of each method."""
    last = len(used) - 1

    def x(minute: float) -> float:
        return 130 + minute * 470 / last

    def y(count: float) -> float:
        return 190 - 150 * count / CAPACITY

    grid = "".join(
        f'<line x1="130" x2="600" y1="{y(CAPACITY * p / 100):.0f}" '
        f'y2="{y(CAPACITY * p / 100):.0f}" stroke="#ddd"/><text x="122" '
        f'y="{y(CAPACITY * p / 100) + 4:.0f}" text-anchor="end">{p} %</text>'
        for p in (0, 50, 80, 100)
    )
    hours = "".join(
        f'<text x="{x(h * 60):.0f}" y="208" text-anchor="middle">{h} h</text>'
        for h in range(0, last // 60 + 1, 2)
    )
    line = " ".join(f"{x(m):.1f},{y(n):.1f}" for m, n in enumerate(used))
    strips = ""
    for row, (name, method) in enumerate(SHOWN.items()):
        top = 226 + 20 * row
        strips += (
            f'<text x="122" y="{top + 11}" text-anchor="end">{name}</text>'
            f'<rect x="130" y="{top}" width="470" height="14" fill="#eee"/>'
        )
        alarms = [(method(used[: m + 1]), m) for m in range(last)]
        for (alarm, true), group in groupby(
            alarms, lambda a: (a[0], last - a[1] <= TRUE_WITHIN_MINUTES)
        ):
            color = "#2c7a2c" if true else "#b30000"
            minutes = [minute for _, minute in group]
            if alarm:
                strips += (
                    f'<rect x="{x(minutes[0]):.1f}" y="{top}" height="14" '
                    f'width="{x(len(minutes)) - x(0):.1f}" '
                    f'fill="{color}"/>'
                )
    bottom = 226 + 20 * len(SHOWN)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 620 {bottom + 30}" '
        'font-family="sans-serif" font-size="12">'
        f'<rect width="620" height="{bottom + 30}" fill="white"/>'
        '<text x="130" y="20" font-size="14">Ports used for one destination, and when '
        f"each method alarms</text>{grid}{hours}"
        f'<polyline points="{line}" fill="none" stroke="#1f4e79" stroke-width="1.2"/>'
        f'{strips}<text x="130" y="{bottom + 18}" fill="#666">red: false alarm; green: '
        f"ports run out within {TRUE_WITHIN_MINUTES} minutes, at the right edge.</text>"
        "</svg>\n"
    )


def main(
    document_path: str = "contrib/docs/trend.rst",
    chart_path: str = "contrib/docs/trend.svg",
) -> None:
    """Write the page and the chart."""
    for path, text in ((document_path, document()), (chart_path, draw(one_day()))):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
