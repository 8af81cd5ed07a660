"""Equal words, equal fire times: any two triggers with the same description fire alike.

Triggers are drawn from few values, and each is paired with itself in another spelling or changed in one place.
Their chance (jitter) is drawn from the same seed.
"""

from __future__ import annotations

import os
import random
from collections import defaultdict
from datetime import UTC, datetime
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from triggers.clock_changes import us
from triggers.words.schedules import (
    calendar_objects,
    dates_alone,
    expressions_alone,
    fields_alone,
    makeable,
    plan,
)

from apscheduler._engine.instants import DAY, HOUR, MINUTE, SECOND
from apscheduler._engine.zones import zone_line
from apscheduler.calendars.windows import Blackout
from apscheduler.triggers import combining
from apscheduler.triggers._words.calendars import calendar_text
from apscheduler.triggers._words.zones import has_changes_ahead
from apscheduler.triggers.calendar import CalendarTrigger
from apscheduler.triggers.wallclock import WallClockTrigger
from tools.commands import LONG_MARK

LONG = bool(os.environ.get(LONG_MARK))
LOCALES = ("en", "zh")
CHANGES = [
    us(datetime(*each, tzinfo=UTC))
    for each in (
        *(
            (2026, 3, 29, 1),
            (2026, 10, 25, 1),
            (2018, 11, 4, 3),
            (2019, 2, 17, 2),
            (2026, 4, 4, 15),
        ),
        *((2026, 10, 3, 15, 30), (2026, 3, 28, 22), (2011, 12, 30, 10), (2026, 10, 24, 21)),
    )
]
FIRST, LAST = us(datetime(1970, 1, 2, tzinfo=UTC)), us(datetime(2190, 1, 1, tzinfo=UTC))
QUIET = us(datetime(2022, 1, 1, tzinfo=UTC))  # Apia's clocks were moved for the last time in 2021
FIRES = 6
KNOWN = {"freeze": Blackout("2026-10-20", "2026-10-26", timezone="UTC")}


@pytest.fixture(autouse=True, scope="module")
def _short_patience():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(combining, "ROUNDS", 100)
        yield


def windows(random_: Random) -> list[int]:
    near = [random_.choice(CHANGES) - random_.randrange(2 * DAY) for _ in range(3)]
    near += [
        random_.choice(CHANGES) + random_.randrange(-HOUR, HOUR) // MINUTE * MINUTE
        for _ in range(2)
    ]
    return [*near, random_.randrange(FIRST, LAST)]


def is_quiet(trigger):
    """Return whether words leave clock changes out because its zone has none ahead: equal ones may differ in the past."""
    if isinstance(trigger, WallClockTrigger):
        return not has_changes_ahead(trigger._line)
    inner = getattr(trigger, "triggers", None) or [getattr(trigger, "trigger", None)]
    return any(is_quiet(each) for each in inner if each is not None)


def fires(trigger, starts):
    """Return fire times from each start, by a scheduler that is on time, with the zone's wall clock."""
    if is_quiet(trigger):
        starts = [each for each in starts if each >= QUIET]
    if isinstance(trigger, CalendarTrigger):
        trigger = trigger.bound(KNOWN, UTC)
    found = []
    for start in starts:
        random.seed(0)
        previous, now = None, start
        for _ in range(FIRES):
            following = trigger.next_us(previous, now)
            found.append(following)
            if following is None:
                break
            found.append(trigger.at(following).utcoffset())
            if trigger.guarded:
                found.append(trigger.span(following).reason is None)
            previous, now = following, max(now, following)
    return found


@given(st.integers(0, 2**64))
def test_two_triggers_with_the_same_words_fire_alike(seed):
    source = Random(seed)
    one = plan(source)
    said, starts = [one.make().describe(locale) for locale in LOCALES], windows(source)
    others = [each for each in _spellings(one, source) if makeable(each)]
    alike = [each for each in others if shares_words(each.make(), said)]
    event("some share their words" if alike else "none shares its words")
    wanted = fires(one.make(), starts)
    for other in alike:
        assert fires(other.make(), starts) == wanted, (said, one.options, other.options)


def _spellings(one, source):
    """Return the plan changed in one place or two, sixty times."""
    once = [one.changed(source) for _ in range(40)]
    return [*once, *(each.changed(source) for each in once[:20] if makeable(each))]


def shares_words(trigger, said):
    return any(trigger.describe(locale) == here for locale, here in zip(LOCALES, said, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("draw", [plan, fields_alone, expressions_alone, dates_alone])
def test_all_triggers_of_a_crowd_that_share_words_fire_alike(draw):
    source = Random(20261126)
    crowd = [draw(source) for _ in range(30_000 if LONG else 2_000)]
    for locale in LOCALES:
        shared = defaultdict(list)
        for each in crowd:
            shared[each.make().describe(locale)].append(each)
        pairs = 0
        for said, plans in shared.items():
            starts = windows(source)
            first = fires(plans[0].make(), starts)
            for other in plans[1:]:
                assert fires(other.make(), starts) == first, said
                pairs += repr(other.options) != repr(plans[0].options)
        assert pairs > len(crowd) // 60, "too few triggers share their words to tell anything"


def test_calendars_of_one_text_are_closed_at_the_same_times():
    source, line = Random(7), zone_line(ZoneInfo("Europe/Berlin"))
    shared = defaultdict(list)
    for calendar in [*calendar_objects(), *calendar_objects()]:
        shared[calendar_text(calendar)].append(calendar)
    assert all(len(alike) > 1 for said, alike in shared.items() if "lambda" not in said)
    night = us(datetime(2026, 10, 25, tzinfo=UTC)) - HOUR
    instants = [night + source.randrange(6 * HOUR // SECOND) * SECOND // 2 for _ in range(3_000)]
    instants += [night + source.randrange(-40 * DAY, 40 * DAY) for _ in range(1_000)]
    closed = {}
    for said, alike in shared.items():
        answers = {tuple(each.span(at, line).reason is None for at in instants) for each in alike}
        assert len(answers) == 1, said
        closed.setdefault(answers.pop(), []).append(said)
    assert len(closed) > len(shared) // 2, "too few calendars differ to tell anything"


def test_one_language_tells_apart_what_the_other_does():
    source = Random(5)
    crowd = [plan(source).make() for _ in range(1_500)]
    pairs = {(each.describe("en"), each.describe("zh")) for each in crowd}
    assert (
        len({english for english, _ in pairs})
        == len(pairs)
        == len({chinese for _, chinese in pairs})
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"day_of_week": "mon-fri"}, {"day_of_week": "0,1,2,3,4"}),
        ({"minute": "*/15"}, {"minute": "0,15,30,45", "hour": "*"}),
        ({"hour": "0-23", "minute": 0}, {"minute": "0-0"}),
        ({"month": "jan-mar"}, {"month": "1,2,3", "day": 1}),
        ({"day": "1-31", "hour": 1}, {"hour": 1}),
        ({"day": "last sun,1st mon", "hour": 1}, {"day": "1st mon, last sun", "hour": 1}),
        ({"year": "1970-9999", "month": "*", "day": "*", "hour": 3}, {"hour": 3}),
    ],
)
def test_spellings_of_one_schedule_share_their_words(one, other):
    from apscheduler.triggers.cron import CronTrigger

    for locale in LOCALES:
        said = {
            CronTrigger(**each, timezone="Europe/Berlin").describe(locale) for each in (one, other)
        }
        assert len(said) == 1
