"""From the commit of a claim to its hand-over nothing drops it, whatever raises there, and where.

Each call of ours after the last statement of a claim's transaction raises once, one after the other: calls of
functions, methods and built-ins. Then the loop goes on, and every fire must have reached its executor once.
"""

from __future__ import annotations

import gc
import inspect
import sys
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Self

import pytest
from databases import SHARED, Place
from sqlalchemy import text

import apscheduler
from apscheduler._engine.instants import to_us
from apscheduler.cluster import points
from apscheduler.events import EVENT_ALL
from apscheduler.executors.base import BaseExecutor
from apscheduler.history.outcomes import Outcome
from apscheduler.jobstores._sql.connection import callwatch
from apscheduler.runs.claims import Result
from apscheduler.testing import FakeClock, ManualScheduler

pytestmark = [
    pytest.mark.timeout(400),  # each raises at more than a hundred places, one after another
    # What raises in a listener of the pool's check-in leaves that connection to the garbage collection, which closes it.
    pytest.mark.filterwarnings(
        "ignore:.*psycopg.Connection .*was deleted while still open:ResourceWarning"
    ),
]
PLACES = ("sqlite-memory", *(pytest.param(name, marks=pytest.mark.slow) for name in SHARED))
OURS = str(Path(apscheduler.__file__).parent)
KINDS = (RuntimeError, KeyboardInterrupt)
START = datetime(2030, 1, 1, tzinfo=UTC)


def work() -> None:
    """What the jobs would do."""


class Collecting(BaseExecutor):
    """Takes claims and keeps them."""

    def __init__(self) -> None:
        super().__init__()
        self.claims = []

    def submit_claims(self, items):
        self.claims.extend(items)
        return []

    def in_flight(self):
        return list(self.claims)

    def _do_submit_job(self, job, run_times):
        raise NotImplementedError

    def finish(self) -> list[tuple[str, int]]:
        """Settle what was taken; return the fires, as (job id, instant)."""
        started = []
        claims, self.claims = self.claims, []
        for claim in claims:
            for fire in claim.unsettled:
                started.append((claim.job.id, fire))
                claim.sink.settle(claim, Result(fire, Outcome.EXECUTED, fire, fire))
            claim.sink.release(claim)
        return started


class Bomb:
    """Raises at the n-th call of ours after the last statement of the first claim's transaction.

    :param skipped: how many transactions of claims are left alone
    """

    def __init__(self, point: str, number: int, kind: type[BaseException]) -> None:
        self.point, self.left, self.kind = point, number, kind
        self.inside = 0
        self.gone_off = False

    def __enter__(self) -> Self:
        points.hook = self._reached
        return self

    def __exit__(self, *_) -> None:
        sys.setprofile(None)
        points.hook = None

    def _reached(self, name: str) -> None:
        if name == self.point:
            points.hook = None
            sys.setprofile(self._call)

    def _call(self, frame, event, function) -> None:
        code = frame.f_code
        if code.co_name == "submit_claims":
            self.inside += {"call": 1, "return": -1}.get(event, 0)
        if code.co_name == "next_due":
            sys.setprofile(None)  # everything is handed over
            return
        if event not in ("call", "c_call") or self.inside:
            return
        if not code.co_filename.startswith(OURS):
            return
        if event == "call" and code.co_flags & inspect.CO_GENERATOR:
            return  # at a resumption it would not come to the generator's own finally
        if event == "c_call" and function.__name__ in ("__exit__", "release"):
            return  # a lock that is never given back: no real exception comes between
        if self.left == 0:
            sys.setprofile(None)
            self.gone_off = True
            raise self.kind("whatever raises here")
        self.left -= 1


