"""What the statements of a SQL store cost and take: plans, texts in lists of ids, calls for thousands of jobs."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from databases import SHARED, Place
from sqlalchemy import event

from apscheduler.history.outcomes import Outcome
from apscheduler.jobstores._sql.statements.postgresql import array
from apscheduler.jobstores._sql.statements.sqlite import SQLite
from apscheduler.testing import FakeClock, ManualScheduler

pytestmark = pytest.mark.slow

START = datetime(2030, 1, 1, tzinfo=UTC)
ODD_IDS = [
    *('"', '""', '","', "\\", "\\\\", "a\\nb", "{", "}", "NULL", "null", "?", "%s", ":ids", "'"),
    *("é", "中文", "\N{SNOWMAN}", "a b", " ", "\t", "\n", "\x1b", "a,b", "[1]", "${x}", "1", "1.0"),
]


def nothing():
    pass


@pytest.fixture(params=SHARED)
def place(request, tmp_path):
    place = Place(request.param, tmp_path)
    yield place
    place.close()


def scheduler_on(place, clock):
    store = place.store()
    return ManualScheduler(clock=clock, jobstores={"default": store}, timezone=UTC), store


def run_jobs(place, ids):
    scheduler, _ = scheduler_on(place, FakeClock(START))
    scheduler.start()
    try:
        for each in ids:
            scheduler.add_job(nothing, "interval", minutes=1, id=each)
        scheduler.advance(61)
        return {each: [run.outcome for run in scheduler.get_runs(each)] for each in ids}
    finally:
        scheduler.shutdown()


def test_jobs_of_any_id_run_beside_each_other(place):
    # MariaDB's usual collation takes a text that ends in blanks for the one without.
    ids = [each for each in ODD_IDS if place.kind != "mariadb" or each.strip() == each]
    assert run_jobs(place, ids) == {each: [Outcome.EXECUTED] for each in ids}


@pytest.mark.parametrize("has_json", [True, False], ids=["json", "no json"])
@pytest.mark.parametrize("nul", ["a\x00b", "\x00", "\\u0000"], ids=["inside", "alone", "spelled"])
def test_sqlite_asks_for_ids_with_nul_in_full(has_json, nul, tmp_path, monkeypatch):
    monkeypatch.setattr(SQLite, "_has_json", has_json)
    place = Place("sqlite", tmp_path)
    ids = ["a", nul, "b", "\\"]
    assert run_jobs(place, ids) == {each: [Outcome.EXECUTED] for each in ids}
    place.close()


def test_this_sqlite_takes_lists_in_json(tmp_path):
    place = Place("sqlite", tmp_path)
    scheduler, store = scheduler_on(place, FakeClock(START))
    scheduler.start()
    assert store._parts.statements._has_json
    scheduler.shutdown()
    place.close()


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (["a", "b"], '{"a","b"}'),
        (['"', "a"], r'{"\"","a"}'),
        (['","'], r'{"\",\""}'),
        (["\\", "b"], r'{"\\","b"}'),
        (["", ""], '{"",""}'),
        ([1, -2], "{1,-2}"),
        ([1.5, 2], "{1.5,2}"),
        ([1, None], "{1,NULL}"),
        (["a", None], '{"a",NULL}'),
        ([], "{}"),
    ],
)
def test_arrays_are_written_as_postgresql_reads_them(values, text):
    assert array(values) == text


def statements_in(engine):
    seen = []
    event.listen(engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
    return seen


def test_pickles_are_brought_up_to_date_by_one_call_for_all_jobs(place):
    scheduler, store = scheduler_on(place, FakeClock(START))
    scheduler.start()
    scheduler.add_jobs(
        {"func": nothing, "trigger": "interval", "minutes": 1, "id": f"job-{number:03}"}
        for number in range(200)
    )
    scheduler.advance(61)
    seen = statements_in(store.engine)
    scheduler.shutdown()
    assert sum(" SET job_state" in each for each in seen) == 1
    (row, *_) = place.rows("SELECT job_state, next_run_time FROM {t} WHERE id = 'job-123'")
    job, due, _ = store._parts.loader.read("job-123", bytes(row[0]))
    assert due == round(row[1] * 1_000_000)
    assert job.next_run_time == START + timedelta(minutes=2)


@pytest.mark.parametrize("has_statistics", [False, True], ids=["fresh", "analyzed"])
def test_postgresql_takes_the_first_due_jobs_off_the_index(has_statistics, tmp_path):
    place = Place("postgresql", tmp_path)
    scheduler, store = scheduler_on(place, FakeClock(START))
    scheduler.start()
    scheduler.add_jobs(
        {
            "func": nothing,
            "trigger": "interval",
            "minutes": 1,
            "id": f"job-{number}",
            "next_run_time": START + timedelta(seconds=number % 50),
        }
        for number in range(3000)
    )
    if has_statistics:
        place.change("ANALYZE {t}")
    now = (START + timedelta(seconds=60)).timestamp()
    before = START.timestamp() - 1
    statements = store._parts.statements
    asked = {
        "due": (statements.due.text, {"now": now, "limit": 100}),
        "coming": (statements.coming.text, {"now": before, "limit": 100}),
        "earliest_after": (statements.earliest_after.text, {"now": before}),
    }
    for name, (statement, values) in asked.items():
        plan = "\n".join(row[0] for row in place.rows(f"EXPLAIN {statement}", **values))
        assert re.search(r"Index (Only )?Scan using \w+next_run_time", plan), (name, plan)
        assert "Sort" not in plan, (name, plan)
    scheduler.shutdown()
    place.close()
