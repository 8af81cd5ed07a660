"""Notices another scheduler on 3.x's table that knows nothing of claims (a stranger): usually APScheduler 3.x itself.

Such a program runs jobs, writes their next fire times and leaves no row. It leaves two traces that nothing else leaves:

    passed     at the last look a fire time was still to come. Now the job's column is beyond it, the ledger has no row
               of it, and a stranger wrote the job's bytes, with the next fire time in them that the column has
    rewritten  a stranger has written a job's bytes anew, with nothing changed, within moments of our claim of a fire
               time, and did so again at the next fire time that we watched: both of us ran it

A stranger's bytes lack the mark that ours carry (3.x ignores it when it reads, and drops it when it writes). So our own
edits, by any process, are never taken for a stranger's. If 3.x only edits a job, the fire times before that have rows.
A look costs no statement of its own: it uses a longer form of the query for the earliest fire time.
"""

from __future__ import annotations

from apscheduler import clocks
from apscheduler._engine.instants import SECOND
from apscheduler._engine.planning import fire_after
from apscheduler._engine.records import Record
from apscheduler.jobstores._rows import as_read, from_float, is_time, to_float
from apscheduler.jobstores._sql.changing.loading import Unloadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any, Final

    from sqlalchemy.engine import Connection

    from apscheduler.job import Job
    from apscheduler.jobstores._sql.changing.loading import Loader
    from apscheduler.jobstores._sql.claiming.candidates import Candidate
    from apscheduler.jobstores._sql.statements import Statements

WATCHED_JOBS: Final = 16
"""At most this many coming fire times are remembered from one look to the next."""
WATCHED_CLOSELY: Final = 2000
"""The same, for ``CLOSELY_SECONDS`` after a stranger was noticed."""
CLOSELY_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 0.1
"""A look that follows the last long one sooner than this uses the short form of the query."""
RIPE_SECONDS: Final = 0.3
"""How long after a claim its job's bytes are read again: 3.x writes after it has handed over all due jobs."""
RIPE_UNTIL_SECONDS: Final = 6.0
AHEAD_SECONDS: Final = 1.0
"""How long before or after a fire time a stranger may be taking it: its clock is ahead, or it is slow."""
_FIRES: Final = 1000


class Expected(Record):
    """A job's next fire time as it was when last looked at."""

    __slots__ = ("generation", "moment")

    def __init__(self, moment: float, generation: int) -> None:
        self.moment = moment
        self.generation = generation


class Watched(Record):
    """A job that was just claimed here: its bytes, and the next fire time that the claim wrote."""

    __slots__ = ("blob", "claimed_at", "generation", "id", "moment")

    def __init__(
        self, id: str, moment: float | None, blob: bytes, generation: int, claimed_at: float
    ) -> None:
        self.id = id
        self.moment = moment
        self.blob = blob
        self.generation = generation
        self.claimed_at = claimed_at


class Passed(Record):
    """Fire times of a job that went by without a row."""

    __slots__ = ("fires", "generation", "job")

    def __init__(self, job: Job, generation: int, fires: list[int]) -> None:
        self.job = job
        self.generation = generation
        self.fires = fires


