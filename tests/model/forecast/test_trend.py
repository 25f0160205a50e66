"""Growth and time left, and what of the past still counts."""

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


def remembered(looks, boot=BOOT, pool=POOL):
    """The series after looks at (uptime, used), and what broke it last."""
    series = broken = None
    for uptime, used in looks:
        series, reason = add_point(series, moment_at(uptime, boot=boot), pool, used)
        broken = reason or broken
    return series, broken


def test_a_steady_leak_has_its_rate():
    found = growth(points(*range(1000, 2500, 100)))
    assert found == Growth(
        slowest=100 / 60, typical=100 / 60, fastest=100 / 60, span_seconds=14 * 60
    )


def test_a_leak_shows_from_the_tenth_look_on():
    leak = points(*range(0, 1500, 100))
    assert growth(leak[: FEWEST_POINTS - 1]) is None
    assert growth(leak[:FEWEST_POINTS]).typical == pytest.approx(100 / 60)
    assert growth([]) is growth(leak[:1]) is None


def test_only_the_latest_looks_count():
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
def test_what_is_no_growth(used):
    assert growth(points(*used)) is None


@pytest.mark.parametrize("wild", [0, 5000, 28232])
def test_one_wild_look_misleads_nobody(wild):
    used = list(range(1000, 2500, 100))
    used[7] = wild
    assert growth(points(*used)).typical == pytest.approx(100 / 60, rel=0.15)


def test_looks_at_the_same_time_count_as_one():
    # three checks each minute, that see each a little more than the one before
    crowd = [
        Point(60.0 * n + late, WALL, 1000 + 60 * n + 40 * late)
        for n in range(15)
        for late in range(3)
    ]
    assert growth(crowd).typical == pytest.approx(1.0)
    assert growth(crowd).slowest == pytest.approx(1.0)


def test_looks_all_at_one_time_tell_nothing():
    assert growth([Point(60.0, WALL, used) for used in range(60)]) is None


def test_time_left_is_ports_left_by_growth():
    assert time_remaining(
        1200, Growth(slowest=1.0, typical=2.0, fastest=4.0, span_seconds=60)
    ) == TimeRemaining(soonest=300, likely=600, latest=1200)


def test_nothing_left_is_no_time_left_whether_it_grows_or_not():
    assert (
        time_remaining(0, None)
        == time_remaining(0, Growth(slowest=1, typical=1, fastest=1, span_seconds=60))
        == TimeRemaining(soonest=0, likely=0, latest=0)
    )


def test_no_growth_no_end():
    assert time_remaining(1, None) is None


def test_a_minute_predicts_an_hour_but_not_a_month():
    grows = Growth(slowest=1.0, typical=1.0, fastest=1.0, span_seconds=60.0)
    assert (
        time_remaining(MAX_FORECAST_SPANS * 60, grows).likely == MAX_FORECAST_SPANS * 60
    )
    assert time_remaining(MAX_FORECAST_SPANS * 60 + 1, grows) is None


def test_a_series_grows_up_to_its_limit():
    series, broken = remembered((60.0 * n, n) for n in range(100))
    assert broken is None
    assert [point.used for point in series.points] == list(range(100))[-MOST_POINTS:]


@pytest.mark.parametrize(
    "boot, pool, reason",
    [("boot-2", POOL, Break.REBOOT), (BOOT, "another", Break.POOL)],
)
def test_another_start_or_pool_is_another_matter(boot, pool, reason):
    series, _ = remembered((60.0 * n, n) for n in range(5))
    moment = moment_at(300.0, boot=boot)
    series, broken = add_point(series, moment, pool, 5)
    assert broken is reason
    assert (series.boot_id, series.pool) == (boot, pool)
    assert [point.used for point in series.points] == [5]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("clock", ["uptime_seconds", "wall_seconds"])
def test_a_clock_that_jumps_begins_again_and_a_trimmed_one_does_not(clock, sign):
    series, _ = remembered((1000 + 60.0 * n, n) for n in range(5))
    for by, reason in ((CLOCK_TOLERANCE_SECONDS - 1, None), (999, Break.CLOCK)):
        moment = moment_at(1300.0)
        moment = moment._replace(**{clock: getattr(moment, clock) + sign * by})
        extended, broken = add_point(series, moment, POOL, 5)
        assert broken is reason
        assert len(extended.points) == (1 if reason else 6)


def test_both_clocks_together_back_in_time_is_a_jump():
    series, _ = remembered((1000 + 60.0 * n, n) for n in range(5))
    _, broken = add_point(series, moment_at(1100.0), POOL, 5)
    assert broken is Break.CLOCK


def test_a_run_that_another_overtook_finds_its_place():
    series, broken = remembered([(60, 1), (120, 2), (181, 4), (180, 3)])
    assert broken is None
    assert [point.used for point in series.points] == [1, 2, 3, 4]


