"""Nodes on a SQLite file whose tables are there already: making them takes longer than a test."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from cluster.rules import Stage
from databases import Place
from sqlalchemy import create_engine, event

from apscheduler._engine.instants import NEVER
from apscheduler._engine.planning import plan
from apscheduler.cluster import lease as lease_module
from apscheduler.cluster import membership as membership_module
from apscheduler.jobstores._sql.schema.migrations import prepare
from apscheduler.jobstores._sql.schema.tables import Tables
from apscheduler.jobstores.base import ClaimRequest
from apscheduler.testing._contract_jobs import (
    NOW,
    Claimed,
    ContractSink,
    ForeignTrigger,
    make_job,
    once,
)

TABLE = "jobs"


def unsynced(engine) -> None:
    """Wait for no disk: a power cut is none of these tests' matter."""

    @event.listens_for(engine, "connect")
    def connected(raw, _record) -> None:
        raw.execute("PRAGMA synchronous=OFF")


def made_tables(folder) -> Path:
    """Make a file with the tables, and nothing in them."""
    path = folder / "tables.sqlite"
    engine = create_engine(f"sqlite:///{path}")
    unsynced(engine)
    prepare(engine, Tables(TABLE, None, None, partial_indexes=True), create=True)
    engine.dispose()
    return path


class CopiedPlace(Place):
    """A place in a copy of such a file, which goes with its folder."""

    def __init__(self, tables: Path, folder) -> None:
        super().__init__("sqlite", folder)
        self.table = TABLE
        path = folder / "jobs.sqlite"
        self.url = f"sqlite:///{path}"
        shutil.copy(tables, path)

    def store(self, **options):
        store = super().store(**options)
        unsynced(store.engine)
        return store

    def engine(self):
        engine = super().engine()
        unsynced(engine)
        return engine

    def close(self) -> None:
        for engine in self._engines:
            engine.dispose()


@contextmanager
def staged(place):
    """Enter a stage of two nodes by a clock that the test sets; outcomes of the first are written when asked for."""
    stage = Stage(place)
    stage.a.store._session.outbox._tell_thread = lambda: None
    with (
        patch.object(lease_module, "boot_us", stage.clock),
        patch.object(membership_module, "boot_us", stage.clock),
    ):
        yield stage
        stage.close()


def ask(
    node,
    slots: int,
    *,
    now: int = NOW,
    limit: int = 1000,
    executor: str = "default",
    during=lambda job: None,
    is_real: bool = False,
) -> Claimed:
    """Claim as a scheduler with one executor does that has so many free slots.

    :param during: called with each job that is planned
    """
    free = {executor: slots}

    def planned(job, due, now):
        during(job)
        grace = None if job._grace == NEVER else job._grace
        return plan(job._series(), due, now, coalesce=False, grace=grace, limit=100)

    request = ClaimRequest(
        now,
        limit,
        {},
        free.__contains__,
        planned,
        lambda fire, grace: None,
        ContractSink(node.store),
        free,
        is_real=is_real,
    )
    return Claimed(request, node.store.claim_due(request))


def add(node, *names: str, due: int = NOW, **options) -> None:
    options.setdefault("trigger", once(due))
    node.store.add_jobs([make_job(node.scheduler, each, due, **options) for each in names])


def numbered(count: int) -> list[str]:
    return [f"job {number:03d}" for number in range(count)]


class Unwritable(ForeignTrigger):
    """A trigger of a user's that cannot be written down at times."""

    refuses = False

    def __reduce__(self):
        if self.refuses:
            raise TypeError("this trigger cannot be written down")
        return type(self), ()
