"""Finds which methods of a store are someone else's, and asks them before and after a claim."""

from __future__ import annotations

from datetime import UTC
from threading import get_ident

from apscheduler._engine.instants import NEVER, from_us, to_us
from apscheduler.jobstores._asking import STILL_DUE_POLL, Note, Notes, asked
from apscheduler.jobstores._sql.changing.asking import Ask, Moved
from apscheduler.jobstores._sql.changing.exchange import ChangedMeanwhileError
from apscheduler.jobstores.standing import EDIT_TRIES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from apscheduler.job import Job
    from apscheduler.jobstores.base import ClaimBatch, ClaimRequest
    from apscheduler.jobstores.standing import Change, Revise, Standing

READS = frozenset(("get_due_jobs", "_get_jobs"))
NEXT = "get_next_run_time"


class Hooks:
    """The methods of one store that may be someone else's.

    :param own: our methods, by name
    """

    def __init__(self, store: Any, own: dict[str, Any]) -> None:
        self._store = store
        self._own = own
        self._writes = {name: own[name] for name in ("add_job", "update_job")}
        self._restores = {name: own[name] for name in ("_reconstitute_job",)}
        self.notes = Notes()
        self._asks: dict[int, Ask] = {}
        self._next_said = 0
        self._waits = False
        self._found: frozenset[str] = frozenset()
        self.untold: list[Moved] = []
        """What the next pass has to tell the methods, because one raised or a Ctrl-C came."""

    def found(self) -> frozenset[str]:
        """Return the names of those that are someone else's; called when a pass begins."""
        self._found = asked(self._store, self._own)
        return self._found

    def restorer(self) -> Callable[[bytes], Job] | None:
        """Return the ``_reconstitute_job`` that is someone else's, if one is."""
        if not asked(self._store, self._restores):
            return None
        restore: Callable[[bytes], Job] = self._store._reconstitute_job
        return restore

    def may_write(self) -> bool:
        """Return whether jobs may be written in someone else's way."""
        return bool(asked(self._store, self._writes | self._restores))

    @property
    def writes(self) -> bool:
        """Whether ``add_job`` or ``update_job`` is someone else's."""
        return bool(asked(self._store, self._writes))

    # -- before the claim ----------------------------------------------------------------------------------------

    def ask(self, request: ClaimRequest, hooks: frozenset[str], claiming: Any, offset: int) -> bool:
        """Ask what may be claimed; return whether it is time to claim at all.

        :param offset: microseconds from this host's clock to the store's
        """
        if NEXT in hooks and self._must_wait(request.now):
            return False
        ask = request.ask = Ask(hooks)
        if not READS.isdisjoint(hooks):
            ask.rows = claiming.due(request.now)
            ask.offered = claiming.free_jobs()
            self._asks[get_ident()] = ask
            try:
                due = self._store.get_due_jobs(from_us(request.now + offset, self._zone()))
            finally:
                del self._asks[get_ident()]
            ask.jobs = {job.id: job for job in due}
        return True

    def with_offered(self, jobs: list[Job]) -> list[Job]:
        """Return due jobs; if a pass of this thread asks, add the jobs that have free runs."""
        ask = self._asks.get(get_ident()) if self._asks else None
        return jobs if ask is None else ask.add_offered(jobs)

    def _zone(self) -> Any:
        return getattr(self._store._scheduler, "timezone", None) or UTC

    # -- when to look ---------------------------------------------------------------------------------------------

    def _must_wait(self, now: int) -> bool:
        """Return whether the store has named a later instant and, asked again, names none that has come.

        It is asked again because other processes may have changed jobs of a shared store meanwhile.
        """
        if now < self._next_said:
            self._next_said = min(self._next_said, self._ask_next())
        self._waits = now < self._next_said
        return self._waits

    def changed(self) -> None:
        """Take note that this process has changed a job: the next pass asks what is due, as in 3.x."""
        self._next_said = 0

    def _ask_next(self) -> int:
        moment = self._store.get_next_run_time()
        return NEVER if moment is None else to_us(moment)

    def next_due(self, due: int, asked_at: int, offset: int) -> int:
        """Return when to claim again.

        :param due: when the next job after those of the pass is due, microseconds UTC
        :param asked_at: that pass's ``now``
        """
        hooks = self._found
        if NEXT not in hooks and READS.isdisjoint(hooks):
            return due
        if self._waits:
            self._waits = False
            return self._next_said
        said = self._ask_next()
        if said != NEVER:
            said -= offset
        if said <= asked_at:
            said = asked_at + STILL_DUE_POLL
        if NEXT not in hooks:
            return min(due, said)
        self._next_said = said
        return said

    # -- after the claim ------------------------------------------------------------------------------------------

    def tell(self, batch: ClaimBatch) -> None:
        """Have someone else's methods write, or remove, the jobs of a claim; what they raise is kept in the batch."""
        moved, batch.moved = [*self.untold, *batch.moved], []
        self.untold = []
        for position, each in enumerate(moved):
            try:
                self._tell_of(each)
            except Exception as exc:  # noqa: BLE001 - raised when the claims are handed over
                batch.error = batch.error or exc
                if each.ends:
                    self.untold.append(each)
            except BaseException as exc:  # noqa: BLE001 - a Ctrl-C, likewise
                batch.error = exc
                self.untold += moved[position:]
                return

    def _tell_of(self, moved: Moved) -> None:
        job = moved.job
        with self.notes.held(Note(job, is_made=True, left=moved)):
            if moved.ends:
                self._store.remove_job(job.id)
            elif "update_job" in self._found:
                self._store.update_job(job)

    # -- edits ------------------------------------------------------------------------------------------------------

    def modify(self, job: Job, approved: dict[str, Any]) -> None:
        """Set approved attributes of a job, and have ``update_job`` write it."""

        def revise(standing: Standing) -> None:
            if "next_run_time" not in approved:
                job._due, job._shown = standing.job._due, standing.job._shown

        job._apply(approved)
        self._update(job, revise, by_word="next_run_time" in approved)

    def edit(self, job: Job, change: Change, standing_of: Callable[[str], Standing]) -> bool:
        """Set what ``change`` returns for the stored job, and have ``update_job`` write it if that job is unchanged."""
        for _ in range(EDIT_TRIES):
            seen = standing_of(job.id)
            due = seen.job._due
            approved = change(seen)
            if approved is None:
                return False

            def revise(standing: Standing, due: int = due) -> None:
                if standing.job._due != due:
                    raise ChangedMeanwhileError

            job._due, job._shown = due, seen.job._shown
            job._apply(approved)
            try:
                self._update(job, revise)
            except ChangedMeanwhileError:
                continue
            return True
        raise RuntimeError(f"job {job.id!r} is being changed by others all the time; it was left")

    def replace(self, job: Job, revise: Revise) -> None:
        """Have ``update_job`` write the newer version of a job."""
        self._update(job, revise)

    def _update(self, job: Job, revise: Revise, *, by_word: bool = False) -> None:
        with self.notes.held(Note(job, revise, left=by_word)):
            self._store.update_job(job)
        self.changed()
