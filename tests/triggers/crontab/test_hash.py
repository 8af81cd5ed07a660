"""``H``: a value that the job's id chooses."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from itertools import islice, pairwise

import pytest

from apscheduler.triggers.crontab import CrontabError, CrontabTrigger

START = datetime(2026, 1, 1, tzinfo=UTC)


def fires(expression: str, job_id: str, count: int = 8) -> list[datetime]:
    trigger = CrontabTrigger(expression, timezone=UTC).for_job(job_id)
    return list(islice(trigger.fire_times(START), count))


def test_it_spreads_jobs_over_the_range():
    seen = Counter(fires("H * * * *", f"job {number}", 1)[0].minute for number in range(3000))
    assert set(seen) == set(range(60))
    assert max(seen.values()) < 100


def test_fields_choose_independently():
    chosen = {(f.hour, f.minute % 24) for n in range(300) for f in fires("H H * * *", str(n), 1)}
    assert len(chosen) > 150


def test_it_never_chooses_a_day_that_some_months_lack():
    days = {fires("0 0 H * *", str(number), 1)[0].day for number in range(500)}
    assert days == set(range(1, 29))


def test_a_step_keeps_its_distance_from_a_chosen_start():
    firsts = set()
    for number in range(200):
        minutes = [fire.minute for fire in fires("H/15 0 * * *", str(number), 4)]
        firsts.add(minutes[0])
        assert {later - sooner for sooner, later in pairwise(minutes)} == {15}
        assert minutes[0] < 15
    assert firsts == set(range(15))


def test_a_range_is_kept_with_and_without_a_step():
    for number in range(100):
        minutes = [fire.minute for fire in fires("H(0-29)/10 0 1 1 *", str(number), 3)]
        assert minutes == [minutes[0], minutes[0] + 10, minutes[0] + 20]
        assert minutes[0] < 10
        assert 9 <= fires("0 H(9-16) * * *", str(number), 1)[0].hour <= 16


def test_weekdays_and_months_by_name():
    for number in range(50):
        assert fires("0 0 * * H(MON-FRI)", str(number), 1)[0].weekday() < 5
        assert fires("0 0 1 H(jun-aug) *", str(number), 1)[0].month in (6, 7, 8)


@pytest.mark.parametrize(
    "expression",
    [
        *(
            "H( * * * *",
            "H() * * * *",
            "H(5) * * * *",
            "H(9-5) * * * *",
            "H(0-60) * * * *",
            "H/0 * * * *",
        ),
        *(
            "H(0-9 * * * *",
            "h * * * *",
            "HH * * * *",
            "H5 * * * *",
            "H-5 * * * *",
            "1-H * * * *",
            "H#1 * * * *",
        ),
        *("* * * * H#1", "* * HW * *", "0 0 0 1 1 * H"),
    ],
)
def test_what_is_no_h_is_an_error(expression):
    with pytest.raises(CrontabError):
        CrontabTrigger(expression)


def test_it_may_stand_in_a_list():
    assert {f.minute for f in fires("H(0-9),30 0 * * *", "x", 2)} >= {30}


def test_an_unbound_trigger_can_be_shown_and_copied_but_not_asked():
    trigger = CrontabTrigger("H * * * *", timezone=UTC)
    assert "'H * * * *'" in repr(trigger)
    with pytest.raises(ValueError, match="job's id"):
        next(trigger.fire_times(START))
