"""Growth, time remaining, and which earlier points count."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from check_ephemeral_port.model.forecast.trend import (
    CLOCK_TOLERANCE_SECONDS,
    FEWEST_POINTS,
    MAX_FORECAST_SPANS,
    MOST_POINTS,
    SHORTEST_GAP_SECONDS,
    Break,
    Growth,
    Moment,
    Point,
    TimeRemaining,
    add_point,
    growth,
    is_abandoned,
    time_remaining,
)
from tests.model.forecast.trend_simulation import (
    DEADLY,
    HARMLESS,
    METHODS,
    draw,
    false_alarm_row,
    judge,
    one_day,
    series,
    the_check,
    warning_row,
)

DOCS = Path(__file__).parents[3] / "contrib/docs"
POOL, BOOT = "32768-60999 less 0", "boot-1"
WALL = 1_700_000_000.0


def moment_at(uptime, wall=None, boot=BOOT):
    wall = WALL + uptime if wall is None else wall
    return Moment(uptime_seconds=uptime, wall_seconds=wall, boot_id=boot)


def point_at(uptime, used):
    return Point(uptime_seconds=uptime, wall_seconds=WALL + uptime, used=used)


def points(*used, every=60.0):
    return [point_at(n * every, count) for n, count in enumerate(used)]


def series_of(samples, boot=BOOT, pool=POOL):
    """The series after samples of (uptime, used), and its last break."""
    series = broken = None
    for uptime, used in samples:
        series, reason = add_point(series, moment_at(uptime, boot=boot), pool, used)
        broken = reason or broken
    return series, broken


def test_the_growth_of_a_steady_leak_is_exact():
    found = growth(points(*range(1000, 2500, 100)))
    assert found == Growth(
        slowest=100 / 60, typical=100 / 60, fastest=100 / 60, span_seconds=14 * 60
    )


def test_a_leak_shows_from_the_tenth_point_on():
    leak = points(*range(0, 1500, 100))
    assert growth(leak[: FEWEST_POINTS - 1]) is None
    assert growth(leak[:FEWEST_POINTS]).typical == pytest.approx(100 / 60)
    assert growth([]) is growth(leak[:1]) is None


def test_only_the_latest_points_count():
    past, now = [9000] * 40, range(9000, 10500, 100)
    assert growth(points(*past, *now)).typical == pytest.approx(100 / 60)


@pytest.mark.parametrize(
    "used",
    [
        [5000] * 15,
        range(9000, 7500, -100),
        [3000] * 8 + [9000] * 7,
        [3000] * 13 + [9000] * 2,
        [3000] * 14 + [9000],
        [3000, 3050] * 7 + [3000],
        [8000] * 5 + [500, 700, 900, 1100, 1300, 1500, 1700, 1900, 2100, 2300],
    ],
    ids=["flat", "falling", "step", "late step", "peak", "noise", "just deployed"],
)
def test_no_growth(used):
    assert growth(points(*used)) is None


@pytest.mark.parametrize("wild", [0, 5000, 28232])
def test_one_wild_point_hardly_changes_the_growth(wild):
    used = list(range(1000, 2500, 100))
    used[7] = wild
    assert growth(points(*used)).typical == pytest.approx(100 / 60, rel=0.15)


def test_points_at_almost_the_same_time_count_as_one():
    # three checks each minute, each of them sees a little more than the one before
    crowd = [
        Point(60.0 * n + late, WALL, 1000 + 60 * n + 40 * late)
        for n in range(15)
        for late in range(3)
    ]
    assert growth(crowd).typical == pytest.approx(1.0)
    assert growth(crowd).slowest == pytest.approx(1.0)


def test_points_closer_than_a_quarter_of_the_usual_interval_count_as_one():
    # two checks, a little less than a quarter of 846 / 30 seconds apart
    pairs = [
        Point(1e6 + 60.0 * n + late, WALL, 1000 + 60 * n + 40 * (late > 0))
        for n in range(15)
        for late in (0, 7.03)
    ]
    assert growth(pairs).slowest == growth(pairs).fastest == pytest.approx(1.0)


def test_a_quarter_of_the_usual_interval_is_close():
    # the first two are 1 second apart; the usual interval counts as 48 / 12
    times = [0, 1, 5, 10, 14, 19, 24, 28, 33, 38, 43, 48]
    found = growth([Point(float(at), WALL, 100 * at) for at in times])
    assert found.span_seconds == 47


def test_a_tenth_of_the_slopes_at_each_end_is_ignored():
    squares = [Point(1e6 + n, WALL, n * n) for n in range(11)]
    slopes = sorted(n + m for n in range(11) for m in range(n))
    found = growth(squares)
    assert (found.slowest, found.fastest) == (slopes[5], slopes[-6])
    assert found.typical == slopes[27]


def test_slopes_agree_down_to_a_third_of_the_median():
    found = growth(points(0, 1, 2, 3, 4, 5, 8, 17, 26, 29, every=1.0))
    assert (found.slowest, found.typical) == (1, 3)


def test_points_at_one_time_show_no_growth():
    assert growth([Point(60.0, WALL, used) for used in range(60)]) is None


def test_time_remaining_is_free_ports_divided_by_growth():
    assert time_remaining(
        1200, Growth(slowest=0.5, typical=2.0, fastest=4.0, span_seconds=60)
    ) == TimeRemaining(soonest=300, likely=600, latest=2400)
    rate = Growth(slowest=1.0, typical=1.0, fastest=1.0, span_seconds=60)
    assert time_remaining(1, rate).likely == 1


def test_without_free_ports_no_time_remains():
    assert (
        time_remaining(0, None)
        == time_remaining(0, Growth(slowest=1, typical=1, fastest=1, span_seconds=60))
        == TimeRemaining(soonest=0, likely=0, latest=0)
    )


def test_without_growth_there_is_no_time_remaining():
    assert time_remaining(1, None) is None


def test_a_forecast_covers_at_most_a_hundred_spans():
    rate = Growth(slowest=1.0, typical=1.0, fastest=1.0, span_seconds=60.0)
    assert (
        time_remaining(MAX_FORECAST_SPANS * 60, rate).likely == MAX_FORECAST_SPANS * 60
    )
    assert time_remaining(MAX_FORECAST_SPANS * 60 + 1, rate) is None


def test_a_series_keeps_its_latest_points():
    series, broken = series_of((60.0 * n, n) for n in range(100))
    assert broken is None
    assert [point.used for point in series.points] == list(range(100))[-MOST_POINTS:]


@pytest.mark.parametrize(
    "boot, pool, reason",
    [("boot-2", POOL, Break.REBOOT), (BOOT, "another", Break.POOL)],
)
def test_a_reboot_or_a_changed_pool_starts_a_new_series(boot, pool, reason):
    series, _ = series_of((60.0 * n, n) for n in range(5))
    moment = moment_at(300.0, boot=boot)
    series, broken = add_point(series, moment, pool, 5)
    assert broken is reason
    assert (series.boot_id, series.pool) == (boot, pool)
    assert [point.used for point in series.points] == [5]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("clock", ["uptime_seconds", "wall_seconds"])
def test_a_clock_that_jumps_starts_a_new_series_but_a_small_step_does_not(clock, sign):
    series, _ = series_of((1000 + 60.0 * n, n) for n in range(5))
    for by, reason in ((CLOCK_TOLERANCE_SECONDS, None), (999, Break.CLOCK)):
        moment = moment_at(1300.0)
        moment = moment._replace(**{clock: getattr(moment, clock) + sign * by})
        extended, broken = add_point(series, moment, POOL, 5)
        assert broken is reason
        assert len(extended.points) == (1 if reason else 6)


def test_both_clocks_set_back_together_are_a_jump():
    series, _ = series_of((1000 + 60.0 * n, n) for n in range(5))
    last = 1240.0
    for by, reason in ((CLOCK_TOLERANCE_SECONDS, None), (61, Break.CLOCK)):
        _, broken = add_point(series, moment_at(last - by), POOL, 5)
        assert broken is reason


def test_points_that_arrive_out_of_order_are_sorted():
    series, broken = series_of([(60, 1), (120, 2), (181, 4), (180, 3)])
    assert broken is None
    assert [point.used for point in series.points] == [1, 2, 3, 4]


def test_points_before_a_gap_do_not_count():
    before = [(60.0 * n, n) for n in range(20)]
    after = [(60.0 * n, n) for n in range(20 + 60, 20 + 60 + 10)]
    series, broken = series_of(before + after)
    assert broken is Break.GAP
    assert [point.used for point in series.points] == list(range(80, 90))


def test_a_gap_shows_as_soon_as_the_usual_interval_does():
    # until then, a thousand seconds may be the interval
    samples = [(0.0, 1), (1000.0, 2), (1060.0, 3), (1120.0, 4)]
    series, broken = series_of(samples)
    assert broken is None and len(series.points) == 4
    series, broken = series_of([*samples, (1180.0, 5)])
    assert broken is Break.GAP
    assert [point.used for point in series.points] == [2, 3, 4, 5]


def test_the_first_point_after_a_gap_begins_a_new_series():
    before = [(1e6 + 60.0 * n, n) for n in range(20)]
    last = before[-1][0]
    for pause, count in ((SHORTEST_GAP_SECONDS, 21), (SHORTEST_GAP_SECONDS + 1, 1)):
        series, broken = series_of([*before, (last + pause, 20)])
        assert (len(series.points), broken) == (count, None if count > 1 else Break.GAP)


def test_a_short_pause_is_not_a_gap():
    pause = SHORTEST_GAP_SECONDS / 60 - 1
    series, broken = series_of((60.0 * (n + pause * (n > 9)), n) for n in range(20))
    assert broken is None and len(series.points) == 20


@pytest.mark.parametrize("every", [0.3, 60.0, 300.0, 3600.0, 86400.0])
def test_growth_is_found_with_any_interval(every):
    series, broken = series_of((every * n, 100 * n) for n in range(15))
    assert broken is None
    assert growth(series.points).typical == pytest.approx(100 / every)


@pytest.mark.parametrize("every, minutes", [(60.0, 15), (300.0, 15), (3600.0, 180)])
def test_a_series_is_abandoned_after_a_gap(every, minutes):
    series, _ = series_of((every * n, n) for n in range(15))
    last = series.points[-1].wall_seconds
    for away, abandoned in ((minutes * 60, False), (minutes * 60 + 1, True)):
        assert is_abandoned(series, moment_at(0, last + away)) is abandoned
        assert is_abandoned(series, moment_at(0, last - away)) is abandoned


def test_two_points_show_the_interval():
    series, _ = series_of([(0, 1), (60, 2)])
    last = series.points[-1].wall_seconds
    assert not is_abandoned(series, moment_at(0, last + SHORTEST_GAP_SECONDS))
    assert is_abandoned(series, moment_at(0, last + SHORTEST_GAP_SECONDS + 1))


def test_a_series_with_one_point_is_never_abandoned():
    series, _ = series_of([(0, 1)])
    assert not is_abandoned(series, moment_at(1e6))
    assert is_abandoned(series._replace(points=()), moment_at(0))


USED = st.integers(0, 65536)
SERIES = st.lists(
    st.tuples(st.floats(0, 1e9, allow_nan=False), USED), max_size=MOST_POINTS
).map(lambda samples: [point_at(at, used) for at, used in sorted(samples)])


@given(SERIES, st.integers(0, 65536))
def test_bounds_of_growth_and_time_remaining_are_in_order(series, free):
    found = growth(series)
    if found:
        assert 0 < found.slowest <= found.typical <= found.fastest
        assert found.span_seconds > 0
    remaining = time_remaining(free, found)
    if remaining:
        assert 0 <= remaining.soonest <= remaining.likely <= remaining.latest


@given(
    st.floats(0.01, 3600),
    st.integers(1, 200),
    st.integers(FEWEST_POINTS, MOST_POINTS),
    st.integers(0, 2000),
)
def test_any_steady_leak_is_found(every, step, count, start):
    leak = points(*(start + step * n for n in range(count)), every=every)
    assert growth(leak).typical == pytest.approx(step / every)


@given(st.lists(USED, min_size=3, max_size=MOST_POINTS), st.integers(1, 1000))
def test_growth_scales_with_the_unit_of_time(used, scale):
    one, other = growth(points(*used)), growth(points(*used, every=60.0 * scale))
    assert bool(one) == bool(other)
    if one and other:
        assert other.typical == pytest.approx(one.typical / scale)


@given(st.lists(USED, min_size=1, max_size=MOST_POINTS))
def test_points_and_their_reverse_do_not_both_grow(used):
    assert not (growth(points(*used)) and growth(points(*used[::-1])))


MOMENTS = st.builds(
    Moment,
    st.floats(0, 1e9, allow_nan=False),
    st.floats(0, 1e10, allow_nan=False),
    st.sampled_from(["", "one", "two"]),
)


@given(st.lists(st.tuples(MOMENTS, st.sampled_from(["a", "b"]), USED), max_size=80))
def test_a_series_stays_ordered_and_bounded_and_has_one_boot_and_pool(samples):
    series = None
    for moment, pool, used in samples:
        series, _ = add_point(series, moment, pool, used)
        assert series.points == tuple(sorted(series.points))
        assert 0 < len(series.points) <= MOST_POINTS
        assert (series.boot_id, series.pool) == (moment.boot_id, pool)


@pytest.mark.parametrize("kind", HARMLESS)
def test_a_harmless_simulated_day_has_no_false_alarm(kind):
    day = series(kind, HARMLESS[kind], repeat=0)
    assert judge(the_check(1), day, runs_out=False).false_alarms == 0


@pytest.mark.parametrize("kind, minutes", list(zip(DEADLY, (0, 20, 15, 0, 10, 4))))
def test_a_simulated_day_that_runs_out_of_ports_alarms_in_time(kind, minutes):
    verdict = judge(the_check(1), series(kind, DEADLY[kind], repeat=0), runs_out=True)
    assert (verdict.lead_minutes or 0) >= minutes


@pytest.mark.parametrize(
    "row", [pytest.param(false_alarm_row, marks=pytest.mark.slow), warning_row]
)
def test_the_documented_figures_match_the_check(row):
    name = "**Theil-Sen, 15, agreeing**"
    figures = row(name, METHODS[name])
    documented = (DOCS / "trend.rst").read_text().splitlines()
    lines = [line for line in documented if line.startswith(name)]
    assert [name, *lines[row is warning_row][len(name) :].split()] == figures


def test_the_documented_chart_matches_the_check():
    assert (DOCS / "trend.svg").read_text() == draw(one_day())
