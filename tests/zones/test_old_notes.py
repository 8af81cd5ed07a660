"""Fire times that were planned with older zone data than today's: which are moved, and what is said and kept of it.

Neighbours tried: jobs of zones whose clock is the same, times that are not the trigger's, right times that have gone by, rows
that cannot be loaded, triggers and databases that fail, edits in between, clocks that cannot be read, older data.
"""

from __future__ import annotations

import logging
from datetime import UTC, timedelta

import pytest
from sqlalchemy.exc import OperationalError
from zones.old_notes import (
    DUBAI,
    LATER,
    NEW,
    NOW,
    OLD,
    PLANNED,
    RIGHT,
    START,
    clocks,
    due,
    noted,
    planned,
    started,
)

from apscheduler._engine.instants import SECOND, to_us
from apscheduler.history.outcomes import Outcome
from apscheduler.jobstores._sql.changing.editing import Editing
from apscheduler.jobstores._sql.zones import rezoning

pytestmark = pytest.mark.usefixtures("few_zones")


def warnings(caplog) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]


def test_a_fire_time_goes_to_where_its_wall_time_is_today(place, caplog):
    planned(place, {})
    heard = []
    with started(place, heard=heard.append) as (scheduler, store):
        assert due(scheduler) == [RIGHT]
        (run,) = scheduler.get_runs("job 00")
        assert noted(store) == NEW
    assert (run.outcome, run.fire_time.astimezone(UTC)) == (Outcome.SKIPPED, PLANNED)
    assert (
        run.reason == f"planned by zone data {OLD}; by {NEW} it is due at 2030-01-15 09:00:00+09:00"
    )
    assert [each.reason for each in heard] == [run.reason]
    moved, summed = warnings(caplog)
    assert moved == (
        f"Job 'job 00' was to run at 2030-01-15 10:00:00+09:00 by zone data {OLD}; by {NEW} it runs at "
        "2030-01-15 09:00:00+09:00"
    )
    assert summed == (
        f"Zone data {NEW} is in use, and this store's jobs were planned with {OLD}: 1 next fire times were moved, "
        "0 stay once more, as their right time has gone by"
    )


def test_the_row_of_what_was_planned_is_a_closed_claim_of_one_fire_time(place):
    planned(place, {})
    with started(place):
        (row,) = place.rows(
            "SELECT kind, batch, token, attempt, count, fire_us, lead, claimed_us, finished_us FROM {t}_runs"
        )
    assert tuple(row) == (0, 0, 1, 1, 1, to_us(PLANNED), to_us(PLANNED), NOW, NOW)


def test_only_jobs_of_a_zone_whose_clock_differs_are_asked(place, caplog):
    planned(place, {}, {"timezone": DUBAI}, {"timezone": UTC})
    with started(place) as (scheduler, _):
        assert due(scheduler) == [RIGHT, PLANNED, PLANNED]
        assert [run.job_id for run in scheduler.get_runs()] == ["job 00"]
    assert "1 next fire times were moved" in caplog.text


def test_where_no_clock_differs_nothing_is_moved_and_the_newer_version_is_noted(place, caplog):
    planned(place, {}, known=clocks(tokyo=9))
    with started(place) as (scheduler, store):
        assert due(scheduler) == [PLANNED]
        assert noted(store) == NEW
    assert warnings(caplog) == []


def test_what_is_not_the_triggers_stays_and_is_not_spoken_of(place, caplog):
    planned(place, {"next_run_time": PLANNED + timedelta(minutes=1)}, {"next_run_time": None})
    with started(place) as (scheduler, store):
        assert due(scheduler) == [PLANNED + timedelta(minutes=1), None]
        assert scheduler.get_runs() == []
        assert noted(store) == NEW
    assert warnings(caplog) == []


IN_AN_HOUR = {"day": 1, "next_run_time": START + timedelta(hours=1)}
"""Planned in an hour from now, and right just now."""
A_SECOND_LATER = {"day": 1, "second": 1, "next_run_time": START + timedelta(hours=1, seconds=1)}


def test_a_right_time_that_has_gone_by_leaves_the_planned_one_once_more(place, caplog):
    planned(place, IN_AN_HOUR, A_SECOND_LATER)
    with started(place) as (scheduler, _):
        assert due(scheduler) == [START + timedelta(hours=1), START + timedelta(seconds=1)]
    assert "1 next fire times were moved, 1 stay once more" in caplog.text