def test_what_lies_before_a_gap_does_not_count():
    before = [(60.0 * n, n) for n in range(20)]
    after = [(60.0 * n, n) for n in range(20 + 60, 20 + 60 + 10)]
    series, broken = remembered(before + after)
    assert broken is Break.GAP
    assert [point.used for point in series.points] == list(range(80, 90))


def test_a_short_pause_is_no_gap():
    pause = SHORTEST_GAP_SECONDS / 60 - 1
    series, broken = remembered((60.0 * (n + pause * (n > 9)), n) for n in range(20))
    assert broken is None and len(series.points) == 20


@pytest.mark.parametrize("every", [0.3, 60.0, 300.0, 3600.0, 86400.0])
def test_any_interval_will_do(every):
    series, broken = remembered((every * n, 100 * n) for n in range(15))
    assert broken is None
    assert growth(series.points).typical == pytest.approx(100 / every)


@pytest.mark.parametrize("every, minutes", [(60.0, 15), (300.0, 15), (3600.0, 180)])
def test_a_series_is_over_after_a_gap(every, minutes):
    series, _ = remembered((every * n, n) for n in range(15))
    last = series.points[-1].wall_seconds
    for away, over in ((minutes * 60, False), (minutes * 60 + 1, True)):
        assert is_abandoned(series, moment_at(0, last + away)) is over
        assert is_abandoned(series, moment_at(0, last - away)) is over


def test_nobody_knows_when_the_second_look_is_due():
    series, _ = remembered([(0, 1)])
    assert not is_abandoned(series, moment_at(1e6))
    assert is_abandoned(series._replace(points=()), moment_at(0))


USED = st.integers(0, 65536)
SERIES = st.lists(
    st.tuples(st.floats(0, 1e9, allow_nan=False), USED), max_size=MOST_POINTS
).map(lambda looks: [point_at(at, used) for at, used in sorted(looks)])


@given(SERIES, st.integers(0, 65536))
def test_whatever_was_seen_an_answer_is_in_order(series, free):
    found = growth(series)
    if found:
        assert 0 < found.slowest <= found.typical <= found.fastest
        assert found.span_seconds > 0
    left = time_remaining(free, found)
    if left:
        assert 0 <= left.soonest <= left.likely <= left.latest


@given(
    st.floats(0.01, 3600),
    st.integers(1, 200),
    st.integers(FEWEST_POINTS, MOST_POINTS),
    st.integers(0, 2000),
)
def test_any_plain_leak_is_found(every, step, count, start):
    leak = points(*(start + step * n for n in range(count)), every=every)
    assert growth(leak).typical == pytest.approx(step / every)


@given(st.lists(USED, min_size=3, max_size=MOST_POINTS), st.integers(1, 1000))
def test_growth_does_not_hang_on_the_unit_of_time(used, scale):
    one, other = growth(points(*used)), growth(points(*used, every=60.0 * scale))
    assert bool(one) == bool(other)
    if one and other:
        assert other.typical == pytest.approx(one.typical / scale)


@given(st.lists(USED, min_size=1, max_size=MOST_POINTS))
def test_what_falls_by_as_much_does_not_grow(used):
    assert not (growth(points(*used)) and growth(points(*used[::-1])))


MOMENTS = st.builds(
    Moment,
    st.floats(0, 1e9, allow_nan=False),
    st.floats(0, 1e10, allow_nan=False),
    st.sampled_from(["", "one", "two"]),
)


@given(st.lists(st.tuples(MOMENTS, st.sampled_from(["a", "b"]), USED), max_size=80))
def test_a_series_stays_ordered_bounded_and_of_one_kind(looks):
    series = None
    for moment, pool, used in looks:
        series, _ = add_point(series, moment, pool, used)
        assert series.points == tuple(sorted(series.points))
        assert 0 < len(series.points) <= MOST_POINTS
        assert (series.boot_id, series.pool) == (moment.boot_id, pool)


@pytest.mark.parametrize("kind", HARMLESS)
def test_a_harmless_day_of_the_simulation_is_quiet(kind):
    day = series(kind, HARMLESS[kind], repeat=0)
    assert judge(the_check(1), day, runs_out=False).false_alarms == 0


@pytest.mark.parametrize("kind, minutes", list(zip(DEADLY, (0, 20, 15, 0, 10, 4))))
def test_a_deadly_day_of_the_simulation_is_foreseen(kind, minutes):
    verdict = judge(the_check(1), series(kind, DEADLY[kind], repeat=0), runs_out=True)
    assert (verdict.lead_minutes or 0) >= minutes


@pytest.mark.parametrize("row", [false_alarm_row, warning_row])
def test_the_documented_figures_are_those_of_the_check(row):
    name = "**Theil-Sen, 15, agreeing**"
    figures = row(name, METHODS[name])
    documented = (DOCS / "trend.rst").read_text().splitlines()
    lines = [line for line in documented if line.startswith(name)]
    assert [name, *lines[row is warning_row][len(name) :].split()] == figures


def test_the_documented_chart_is_that_of_the_check():
    assert (DOCS / "trend.svg").read_text() == draw(one_day())
