"""The plan against a model that writes every fire time down."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apscheduler._engine import planning
from apscheduler._engine.instants import DAY, SECOND, to_us
from apscheduler._engine.planning import CERTAIN_MISSES, COUNT_LIMIT, Plan, Rollup, plan
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

NOW = to_us(datetime(2030, 1, 1, tzinfo=UTC))


class Listed:
    """A series of explicit fire times that can be read in both directions."""

    def __init__(self, *times):
        self.times = sorted(set(times))

    def next_us(self, previous, now):
        place = (
            bisect_left(self.times, now) if previous is None else bisect_right(self.times, previous)
        )
        return self.times[place] if place < len(self.times) else None

    def latest_us(self, first, now):
        place = bisect_right(self.times, now) - 1
        return max(first, self.times[place]) if place >= 0 else first

    def count_us(self, first, last, limit):
        return min(limit, sum(first < time <= last for time in self.times) + 1)


class Forwards(Listed):
    """The same, as someone else's trigger that cannot look back."""

    def latest_us(self, first, now):
        return None


class Counting:
    """Counts how often a trigger is asked."""

    def __init__(self, trigger):
        self.trigger = trigger
        self.calls = 0

    def __getattr__(self, name):
        def ask(*args):
            self.calls += 1
            return getattr(self.trigger, name)(*args)

        return ask


def due_times(times, due, now):
    return [due, *(time for time in times if due < time <= now)]


def expected_run(series, now, grace, limit, *, looks_back):
    """How many of the last members run, by the rules."""
    if not looks_back:
        return series[-limit:]
    run = [series[-1]]
    late = 0
    for time in reversed(series[:-1]):
        if len(run) >= limit or late >= CERTAIN_MISSES:
            break
        late += grace is not None and now - time > grace
        run.append(time)
    return run[::-1]


SERIES = st.lists(st.integers(0, 400), max_size=250, unique=True).map(sorted)


@given(
    times=SERIES,
    due=st.integers(0, 400),
    lateness=st.integers(0, 400),
    coalesce=st.booleans(),
    grace=st.none() | st.integers(0, 50),
    limit=st.integers(1, 300),
    kind=st.sampled_from([Listed, Forwards]),
)
def test_every_due_time_is_run_coalesced_or_missed_exactly_once(
    times, due, lateness, coalesce, grace, limit, kind
):
    now = due + lateness
    planned = plan(kind(*times), due, now, coalesce=coalesce, grace=grace, limit=limit)
    series = due_times(times, due, now)
    run = (
        series[-1:]
        if coalesce
        else expected_run(series, now, grace, limit, looks_back=kind is Listed)
    )
    rolled = series[: len(series) - len(run)]
    rollup = Rollup(len(rolled), rolled[0], rolled[-1]) if rolled else None
    following = next((time for time in times if time > now), None)
    assert planned == Plan(
        run,
        following,
        coalesced=rollup if coalesce else None,
        missed=None if coalesce else rollup,
    )


@given(times=SERIES, due=st.integers(0, 400), lateness=st.integers(0, 400), limit=st.integers(1, 9))
def test_a_plan_makes_progress_and_keeps_order(times, due, lateness, limit):
    planned = plan(Listed(*times), due, due + lateness, coalesce=False, grace=None, limit=limit)
    assert planned.run == sorted(set(planned.run))
    assert len(planned.run) <= limit
    assert planned.next is None or planned.next > due + lateness


@given(
    step=st.integers(1, 30),
    due=st.integers(-1000, 0),
    lateness=st.integers(0, 3000),
    coalesce=st.booleans(),
    limit=st.integers(1, 200),
)
def test_interval_triggers_agree_with_the_model(step, due, lateness, coalesce, limit):
    first = NOW + due * SECOND
    trigger = IntervalTrigger(
        seconds=step, start_date=datetime(2030, 1, 1, tzinfo=UTC), timezone=UTC
    )
    now = first + lateness * SECOND
    grid = range(first, now + 40 * SECOND, step * SECOND)  # as 3.x: counted from the last fire time
    planned = plan(trigger, first, now, coalesce=coalesce, grace=None, limit=limit)
    series = due_times(grid, first, now)
    run = series[-1:] if coalesce else series[-limit:]
    assert planned.run == run
    rollup = planned.coalesced or planned.missed
    assert (rollup.count if rollup else 0) == len(series) - len(run)
    assert planned.next == next(time for time in grid if time > now)