def test_jobs_are_read_in_pages_each_once(place, caplog, monkeypatch):
    monkeypatch.setattr(rezoning, "_PAGE", 2)
    planned(place, {}, IN_AN_HOUR, IN_AN_HOUR, {}, IN_AN_HOUR, {})
    with started(place) as (scheduler, _):
        moments = due(scheduler)
    assert [moment == RIGHT for moment in moments] == [True, False, False, True, False, True]
    assert "3 next fire times were moved, 3 stay once more" in caplog.text


def test_no_more_than_so_many_jobs_get_a_line_of_their_own(place, caplog, monkeypatch):
    monkeypatch.setattr(rezoning, "_LINES", 2)
    planned(place, *([{}] * 4))
    with started(place) as (scheduler, _):
        assert set(due(scheduler)) == {RIGHT}
    assert caplog.text.count("was to run at") == 2
    assert "4 next fire times were moved" in caplog.text


def test_rows_that_cannot_be_loaded_cost_the_others_nothing(place, caplog):
    planned(place, {}, {}, {})
    place.change("UPDATE {t} SET job_state = :b WHERE id = 'job 00'", b=b"\x00Asia/Tokyo\x00")
    place.change("UPDATE {t} SET job_state = 'Asia/Tokyo' WHERE id = 'job 01'")
    with started(place) as (_, store):
        rows = place.rows("SELECT next_run_time FROM {t} ORDER BY id")
        assert noted(store) == NEW
    assert [row[0] for row in rows] == [PLANNED.timestamp()] * 2 + [RIGHT.timestamp()]
    assert "cannot be told" not in caplog.text


def test_a_job_whose_trigger_fails_is_told_and_costs_the_others_nothing(place, caplog, monkeypatch):
    planned(place, {}, {})
    replan = Editing.replan

    def failing(self, job, *args):
        if job.id == "job 00":
            raise ArithmeticError("no such time")
        return replan(self, job, *args)

    monkeypatch.setattr(Editing, "replan", failing)
    with started(place) as (scheduler, store):
        assert due(scheduler) == [PLANNED, RIGHT]
        assert noted(store) == NEW
    assert (
        f"Whether job 'job 00' is due at another time by zone data {NEW} cannot be told: no such"
        in caplog.text
    )


def test_where_the_database_fails_it_is_told_and_the_next_start_tries_again(place, caplog):
    planned(place, {})
    with pytest.MonkeyPatch.context() as patch:
        trouble = OperationalError("UPDATE", {}, Exception("out of order"))
        patch.setattr(Editing, "replan", lambda *_: (_ for _ in ()).throw(trouble))
        with started(place) as (_, store):
            assert noted(store) == OLD
    assert "Fire times could not be compared with the zone data in use" in caplog.text
    assert "cannot be told" not in caplog.text
    with started(place) as (scheduler, _):
        assert due(scheduler) == [RIGHT]


@pytest.mark.parametrize("ahead", [0, -1])
def test_a_job_that_was_set_to_the_present_meanwhile_stays_there(place, caplog, monkeypatch, ahead):
    """Its row was read as one that lies ahead; by now it is due."""
    at = {"month": "*", "day": "*", "hour": "*", "minute": "*", "second": "*"}
    planned(place, at)
    found, due_now = rezoning.names_in, (NOW + ahead * SECOND) / SECOND

    def read(blob):
        place.change("UPDATE {t} SET next_run_time = :now", now=due_now)
        return found(blob)

    monkeypatch.setattr(rezoning, "names_in", read)
    with started(place) as (scheduler, store):
        assert due(scheduler) == [START + timedelta(seconds=ahead)]
        assert noted(store) == NEW
    assert warnings(caplog) == []


def test_clocks_that_cannot_be_read_move_nothing_and_today_is_noted(place, caplog):
    planned(place, {})
    place.change("UPDATE {t}_state SET text = 'x' WHERE name LIKE 'zone clocks%'")
    with started(place) as (scheduler, store):
        assert due(scheduler) == [PLANNED]
        assert noted(store) == NEW
    assert warnings(caplog) == [
        f"The clocks of zone data {OLD} that this job store keeps cannot be read ('x'): no fire times are moved"
    ]


def test_older_data_moves_nothing_and_says_what_both_are(place, caplog):
    planned(place, {})
    place.change("UPDATE {t}_state SET text = :v WHERE name = 'zone data'", v=LATER)
    with started(place) as (scheduler, store):
        assert due(scheduler) == [PLANNED]
        assert noted(store) == NEW
    (said,) = warnings(caplog)
    assert said.startswith(
        f"The zone data in use here is {NEW}, and jobs of this store were planned with {LATER}"
    )
