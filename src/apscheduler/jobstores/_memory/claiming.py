"""Claims what is due from the queue of a memory store.

Nothing foreign is called under the store's lock. So a claim has three steps where a trigger or policy needs planning: take
(locked), plan (not locked), commit (locked, and only if the job is still there with the same next fire time). Jobs with
one due fire time and a trigger of ours are claimed in the first step already; if the executor takes jobs as they are, no
claim object is made.
"""

from __future__ import annotations

from apscheduler._engine.backoff import delay
from apscheduler._engine.buckets import SHIFT, DueQueue
from apscheduler._engine.instants import LATEST, NEVER, SECOND
from apscheduler.jobstores._memory.plans import ClaimsInMemory
from apscheduler.triggers.base import LONGEST_STEP, SEALED, STEPPED, is_own

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from threading import Lock

    from apscheduler._engine.planning import Plan
    from apscheduler.job import Job
    from apscheduler.jobstores._memory.listing import Listing
    from apscheduler.jobstores.base import ClaimBatch, ClaimRequest
    from apscheduler.triggers.base import BaseTrigger

_LONGEST_BACKOFF = 64 * SECOND
_FEW = 100


class QueueClaims(ClaimsInMemory):
    """The claim of a memory store, from its queue."""

    _lock: Lock
    _jobs: dict[str, Job]
    _queue: DueQueue
    _listing: Listing
    _trigger_failures: dict[str, int]
    """By job, how often its trigger has raised since it last gave a plan."""

    def _claim_from_queue(self, request: ClaimRequest) -> ClaimBatch:
        batch = request.batch
        with self._lock:
            due = self._queue.take(request.now, request.limit)
            batch.more = len(due) >= request.limit
            if self._listing.is_kept:
                self._unlist(due)
            try:
                others = self._claim_plain(due, request, batch)
            except Exception:  # noqa: BLE001 - planned one by one, the trigger that raised is found
                others = [(job, job._due) for job in due if job._due <= request.now]
        if request.in_turn:
            batch.due_at = {job.id: instant for job, instant in others}
        for position, (job, instant) in enumerate(others):
            try:
                self._claim_planned(job, instant, request, batch)
            except BaseException as exc:  # noqa: BLE001 - a Ctrl-C: raised when the claims so far are handed over
                self._put_back(others[position:])
                batch.error = exc
                break
        return batch

    def _unlist(self, due: list[Job]) -> None:
        if len(due) > _FEW:
            self._listing.forget()
        else:
            for job in due:
                self._listing.will_change(job)

    def _claim_plain(  # noqa: C901, PLR0912 - one flat loop is its point
        self, due: Iterable[Job], request: ClaimRequest, batch: ClaimBatch
    ) -> list[tuple[Job, int]]:
        """Claim jobs with one due fire time and nothing else to decide; return the others.

        A million due jobs may go through this loop. So it uses local names, makes no calls for interval triggers, and
        keeps the list of the last bucket at hand (0.25 µs a job instead of 0.9).
        """
        # A trigger class was patched since jobs kept their steps, or a step may lead past the end of the calendar.
        if not all(map(is_own, STEPPED)) or request.now > LATEST - LONGEST_STEP:
            return [(job, job._due) for job in due if job._due <= request.now]
        now, lanes, has_lane = request.now, request.lanes, request.lanes.keys()
        checked: type[BaseTrigger] | None = None
        is_sealed = False
        queue, front_id = self._queue, self._queue.front_id
        last_id, append = -1, None
        others: list[tuple[Job, int]] = []
        for job in due:
            instant = job._due
            if instant > now:
                continue  # moved or removed since it was queued
            lane = job._lane
            step = job._step
            if lane not in has_lane or job._busy or job._running or now - instant > job._grace:
                others.append((job, instant))
                continue
            if step:
                following: int | None = instant + step
            else:
                trigger = job.trigger
                if trigger.__class__ is not checked:
                    checked = trigger.__class__
                    is_sealed = checked in SEALED and is_own(checked)
                if not is_sealed and not trigger.native:
                    others.append((job, instant))
                    continue
                following = trigger.next_us(instant, now)
            if following is None:
                del self._jobs[job.id]
                job._due = (
                    NEVER + instant if instant > 0 else NEVER
                )  # as due_when_gone(), without the call
                batch.finished.append(job)
            elif following > now:
                job._due = following
                bucket_id = following >> SHIFT
                if bucket_id != last_id:
                    if bucket_id <= front_id:
                        queue.push(job, following)
                        front_id, last_id = queue.front_id, -1
                        bucket_id = -1
                    else:
                        append, last_id = queue.bucket(bucket_id).append, bucket_id
                if bucket_id >= 0 and append is not None:
                    append(job)
            else:
                others.append((job, instant))
                continue
            job._busy = 1
            job._fire = instant
            lanes[lane].append(job)
        return others

    def _claim_planned(
        self, job: Job, instant: int, request: ClaimRequest, batch: ClaimBatch
    ) -> None:
        if job._due != instant:
            return  # changed meanwhile, or queued twice by a change: it is not planned again
        try:
            planned = request.plan(job, instant, request.now)
        except Exception as exc:  # noqa: BLE001 - whatever a trigger raises costs this job only
            self._retry_later(job, instant, request.now)
            batch.broken.append((job, exc))
            return
        refused = not request.has_executor(job.executor)
        with self._lock:
            if job._due != instant or self._jobs.get(job.id) is not job:
                return  # changed meanwhile: the change decides, and has queued it
            self._trigger_failures.pop(job.id, None)
            self._listing.will_change(job)
            self._advance(job, planned, batch, keep=refused)
            busy = job._running + job._busy >= job.max_instances
            if planned.run and not refused and not busy:
                job._running += 1
                if not job._busy:  # else a worker reads it
                    job._fire = planned.run[-1]
        late = request.late_because(instant, job._grace)
        self._put(batch, job, planned, request, late_because=late, busy=busy, refused=refused)

    def _advance(self, job: Job, planned: Plan, batch: ClaimBatch, *, keep: bool) -> None:
        if planned.next is not None:
            job._due = planned.next
            self._queue.push(job, planned.next)
            return
        if keep:
            job._due = NEVER
            return
        job._due = due_when_gone(job._due)
        del self._jobs[job.id]
        batch.finished.append(job)

    def _put_back(self, jobs: Iterable[tuple[Job, int]]) -> None:
        with self._lock:
            for job, instant in jobs:
                if job._due == instant and self._jobs.get(job.id) is job:
                    self._queue.push(job, instant)

    def _retry_later(self, job: Job, instant: int, now: int) -> None:
        """Look at a job again after a while that doubles with each failure of its trigger."""
        with self._lock:
            if self._jobs.get(job.id) is not job:
                return
            failures = self._trigger_failures.get(job.id, 0) + 1
            self._trigger_failures[job.id] = failures
            later = delay(failures, SECOND, _LONGEST_BACKOFF)
            self._queue.push(job, max(now, instant) + later)


def due_when_gone(due: int) -> int:
    """Return the ``_due`` of a job that leaves: so late that its queue entry is stale, and still showing what it was.

    As in 3.x a removed job still has its ``next_run_time``.
    """
    return NEVER + due if 0 < due < NEVER else NEVER
