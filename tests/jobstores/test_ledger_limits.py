"""The ledger as a module: rows of any kind, and how few of them a step of pruning removes."""

from __future__ import annotations

import pytest
from sqlalchemy import event

from apscheduler.history.outcomes import Outcome
from apscheduler.history.rows import RunQuery
from apscheduler.jobstores._sql import ledger
from apscheduler.jobstores._sql.ledger import SQLLedger
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.testing import ManualScheduler

EXECUTED, LOST = 10, 16
PENDING, RUNNING = 0, 1
LAST = 2**63 - 1


class Ledger(SQLLedger):
    """A ledger with rows made by hand."""

    def __init__(self, store) -> None:
        super().__init__(store._database, store._parts.statements, "default")
        self.engine = store.engine
        self._store = store

    def add(self, *seqs: int, state: int = EXECUTED, **values) -> None:
        """Insert a row for each of these numbers, by which it is named too."""
        whole = {
            **dict.fromkeys(("generation", "kind", "node", "batch", "delivery"), 0),
            **dict.fromkeys(("token", "attempt", "count"), 1),
            "node_name": "n",
            "state": state,
            **values,
        }
        rows = [
            {"job_id": str(seq), "seq": seq}
            | dict.fromkeys(("fire_us", "lead", "claimed_us", "finished_us"), 1_000)
            | whole
            for seq in seqs
        ]
        with self.engine.begin() as connection:
            connection.execute(self._runs.insert(), rows)

    @property
    def left(self) -> list[int]:
        with self.engine.connect() as connection:
            return sorted(row.seq for row in connection.execute(self._runs.select()))


@pytest.fixture
def rows():
    scheduler = ManualScheduler(jobstores={"default": SQLAlchemyJobStore("sqlite://")})
    scheduler.start()
    yield Ledger(scheduler._jobstores["default"])
    scheduler.shutdown()


@pytest.fixture
def steps(rows, monkeypatch):
    """Have steps of three rows; return how many rows each has removed."""
    monkeypatch.setattr(ledger, "_STEP", 3)
    removed = []

    def executed(connection, cursor, statement, *_):
        if statement.startswith("DELETE"):
            removed.append(cursor.rowcount)

    event.listen(rows.engine, "after_cursor_execute", executed)
    return removed


# -- questions --------------------------------------------------------------------------------------------------


def test_runs_are_asked_for_by_the_name_of_their_node(rows):
    rows.add(1, 3, node_name="a")
    rows.add(2, node_name="b")
    assert [run.job_id for run in rows.runs(RunQuery(node="a"), {})] == ["3", "1"]
    assert [run.job_id for run in rows.runs(RunQuery(node="b"), {})] == ["2"]
    assert rows.runs(RunQuery(node="c"), {}) == []


def test_a_row_in_a_state_of_nobodys_is_shown_with_the_way_out(rows):
    rows.add(1, state=99, reason="another one")
    rows.add(2, state=LOST, reason="another one")
    good, bad = rows.runs(RunQuery(), {})
    assert (good.outcome, good.reason) == (Outcome.LOST, "another one")
    assert bad.outcome is None
    assert bad.reason.startswith(
        "this row of the ledger is damaged, or a newer version's: state is 99; "
    )
    assert bad.reason.endswith("can be deleted from the table apscheduler_jobs_runs")


# -- retention --------------------------------------------------------------------------------------------------


def test_without_limits_nothing_goes(rows):
    rows.add(1, 2, 3)
    assert rows.prune(None, None) == 0
    assert rows.left == [1, 2, 3]


@pytest.mark.parametrize(
    ("keep", "left"), [(0, []), (1, [3]), (2, [2, 3]), (3, [1, 2, 3]), (9, [1, 2, 3])]
)
def test_so_many_of_the_newest_rows_stay(rows, keep, left):
    rows.add(1, 2, 3)
    assert rows.prune(keep, None) == 3 - len(left)
    assert rows.left == left


@pytest.mark.parametrize(
    ("keep", "oldest", "left"), [(1, 12, [14]), (3, 13, [14]), (9, 11, [12, 14])]
)
def test_of_two_limits_the_stricter_one_counts(rows, keep, oldest, left):
    rows.add(10, 12, 14)
    assert rows.prune(keep, oldest) == 3 - len(left)
    assert rows.left == left


def test_rows_from_before_1970_are_older_than_1970(rows):
    rows.add(-5, 5)
    assert rows.prune(None, 0) == 1
    assert rows.left == [5]


def test_the_greatest_number_is_the_newest_rows(rows):
    rows.add(1, 2, LAST)
    assert rows.prune(1, None) == 2
    assert rows.left == [LAST]


def test_runs_without_an_outcome_stay_however_old(rows):
    rows.add(1, state=RUNNING)
    rows.add(2, state=PENDING)
    rows.add(3, 4)
    assert rows.prune(0, None) == 2
    assert rows.left == [1, 2]


def test_a_step_removes_so_many_rows_at_most_and_the_next_goes_on(rows, steps):
    rows.add(*range(1, 9))
    assert rows.prune(1, None) == 7
    assert rows.left == [8]
    assert steps == [3, 3, 1]


def test_a_step_counts_rows_with_an_outcome_only(rows, steps):
    rows.add(1, 2, state=RUNNING)
    rows.add(*range(3, 9))
    assert rows.prune(1, None) == 5
    assert rows.left == [1, 2, 8]
    assert steps == [3, 2]


def test_a_step_stops_at_the_limit(rows, steps):
    rows.add(*range(1, 8))
    assert rows.prune(5, None) == 2
    assert rows.left == [3, 4, 5, 6, 7]
    assert steps == [2]


def test_a_look_ends_after_so_many_steps(rows, steps, monkeypatch):
    monkeypatch.setattr(ledger, "_STEPS", 2)
    rows.add(*range(1, 11))
    assert rows.prune(0, None) == 6
    assert rows.left == [7, 8, 9, 10]
