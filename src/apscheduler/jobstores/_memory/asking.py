"""Makes the claims of a memory store if some of its methods are someone else's: calls those as 3.x does."""

from __future__ import annotations

from datetime import UTC

from apscheduler._engine.backoff import delay
from apscheduler._engine.instants import NEVER, SECOND, from_us, to_us
from apscheduler.jobstores._asking import STILL_DUE_POLL, Note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from apscheduler._engine.planning import Plan
    from apscheduler.job import Job
    from apscheduler.jobstores.base import ClaimBatch, ClaimRequest

_LONGEST_BACKOFF = 64 * SECOND


class AskedClaims:
    """Claims what ``get_due_jobs`` gives, job by job, and has ``update_job`` or ``remove_job`` called for each.

    The store's queue is for passes that need not ask: a job that is claimed here leaves a stale entry there.
    """

    def __init__(self, store: Any) -> None:
        self._store = store
        self._claimed_at = 0
        self._broken: dict[str, tuple[int, int]] = {}  # by job: failures of its trigger, retry at
        self._ended: dict[str, tuple[Job, int]] = {}  # jobs that are still to be removed

    @property
    def waits(self) -> bool:
        """Whether a job is still to be removed."""
        return bool(self._ended)

    def claim(self, request: ClaimRequest, hooks: frozenset[str]) -> ClaimBatch:
        """Claim what may be claimed; what a method raises is kept in the batch."""
        store, batch = self._store, request.batch
        self._claimed_at = request.now
        for ended, at in list(self._ended.values()):
            if not self._guarded(batch, self._remove, ended, at):
                return batch
        zone = getattr(store._scheduler, "timezone", None) or UTC
        taken = 0
        for given in store.get_due_jobs(from_us(request.now, zone)):
            if taken >= request.limit:
                batch.more = True
                break
            job = store._jobs.get(given.id)
            if job is None or job._due > request.now:
                continue
            if self._broken.get(job.id, (0, 0))[1] > request.now:
                continue
            taken += 1
            if not self._guarded(batch, self._claim_one, job, given, request, hooks):
                break
        return batch

    def _guarded(self, batch: ClaimBatch, act: Callable[..., None], *words: Any) -> bool:
        """Call ``act``, keep what it raises for when the claims are handed over; return whether to go on."""
        try:
            act(*words)
        except Exception as exc:  # noqa: BLE001 - whatever someone else's method raises costs this job only
            batch.error = batch.error or exc
        except BaseException as exc:  # noqa: BLE001 - a Ctrl-C
            batch.error = exc
            return False
        return True

    def _remove(self, job: Job, instant: int) -> None:
        """Have a job that has ended removed; where that raises, the next pass tries again."""
        store = self._store
        self._ended[job.id] = job, instant
        with store._notes.held(Note(job, is_made=True, left=job._due)):
            store.remove_job(job.id)
        del self._ended[job.id]
        if job.id not in store._jobs:
            job._due = NEVER + instant if instant > 0 else NEVER  # it shows when it ran

    def next_due(self) -> int | None:
        """Return the instant that ``get_next_run_time`` says; if that is past, when to look for the job again."""
        moment = self._store.get_next_run_time()
        if moment is None:
            return None
        instant = to_us(moment)
        return instant if instant > self._claimed_at else self._claimed_at + STILL_DUE_POLL

    def _claim_one(
        self, job: Job, given: Job, request: ClaimRequest, hooks: frozenset[str]
    ) -> None:
        """Claim one job.

        :param given: the job that is to run: ``get_due_jobs`` may have returned another object than the stored one
        """
        batch, instant = request.batch, job._due
        if given is not job:
            given._due = instant
            given._refresh()
        try:
            planned = request.plan(given, instant, request.now)
        except Exception as exc:  # noqa: BLE001 - whatever a trigger raises costs this job only
            failures = self._broken.get(job.id, (0, 0))[0] + 1
            later = request.now + delay(failures, SECOND, _LONGEST_BACKOFF)
            self._broken[job.id] = failures, later
            batch.broken.append((given, exc))
            return
        self._broken.pop(job.id, None)
        refused = not request.has_executor(given.executor)
        ends = planned.next is None and not refused
        stays = ends and "remove_job" in hooks
        busy = self._move(job, instant, planned, batch, refused=refused, stays=stays)
        if busy is None:
            return  # changed meanwhile: the change decides
        if given is not job:
            given._due = NEVER if planned.next is None else planned.next
        late = request.late_because(instant, given._grace)
        claim = self._store._put(
            batch, given, planned, request, late_because=late, busy=busy, refused=refused
        )
        if claim is not None and given is not job:
            claim.slot = job
        if stays:
            batch.finished.append(given)
        self._ask(job, given, instant, hooks, ends=ends)

    def _move(
        self,
        job: Job,
        instant: int,
        planned: Plan,
        batch: ClaimBatch,
        *,
        refused: bool,
        stays: bool,
    ) -> bool | None:
        """Move a job unless it was changed: then return ``None``, else whether it has too many instances."""
        store = self._store
        with store._lock:
            if job._due != instant or store._jobs.get(job.id) is not job:
                return None
            store._leave(job, gone=False)
            store._advance(job, planned, batch, keep=refused or stays)
            busy = bool(job._running + job._busy >= job.max_instances)
            if planned.run and not refused and not busy:
                job._running += 1
                if not job._busy:  # else a worker reads it
                    job._fire = planned.run[-1]
        return busy

    def _ask(
        self, job: Job, given: Job, instant: int, hooks: frozenset[str], *, ends: bool
    ) -> None:
        """Have someone else's methods write, or remove, the job."""
        store = self._store
        if ends and "remove_job" in hooks:
            self._remove(job, instant)
        elif not ends and "update_job" in hooks:
            with store._notes.held(Note(job, is_made=True, left=job._due)):
                store.update_job(given)
