"""A store in a SQLite file, guards over it as several processes have them, and the clock that they go by."""

from __future__ import annotations

from jobstores.stages import unsynced
from sqlalchemy import create_engine, text

from apscheduler.jobstores._sql.connection.database import Database
from apscheduler.jobstores._sql.guarding.copies import Guard, StoreHeldError
from apscheduler.jobstores._sql.guarding.identity import from_text
from apscheduler.jobstores._sql.schema.migrations import prepare
from apscheduler.jobstores._sql.schema.tables import Tables

EPOCH = 7


class Clock:
    """Seconds that pass when a test says so, and a time of day that is far back."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def now_us(self) -> int:
        return 5_000


class World:
    """A store in a SQLite file, and the guards of several processes over it."""

    def __init__(self, path) -> None:
        self.engine = create_engine(f"sqlite:///{path}")
        unsynced(self.engine)
        self.database = Database(self.engine, is_own=True, statement_seconds=5.0)
        self.tables = Tables("jobs", None, None, partial_indexes=True)
        prepare(self.engine, self.tables, create=True)
        self.told: list = []
        self._guards: list[Guard] = []

    def guard(self, *, keeps: bool = True) -> Guard:
        promoted = lambda *identities: self.told.append(identities)  # noqa: E731
        made = Guard(self.database, self.tables, self.told.append, promoted, keeps=keeps)
        self._guards.append(made)
        return made

    def change(self, statement: str, **values) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement), values)

    @property
    def recorded(self) -> tuple:
        with self.engine.connect() as connection:
            number, kept = connection.execute(
                text("SELECT number, text FROM jobs_state WHERE name = 'identity'")
            ).one()
        return number, from_text(kept)

    def connect_anew(self) -> None:
        self.engine.dispose()
        self.engine.connect().close()

    def enter_node(self, beat: int, batch: int) -> None:
        self.change(
            "INSERT INTO jobs_nodes (epoch, name, pid, beat, batch, lease_us, lease_until, started_us) "
            f"VALUES ({EPOCH}, 'a node', 1, :beat, :batch, 1, 1, 1)",
            beat=beat,
            batch=batch,
        )

    def enter_run(self, seq: int) -> None:
        self.change(
            "INSERT INTO jobs_runs (job_id, generation, kind, fire_us, state, token, node, node_name, batch, lead, "
            "attempt, delivery, count, seq, claimed_us) VALUES ('a', 0, 0, 1, 1, 1, 1, 'n', 1, 1, 1, 0, 1, :seq, 1)",
            seq=seq,
        )

    def close(self) -> None:
        for each in self._guards:
            each.close()
        self.database.close()
        self.engine.dispose()


def why_held(guard: Guard) -> str | None:
    """Look; return why nothing may be claimed."""
    said = None
    try:
        guard.check()
    except StoreHeldError as exc:
        said = str(exc)
    assert said == guard.held
    return said