class Setup:
    """A scheduler on a shared store with three executors, one of which runs jobs where it stands."""

    def __init__(self, place) -> None:
        self.place = place
        self.first, self.second = Collecting(), Collecting()
        self.scheduler = ManualScheduler(
            jobstores={"default": place.store(lease=600)},
            executors={"first": self.first, "second": self.second},
            clock=FakeClock(START),
            job_defaults={"misfire_grace_time": None},
        )
        self.scheduler.start()
        self.scheduler.add_listener(lambda event: None, EVENT_ALL)
        self.store = self.scheduler._jobstores["default"]

    def add(self, name: str) -> list[tuple[str, int]]:
        """Add jobs that are due now and return the fires that are to run."""
        now = self.scheduler.clock.now()
        options = {"misfire_grace_time": None, "run_date": now}
        fires = []
        for executor in ("first", "second", "default"):
            for last in (True, False):
                job_id = f"{name} {executor} {last}"
                more = {} if last else {"trigger": "interval", "hours": 1, "start_date": now}
                trigger = more.pop("trigger", "date")
                own = options if last else {"misfire_grace_time": None}
                job = self.scheduler.add_job(
                    work, trigger, id=job_id, executor=executor, **own, **more
                )
                fires.append((job.id, to_us(now)))
        return fires

    def tick(self) -> BaseException | None:
        try:
            self.scheduler.tick()
        except BaseException as exc:
            return exc
        return None

    def finish(self) -> list[tuple[str, int]]:
        return self.first.finish() + self.second.finish()

    def states(self, name: str) -> list[int]:
        statement = f"SELECT state FROM {self.place.table}_runs WHERE job_id LIKE :name"
        with self.store.engine.connect() as connection:
            return list(connection.scalars(text(statement), {"name": f"{name} %"}))


@pytest.fixture(params=PLACES)
def setup(request, tmp_path):
    place = Place(request.param, tmp_path)
    setup = Setup(place)
    yield setup
    points.hook = None
    setup.finish()
    setup.store._session.open.clear()  # what a failed assertion still holds must not keep the node draining
    setup.scheduler.shutdown()
    assert getattr(callwatch._dialing, "call", None) is None, "this thread is in no call any more"
    place.close()
    gc.collect()  # here, where the warning of a connection that was interrupted is expected


def after_the_bomb(setup, name: str, fires, bomb: Bomb) -> None:
    """See that each fire reached its executor once, and that no row stays behind."""
    started = setup.finish()
    for _ in range(2):
        setup.scheduler.clock.advance(2)  # longer than a store that raised is left alone
        setup.store._session.claiming.look_for_free_runs()
        assert setup.tick() is None, f"call {name}"
        started += setup.finish()
    setup.store._session.outbox.flush()
    where = f"call {name} of {bomb.point}, {bomb.kind.__name__}"
    wanted = [fire for fire in fires if " default " not in fire[0]]
    assert sorted(each for each in started if each[0].startswith(name)) == sorted(wanted), where
    assert setup.states(name) == [10] * len(fires), where


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_raises_after_a_claim_it_reaches_its_executor_once(setup, kind):
    for number in count():
        fires = setup.add(f"{number}")
        with Bomb("claim.checked", number, kind) as bomb:
            raised = setup.tick()
        if kind is KeyboardInterrupt and bomb.gone_off:
            assert isinstance(raised, KeyboardInterrupt)
        else:
            assert raised is None
        after_the_bomb(setup, f"{number}", fires, bomb)
        if not bomb.gone_off:
            break
    assert number > 20


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_raises_after_free_runs_were_claimed_they_reach_their_executor_once(setup, kind):
    for number in count():
        fires = setup.add(f"{number}")
        setup.tick()
        for executor in (setup.first, setup.second):
            claims, executor.claims = executor.claims, []
            for claim in claims:
                setup.store.give_back(claim)
        setup.store._session.outbox.flush()
        setup.store._session.claiming.look_for_free_runs()
        with Bomb("free.taken", number, kind) as bomb:
            setup.tick()
        after_the_bomb(setup, f"{number}", fires, bomb)
        if not bomb.gone_off:
            break
    assert number > 20
