"""Gives what a pool has queued to its workers, one call at a time, or several in one message if they are very short."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from apscheduler.executors._attempt.answers import facts_of, refuse_unpicklable
from apscheduler.executors._processes.durations import SHORT_SECONDS, Durations
from apscheduler.executors._processes.worker import Sent, WorkerProcess
from apscheduler.executors._wire.calls import pack_call, pack_calls
from apscheduler.executors.base import begin_all
from apscheduler.history.outcomes import Outcome

if TYPE_CHECKING:
    from apscheduler.executors._processes.crew import Crew
    from apscheduler.executors._processes.needs import Queueing
    from apscheduler.runs.claims import Claim

BATCH_SECONDS = 0.004
"""Seconds that the calls of one message may take together, as far as is known."""
BATCH_CALLS = 100
"""The most calls of one message."""


class Giving:
    """Gives calls to the workers of one pool. The manager's thread calls it."""

    def __init__(self, pool: Queueing, crew: Crew, durations: Durations) -> None:
        self._pool = pool
        self._queue = pool.queue
        self._crew = crew
        self._durations = durations
        self._numbers = count()

    def can_give(self) -> bool:
        """Return whether a queued call can be given, or a worker started for it, without waiting."""
        return any(worker.is_free for worker in self._crew.workers) or self._crew.can_grow()

    def give(self) -> None:
        """Give calls to all workers that may have one, and start a worker if one is wanted."""
        for worker in self._crew.workers:
            if not self._queue:
                return
            if worker.is_free:
                self.send(worker)
        if not self._queue:
            return
        if self._crew.can_grow():
            self._crew.start_worker()
        for worker in self._crew.workers:
            if self._queue and self.takes_more(worker) and self._durations.is_short(self._queue[0]):
                self.send(worker)

    def takes_more(self, worker: WorkerProcess) -> bool:
        """Return whether a busy worker may get calls in advance: those that it has are short, and few are left."""
        sent = worker.sent
        return (
            worker.ready
            and not worker.leaving
            and not worker.taken_back
            and 0 < len(sent) <= BATCH_CALLS // 2
            and sent[-1].timeout is None
            and self._durations.of(sent[-1].claim.job) < SHORT_SECONDS
            and self._durations.of(sent[0].claim.job) < SHORT_SECONDS
        )

    def send(self, worker: WorkerProcess) -> None:
        """Send the worker the next call, or several short ones in one message."""
        batch: list[Sent] = []
        try:
            self._take(worker, batch)
        finally:  # what was taken off the queue before an error is sent all the same
            if batch:
                self._write(worker, batch)

    def _take(self, worker: WorkerProcess, batch: list[Sent]) -> None:
        """Take the calls of the next message off the queue, into ``batch``."""
        share = max(1, min(BATCH_CALLS, len(self._queue) // max(1, len(self._crew.workers))))
        seconds = 0.0
        while self._queue and len(batch) < share and seconds < BATCH_SECONDS:
            short = self._durations.is_short(self._queue[0])
            if batch and not short:
                break
            if worker.calls_left is not None and len(batch) >= worker.calls_left:
                break
            claim = self._queue.popleft()
            try:
                sent = self._packed(claim)
            except BaseException as exc:
                claim.close(Outcome.FAILED, self._pool.owner._now_us(), exception=exc)
                raise
            if sent is not None:
                batch.append(sent)
                seconds += self._durations.of(claim.job)
            if not short:
                break

    def _write(self, worker: WorkerProcess, batch: list[Sent]) -> None:
        worker.count_calls(len(batch))
        worker.sent.extend(batch)
        message = pack_calls((sent.number, sent.blob, sent.facts) for sent in batch)
        for sent in batch:
            sent.blob = b""
        worker.write(message)

    def _packed(self, claim: Claim) -> Sent | None:
        if not begin_all(claim):
            return None
        fires = claim.unsettled
        if not fires:  # they were settled at this moment
            claim.sink.release(claim)
            return None
        facts = facts_of(claim, fires)
        try:
            blob = pack_call(claim.job, fires[0])
        except BaseException as exc:  # noqa: BLE001 - a user's __reduce__ may raise anything
            refuse_unpicklable(claim, self._pool.owner._now_us(), exc)
            return None
        self._pool.owner._log_start(claim.job, fires[0])
        return Sent(next(self._numbers), claim, facts, blob)