class Strangers:
    """Looks for strangers. Used by the thread that claims."""

    def __init__(self, statements: Statements, loader: Loader) -> None:
        self._statements = statements
        self._loader = loader
        self._expected: dict[str, Expected] = {}
        self._overtaken: dict[str, tuple[Expected, Sequence[Any]]] = {}
        self._watched: Watched | None = None
        self._suspects: dict[str, None] = {}  # jobs found rewritten when last watched, newest last
        self._looked_at = -LOOK_SECONDS
        self._noticed_at = -CLOSELY_SECONDS
        self.doubled: Job | None = None
        """A job that was found rewritten for the second time; whoever takes it from here sets ``None``."""

    # -- what the claim tells ---------------------------------------------------------------------------------

    def met(self, rows: Iterable[Sequence[Any]]) -> None:
        """Take note of jobs that a claim found due: all is well, unless a stranger took the fire time before.

        :param rows: id, next fire time, bytes and generation of each, as they are before the claim
        """
        if self._expected:
            for row in rows:
                before = self._expected.pop(row[0], None)
                if before is not None and row[1] > before.moment and self._is_strangers(row):
                    self._overtaken.setdefault(row[0], (before, row))

    def _is_strangers(self, row: Sequence[Any]) -> bool:
        """Return whether a stranger wrote the next fire time that a job has."""
        try:
            _, due, is_ours = self._loader.read(row[0], as_read(row[2]))
        except Unloadable:
            return False
        return not is_ours and due == from_float(row[1])

    def lost(self, candidates: Iterable[Candidate]) -> None:
        """Take note of jobs that changed after the claim had read them and before it locked them."""
        room = self._room() - len(self._expected)
        for each in list(candidates)[: max(room, 0)]:
            self._expected[each.job.id] = Expected(each.moment, each.generation)

    def claimed(self, candidates: Sequence[Candidate]) -> None:
        """Take note of the fire times that a claim wrote, and choose one of its jobs, to look at it again soon.

        A suspect is chosen first.
        """
        for each in candidates[: max(self._room() - len(self._expected), 0)]:
            following = each.plan.next
            moment = None if following is None else to_float(following)
            if moment is not None:
                self._expected[each.job.id] = Expected(moment, each.generation)
        if self._watched is not None:
            return
        able = [
            each for each in candidates if each.plan.next is not None and each.job.trigger.native
        ]
        known = [each for each in able if each.job.id in self._suspects]
        for each in (known or able)[:1]:
            self._watched = Watched(
                each.job.id,
                to_float(each.plan.next),
                each.blob,
                each.generation,
                clocks.monotonic(),
            )

    # -- the look -----------------------------------------------------------------------------------------------

    def look(self, connection: Connection, upto: int) -> tuple[float | None, dict[str, Expected]]:
        """Return the earliest next fire time after ``upto``, and the jobs whose fire times went by without our claim.

        :param upto: the store's time up to which the claim has looked at due jobs, microseconds UTC
        """
        now, moment = clocks.monotonic(), upto / SECOND
        watched = self._ripe(now)
        overdue = {id: each for id, each in self._expected.items() if each.moment <= moment}
        told = overdue or self._overtaken or watched is not None
        if now - self._looked_at < LOOK_SECONDS and not told:
            earliest = connection.scalar(self._statements.earliest_after, {"now": moment})
            return earliest, {}
        self._looked_at = now
        ids = list(overdue)[:WATCHED_CLOSELY]
        rows = self._rows(connection, moment, ids, watched)
        coming = [row for row in rows if not row[0]]
        soon = {
            id: each
            for id, each in self._expected.items()
            if moment < each.moment <= moment + AHEAD_SECONDS
        }
        self._expected = {row[1]: _earlier(soon.get(row[1]), row[2], row[3]) for row in coming}
        gone: dict[str, Expected] = {}
        for _, id, moved, generation, newest, blob in (row for row in rows if row[0]):
            before = overdue.get(id)
            if before is not None and _is_past(before, moved, generation, newest):
                gone[id] = before
            elif before is not None and _may_be_held(before, moved, moment):
                self._expected[id] = before
            if watched is not None and id == watched.id:
                self._compare(watched, moved, generation, blob)
        return min((row[2] for row in coming), default=None), gone

    def _rows(
        self, connection: Connection, moment: float, ids: list[str], watched: Watched | None
    ) -> Sequence[Any]:
        values: dict[str, Any] = {"now": moment, "limit": self._room()}
        if not ids and watched is None:
            return connection.execute(self._statements.coming, values).all()
        asked = ids if watched is None else [*ids, watched.id]
        values |= {"watched": "" if watched is None else watched.id}
        values |= self._statements.with_ids(asked)
        return connection.execute(self._statements.coming_and, values).all()

    def _room(self) -> int:
        closely = clocks.monotonic() - self._noticed_at < CLOSELY_SECONDS
        return WATCHED_CLOSELY if closely else WATCHED_JOBS

    def _ripe(self, now: float) -> Watched | None:
        """Return the job that was claimed a moment ago, once it is time to look at it again."""
        watched = self._watched
        if watched is None or now - watched.claimed_at < RIPE_SECONDS:
            return None
        self._watched = None
        # Later than that, anybody may have edited it.
        return watched if now - watched.claimed_at < RIPE_UNTIL_SECONDS else None

    # -- rewritten -----------------------------------------------------------------------------------------------

    def _compare(
        self, watched: Watched, moment: float | None, generation: int, blob: bytes | None
    ) -> None:
        """See whether a stranger wrote the job, as 3.x does after it has handed a job to an executor."""
        job = None
        if (
            blob is not None
            and as_read(blob) != watched.blob
            and moment == watched.moment
            and generation == watched.generation
        ):
            job = self._rewritten(watched, as_read(blob))
        if job is None:
            self._suspects.pop(watched.id, None)
        elif watched.id in self._suspects:
            self.doubled = job
            self._noticed_at = clocks.monotonic()
        else:
            self._suspects[watched.id] = None
            if len(self._suspects) > WATCHED_JOBS:
                del self._suspects[next(iter(self._suspects))]

    def _rewritten(self, watched: Watched, blob: bytes) -> Job | None:
        """Return the job if a stranger has written it with nothing but the next fire time changed."""
        try:
            before, _, _ = self._loader.read(watched.id, watched.blob)
            job, due, is_ours = self._loader.read(watched.id, blob)
        except Unloadable:
            return None
        if is_ours or due != from_float(watched.moment) or not _is_same(before, job):
            return None
        return job

    # -- passed ----------------------------------------------------------------------------------------------------

    @property
    def is_asked(self) -> bool:
        """Whether jobs that were found due have to be examined."""
        return bool(self._overtaken)

    def examine(self, connection: Connection, gone: dict[str, Expected]) -> list[Passed]:
        """Return the fire times that a stranger took, among those that went by without our claim."""
        overtaken = list(self._overtaken.values())
        befores = [*gone.values(), *(before for before, _ in overtaken)]
        first = min(from_float(each.moment) for each in befores)
        # The column is read first: if a claim of ours has moved it, the rows of that claim are there afterwards.
        jobs: list[tuple[Expected, Sequence[Any]]] = []
        if gone:
            ids = self._statements.with_ids(list(gone))
            read = connection.execute(self._statements.look_at, ids).all()
            jobs = [(gone[row[0]], row) for row in read]
        ids = self._statements.with_ids(list({**gone, **self._overtaken}))
        rows = connection.execute(self._statements.fires_since, {**ids, "first": first}).all()
        known: dict[str, list[tuple[int, int]]] = {}
        for id, fire, last in rows:
            known.setdefault(id, []).append((fire, fire if last is None else last))
        found = []
        for before, (id, moment, blob, generation) in [*overtaken, *jobs]:
            passed = self._passed(id, moment, as_read(blob), generation, before, known.get(id, []))
            if passed is not None:
                found.append(passed)
        self._overtaken = {}
        if found:
            self._noticed_at = clocks.monotonic()
        return found

    def _passed(
        self,
        id: str,
        moment: float | None,
        blob: bytes,
        generation: int,
        before: Expected,
        known: list[tuple[int, int]],
    ) -> Passed | None:
        if moment is None or not is_time(moment) or generation != before.generation:
            return None
        try:
            job, due, is_ours = self._loader.read(id, blob)
        except Unloadable:
            return None
        if is_ours or due != from_float(moment):
            return None
        fires = _between(job, from_float(before.moment), due)
        left = [fire for fire in fires if not any(first <= fire <= last for first, last in known)]
        return Passed(job, generation, left) if left else None


