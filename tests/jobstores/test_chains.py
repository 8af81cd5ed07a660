"""Free runs of one catch-up are taken together, as far as they are at one attempt, and only while none of them is at work."""

from __future__ import annotations

import pytest

from apscheduler.jobstores._sql.claiming.chains import Chains
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.testing import ManualScheduler

PENDING, RUNNING, EXECUTED = 0, 1, 10
KEY = ("job", 0, 0, 1)
OWNER = {"node": 7, "node_name": "b", "batch": 4, "claimed_us": 900}


class Runs:
    """Rows of catch-ups."""

    def __init__(self, store) -> None:
        self.chains = Chains(store._parts.statements)
        self._database, self._table = store._database, store._parts.tables.runs

    def add(self, fire: int, state: int = PENDING, token: int = 2, attempt: int = 1, **values):
        row = dict(zip(("job_id", "generation", "kind", "lead"), KEY, strict=True))
        row |= {"node": 3, "node_name": "a", "batch": 2, "claimed_us": 800, "permitted_us": 5}
        row |= {"delivery": 0, "count": 1, "seq": fire, "fire_us": fire}
        row |= {"state": state, "token": token, "attempt": attempt, **values}
        with self._database.transaction() as connection:
            connection.execute(self._table.insert().values(**row))

    def take(self):
        with self._database.transaction() as connection:
            return self.chains.take(connection, KEY, OWNER)

    def among(self, *keys):
        with self._database.reading() as connection:
            return self.chains.among(connection, keys)

    @property
    def all(self):
        """Return (state, token, attempt, node) of all rows, by fire time."""
        runs = self._table
        columns = (runs.c.state, runs.c.token, runs.c.attempt, runs.c.node)
        with self._database.reading() as connection:
            rows = connection.execute(
                runs.select().with_only_columns(*columns).order_by(runs.c.seq)
            )
            return [tuple(row) for row in rows]


FREE, TAKEN = (PENDING, 2, 1, 3), (RUNNING, 3, 1, 7)


@pytest.fixture
def runs():
    scheduler = ManualScheduler(jobstores={"default": SQLAlchemyJobStore("sqlite://")})
    scheduler.start()
    yield Runs(scheduler._jobstores["default"])
    scheduler.shutdown()


def test_all_free_runs_of_a_catch_up_are_taken_in_the_order_of_their_fire_times(runs):
    for fire in (2, 1, 3):
        runs.add(fire)
    assert runs.take() == ([1, 2, 3], 2, 1)
    assert runs.all == [TAKEN] * 3


def test_who_takes_them_is_their_owner_and_has_no_permission_yet(runs):
    runs.add(1)
    runs.add(2)
    runs.take()
    columns = [runs._table.c[name] for name in (*OWNER, "permitted_us")]
    with runs._database.reading() as connection:
        rows = connection.execute(runs._table.select().with_only_columns(*columns)).all()
    assert [tuple(row) for row in rows] == [(*OWNER.values(), None)] * 2


def test_while_one_is_at_work_the_rest_waits(runs):
    runs.add(1, RUNNING)
    runs.add(2)
    assert runs.take() == ([], 0, 0)
    assert runs.all == [(RUNNING, 2, 1, 3), FREE]


@pytest.mark.parametrize("state", [RUNNING, EXECUTED, None])
def test_where_none_is_free_there_is_nothing_to_take(runs, state):
    if state is not None:
        runs.add(1, state)
    before = runs.all
    assert runs.take() == ([], 0, 0)
    assert runs.all == before


@pytest.mark.parametrize("state", [EXECUTED, 16])
def test_runs_with_an_outcome_are_neither_in_the_way_nor_begun_again(runs, state):
    runs.add(1, state)
    runs.add(2)
    runs.add(3)
    assert runs.take() == ([2, 3], 2, 1)
    assert runs.all == [(state, 2, 1, 3), TAKEN, TAKEN]


@pytest.mark.parametrize(
    "numbers", [(2, 2), (3, 1), (1, 1)], ids=["attempt", "token", "earlier token"]
)
def test_those_at_another_attempt_are_left_for_later(runs, numbers):
    token, attempt = numbers
    runs.add(1)
    runs.add(2, token=token, attempt=attempt)
    runs.add(3)
    assert runs.take() == ([1, 3], 2, 1)
    assert runs.all == [TAKEN, (PENDING, token, attempt, 3), TAKEN]


@pytest.mark.parametrize(
    "other", [{"job_id": "other"}, {"generation": 1}, {"kind": 1}, {"lead": 2}], ids=str
)
def test_runs_of_another_catch_up_stay(runs, other):
    runs.add(1)
    runs.add(2, **other)
    runs.add(3, RUNNING, **other)
    assert runs.take() == ([1], 2, 1)
    assert runs.all == [TAKEN, FREE, (RUNNING, 2, 1, 3)]


def test_a_catch_up_has_several_runs_without_an_outcome(runs):
    assert runs.among() == set()
    runs.add(1)
    assert runs.among(KEY) == set()
    runs.add(2, EXECUTED)
    assert runs.among(KEY) == set()
    runs.add(3, RUNNING)
    assert runs.among(KEY, ("job", 0, 0, 2)) == {KEY}
    assert runs.among(("job", 0, 0, 2)) == set()
