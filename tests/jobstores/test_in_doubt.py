"""What may be missing on a promoted server is recorded as lost, once: on SQLite, told of a promotion by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from databases import Place

from apscheduler._engine.instants import SECOND, to_us
from apscheduler.history.outcomes import Outcome
from apscheduler.jobstores._sql.connection.database import Database
from apscheduler.jobstores._sql.guarding import promotion
from apscheduler.jobstores._sql.guarding.identity import Identity
from apscheduler.jobstores._sql.guarding.promotion import mark_in_doubt
from apscheduler.testing import ManualScheduler
from apscheduler.testing._contract_jobs import INTERVAL, NOW, ForeignTrigger, make_job, once

BEFORE, AFTER = Identity({"system": "1"}, 3), Identity({"system": "1"}, 4)


class Promoted:
    """A store whose server was promoted."""

    def __init__(self, place) -> None:
        self.place = place
        self.scheduler = ManualScheduler(jobstores={"default": place.store()})
        self.scheduler.start()
        self.store = self.scheduler._jobstores["default"]
        self.store._session.guard.write(BEFORE, None)

    def add(self, id: str, due: int, **options) -> None:
        self.store.add_job(make_job(self.scheduler, id, due, **options))

    def mark(self):
        store = self.store
        return mark_in_doubt(
            store._database,
            store._parts.statements,
            store._parts.loader,
            recorded=BEFORE,
            present=AFTER,
        )

    def marked(self) -> dict[str, list[int]]:
        """Mark what is in doubt; return the fire times by job, as ledger and answer agree on them."""
        doubted, _ = self.mark()
        found: dict[str, list[int]] = {}
        for name, fire, outcome, _ in doubted:
            assert outcome is Outcome.LOST
            found.setdefault(name, []).append(fire)
        rows = self.place.rows("SELECT job_id, fire_us FROM {t}_runs WHERE state = 16")
        assert sorted(map(tuple, rows)) == sorted((each[0], each[1]) for each in doubted)
        return found


@pytest.fixture
def promoted(tmp_path, monkeypatch):
    monkeypatch.setattr(Database, "now", lambda *_: NOW)
    place = Place("sqlite", tmp_path)
    promoted = Promoted(place)
    yield promoted
    promoted.scheduler.shutdown()
    place.close()


def test_each_due_fire_time_is_lost_up_to_the_present(promoted):
    promoted.add("three", NOW - 2 * INTERVAL)
    promoted.add("one", NOW)
    promoted.add("none", NOW + 1)
    promoted.add("paused", None)
    promoted.add("date", NOW - SECOND, trigger=once(NOW - SECOND))
    fires = [NOW - 2 * INTERVAL, NOW - INTERVAL, NOW]
    assert promoted.marked() == {"three": fires, "one": [NOW], "date": [NOW - SECOND]}


def test_what_is_to_complete_at_least_once_is_left_to_run(promoted):
    promoted.add("again", NOW - INTERVAL, delivery="at_least_once")
    promoted.add("once", NOW, delivery="at_most_once")
    assert promoted.marked() == {"once": [NOW]}


def test_of_someone_elses_trigger_the_stored_fire_time_alone_is_known(promoted):
    promoted.add("foreign", NOW - 3 * INTERVAL, trigger=ForeignTrigger())
    assert promoted.marked() == {"foreign": [NOW - 3 * INTERVAL]}


def test_a_job_that_cannot_be_loaded_costs_the_others_nothing(promoted):
    promoted.add("bad", NOW - INTERVAL)
    promoted.add("good", NOW)
    promoted.place.change("UPDATE {t} SET job_state = :b WHERE id = 'bad'", b=b"no pickle")
    assert promoted.marked() == {"good": [NOW]}


def test_of_one_job_a_thousand_fire_times_are_marked_at_most(promoted):
    promoted.add("job", NOW - 1200 * INTERVAL)
    (fires,) = promoted.marked().values()
    assert fires == [NOW - back * INTERVAL for back in range(1200, 200, -1)]


def test_a_row_is_a_first_claim_without_an_owner_so_that_a_late_word_is_taken(promoted):
    promoted.add("job", NOW)
    promoted.mark()
    (row,) = promoted.place.rows(
        "SELECT node, node_name, batch, kind, generation, token, attempt, count, delivery, lead, fire_us, claimed_us, "
        "finished_us FROM {t}_runs"
    )
    assert tuple(row) == (0, "", 0, 0, 0, 1, 1, 1, 0, NOW, NOW, NOW, NOW)


def test_the_ledger_says_why(promoted):
    promoted.add("job", NOW)
    ((_, _, _, reason),), _ = promoted.mark()
    (run,) = promoted.scheduler.get_runs("job")
    assert (run.outcome, run.reason) == (Outcome.LOST, reason)
    assert reason.startswith(
        "in doubt: the database went on from a replica or a back-up, and what was committed may"
    )
    assert reason.endswith("may be missing; whether it ran is not known")


def test_the_last_word_of_any_scheduler_says_since_when(promoted):
    promoted.add("job", NOW)
    columns = "epoch, name, pid, beat, batch, lease_us, lease_until, started_us"
    last = to_us(datetime(2029, 12, 31, 23, tzinfo=UTC))
    for epoch, beat_at, lease in ((1, last, 30 * SECOND), (2, last - SECOND, 10 * SECOND)):
        promoted.place.change(
            f"INSERT INTO {{t}}_nodes ({columns}) VALUES (:epoch, 'n', 1, 1, 1, :lease, :until, 0)",
            epoch=epoch,
            lease=lease,
            until=beat_at + lease,
        )
    ((_, _, _, reason),), line = promoted.mark()
    since = "what was committed after 2029-12-31 23:00:00+00:00 may be missing"
    assert since in reason
    assert since in line


def test_one_line_says_what_happened_even_if_nothing_was_due(promoted):
    doubted, line = promoted.mark()
    assert doubted == []
    assert line == (
        "The database server was promoted (timeline 4, before 3): what was committed may be missing. 0 due fire times "
        "that may have run are recorded as lost"
    )
    assert promoted.place.rows("SELECT * FROM {t}_runs") == []


def test_one_process_does_it_once(promoted):
    promoted.add("job", NOW)
    assert promoted.marked() == {"job": [NOW]}
    promoted.add("other", NOW)
    assert promoted.mark() == ([], "")
    assert promoted.place.rows("SELECT job_id FROM {t}_runs") == [("job",)]


def test_as_many_jobs_as_a_look_takes_are_marked_the_earliest_first(promoted, monkeypatch):
    monkeypatch.setattr(promotion, "_JOBS", 2)
    for back in (1, 3, 2):
        promoted.add(f"job {back}", NOW - back, trigger=once(NOW - back))
    assert promoted.marked() == {"job 3": [NOW - 3], "job 2": [NOW - 2]}