@pytest.mark.parametrize(
    "trigger",
    [
        IntervalTrigger(seconds=1, start_date=datetime(2000, 1, 1, tzinfo=UTC), timezone=UTC),
        CronTrigger(second="*/5", timezone=ZoneInfo("Europe/Berlin")),
    ],
    ids=["interval", "cron"],
)
def test_years_overdue_are_coalesced_in_a_handful_of_questions(trigger):
    counting = Counting(trigger)
    due = trigger.next_us(None, NOW - 20 * 365 * DAY)
    planned = plan(counting, due, NOW, coalesce=True, grace=None, limit=10_000)
    assert counting.calls <= 6
    assert planned.coalesced.count == COUNT_LIMIT
    assert planned.coalesced.first == due
    assert planned.coalesced.last < planned.run[0] <= NOW < planned.next


def test_years_overdue_without_coalesce_ask_as_often_as_they_may_run():
    trigger = IntervalTrigger(seconds=1, start_date=datetime(2000, 1, 1, tzinfo=UTC), timezone=UTC)
    counting = Counting(trigger)
    planned = plan(counting, NOW - 20 * 365 * DAY, NOW, coalesce=False, grace=None, limit=50)
    assert counting.calls <= 50 + 6
    assert len(planned.run) == 50
    assert planned.missed.count == COUNT_LIMIT


def test_runs_that_are_certainly_too_late_are_not_listed_one_by_one():
    trigger = IntervalTrigger(seconds=1, start_date=datetime(2000, 1, 1, tzinfo=UTC), timezone=UTC)
    planned = plan(trigger, NOW - 365 * DAY, NOW, coalesce=False, grace=5 * SECOND, limit=10_000)
    assert len(planned.run) == 6 + CERTAIN_MISSES
    assert planned.missed.last == planned.run[0] - SECOND


def test_one_fire_time_in_time_is_just_run():
    assert plan(Listed(10, 20), 10, 10, coalesce=False, grace=None, limit=9) == Plan([10], 20)
    assert plan(Listed(10), 10, 15, coalesce=True, grace=1, limit=9) == Plan([10], None)


@pytest.mark.parametrize("kind", [Listed, Forwards])
@pytest.mark.parametrize("coalesce", [True, False])
def test_a_first_time_that_the_trigger_does_not_know_is_a_fire_time(kind, coalesce):
    planned = plan(kind(10, 20, 30), 15, 25, coalesce=coalesce, grace=None, limit=9)
    rolled = planned.coalesced
    assert planned.run == ([20] if coalesce else [15, 20])
    assert (rolled == Rollup(1, 15, 15)) if coalesce else (rolled is None)
    assert planned.next == 30


class Still:
    """A trigger that gives the same time whatever it is asked."""

    def next_us(self, previous, now):
        return 10

    def latest_us(self, first, now):
        return None

    def count_us(self, first, last, limit):
        return 1


class ByClockAlone(Still):
    """A trigger that ignores the previous fire time; it moves on when the clock does."""

    def next_us(self, previous, now):
        return -(-now // 10) * 10


class HeedsNoClock(Still):
    """A trigger that always begins at its start."""

    def next_us(self, previous, now):
        return 0 if previous is None else previous + 1


def test_a_trigger_that_stands_still_ends_instead_of_looping():
    assert plan(Still(), 10, 50, coalesce=False, grace=None, limit=9) == Plan([10], None)


def test_a_trigger_that_goes_by_the_clock_alone_moves_on():
    planned = plan(ByClockAlone(), 10, 10, coalesce=False, grace=None, limit=9)
    assert planned == Plan([10], 20)


def test_a_long_walk_is_taken_up_again_from_now(monkeypatch):
    monkeypatch.setattr(planning, "WALK_LIMIT", 100)
    series = Forwards(*range(1000))
    planned = plan(series, 0, 500, coalesce=True, grace=None, limit=9)
    assert planned.next == 501
    assert planned.coalesced.first == 0
    assert planned.run == [planned.coalesced.last + 1]


def test_a_long_walk_of_a_trigger_that_heeds_no_clock_repeats_nothing(monkeypatch):
    monkeypatch.setattr(planning, "WALK_LIMIT", 100)
    seen, due, now = [], 0, 450
    while due is not None and due <= now:
        planned = plan(HeedsNoClock(), due, now, coalesce=False, grace=None, limit=10_000)
        seen += planned.run
        due = planned.next
    assert seen == list(range(now + 1))


def test_a_walk_keeps_no_more_than_may_run():
    planned = plan(Forwards(*range(5000)), 0, 4999, coalesce=False, grace=None, limit=7)
    assert planned.run == list(range(4993, 5000))
    assert planned.missed == Rollup(4993, 0, 4992)


def test_plans_show_their_values_and_compare_by_them():
    assert repr(Plan([1], 2)) == "Plan(coalesced=None, dropped=None, missed=None, next=2, run=[1])"
    assert Plan([1], 2) != Plan([1], 3)
    assert Plan([1], 2) != [1]