def _earlier(before: Expected | None, moment: float, generation: int) -> Expected:
    """Return what to expect of a job: the fire time that was about to come, even if the job has moved on already."""
    if before is not None and before.generation == generation and before.moment < moment:
        return before
    return Expected(moment, generation)


def _is_past(before: Expected, moment: float | None, generation: int, newest: int | None) -> bool:
    """Return whether a job has gone on from a fire time that has no row."""
    if moment is None or not is_time(moment):
        return False
    if generation != before.generation or moment <= before.moment:
        return False
    return newest is None or newest < from_float(before.moment)


def _may_be_held(before: Expected, moved: float | None, now: float) -> bool:
    """Return whether a job became due so recently that a stranger's transaction may be moving it right now."""
    return moved == before.moment and now - before.moment < AHEAD_SECONDS


def _between(job: Job, first: int, end: int) -> list[int]:
    """Return the fire times from ``first`` to before ``end``; none if the trigger does not reach ``end`` (an edit)."""
    if not job.trigger.native or getattr(job.trigger, "jitter", None):
        return [first]  # it cannot be asked again for what it said
    fires = [first]
    while len(fires) < _FIRES:
        following = fire_after(job.trigger, fires[-1], fires[-1])
        if following == end:
            return fires
        if following is None or following > end:
            return []
        fires.append(following)
    return fires


def _is_same(one: Job, other: Job) -> bool:
    """Return whether two versions of a job differ in their next fire time at most."""
    states = [each.__getstate__() for each in (one, other)]
    for state in states:
        state.pop("next_run_time")
        state["trigger"] = str(state["trigger"])
    return states[0] == states[1]
