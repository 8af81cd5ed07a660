"""Answers questions about runs from all stores and executors of a scheduler. It reads only, and needs no start."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC

from apscheduler._engine.instants import from_us
from apscheduler.history.outcomes import fire_id
from apscheduler.history.rows import CLAIMED, QUEUED, RUNNING, Run, RunQuery
from apscheduler.jobstores.base import SharedJobStore, UnknownJobError
from apscheduler.names import closest
from apscheduler.schedulers._api.questions import limit_of, moment_of, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Protocol

    from apscheduler.executors.base import BaseExecutor
    from apscheduler.history.outcomes import Outcome
    from apscheduler.jobstores._plain.claims import Store
    from apscheduler.schedulers._contract import HasExecutors, HasPending, HasStores, KeepsTime

    class Asked(HasExecutors, HasStores, HasPending, KeepsTime, Protocol):
        """What questions about runs need of a scheduler."""

        _passes: int
        _in_pass: int

        def _stores_asked(self, jobstore: str | None) -> list[tuple[str, Store]]: ...


def runs_of(
    scheduler: Asked,
    job_id: str | None,
    jobstore: str | None,
    outcome: Outcome | None,
    between: tuple[datetime | None, datetime | None],
    node: str | None,
    limit: int,
) -> list[Run]:
    """Return runs that have ended; ``BaseScheduler.get_runs`` documents it."""
    text_of("job_id", "the id of a job", job_id)
    text_of("node", "the name of a scheduler process", node)
    limit = limit_of(limit)
    zone = scheduler.timezone
    since, until = moment_of("since", between[0], zone), moment_of("until", between[1], zone)
    stores = scheduler._stores_asked(jobstore)
    query = RunQuery(job_id, outcome, since, limit, node, until)
    runs = [run for _, store in stores for run in store.runs(query)]
    if not runs and job_id is not None:
        _check_known(scheduler, stores, job_id)
    if len(stores) > 1:
        runs.sort(key=lambda run: run.finished_at or run.fire_time, reverse=True)
    return runs[:limit]


def _check_known(scheduler: Asked, stores: list[tuple[str, Store]], job_id: str) -> None:
    """Check that there is a job of this id, or was one.

    A job goes from the store to an executor (its last fire time takes it out of the store), then into the history.
    While a pass is under way it may be in none of these, so no error is raised then.

    :raises UnknownJobError: if nothing is known of it
    """
    passes = scheduler._passes
    if scheduler._in_pass:
        return
    pending = [job.id for job, _, _ in scheduler._pending_jobs]
    if job_id in pending or any(store.knows(job_id) for _, store in stores):
        return
    if any(run.job_id == job_id for run in running(scheduler)):
        return
    if any(store.runs(RunQuery(job_id=job_id, limit=1)) for _, store in stores):
        return
    if scheduler._passes != passes:
        return
    listed = (job.id for _, store in stores for job in store.get_all_jobs())
    raise UnknownJobError(job_id, closest(job_id, {*pending, *listed}))


def running(scheduler: Asked) -> list[Run]:
    """Return the runs without an outcome; ``BaseScheduler.get_running`` documents it."""
    here = {
        (run.jobstore, run.fire_id): run
        for executor in list(scheduler._executors.values())
        for run in _in_flight(executor)
    }
    found: list[Run] = []
    for alias, store in scheduler._claiming_stores():
        if isinstance(store, SharedJobStore) and store.paced:
            for run in store.live_runs():
                own = here.pop((alias, run.fire_id), None)
                known = own is not None and run.state == CLAIMED
                found.append(
                    replace(run, state=own.state, started_at=own.started_at) if known else run  # type: ignore[union-attr] # known
                )
            here = {key: run for key, run in here.items() if key[0] != alias}
    return [*found, *here.values()]


def _in_flight(executor: BaseExecutor) -> list[Run]:
    """Return the runs that an executor of ours has queued or running."""
    listed = getattr(type(executor), "in_flight", None)
    if listed is None:
        return []
    at_work = {(id(item), fire): started for item, fire, started in executor.under_way()}
    runs: list[Run] = []
    for item in listed(executor):
        if getattr(getattr(item, "sink", None), "is_call", False):
            continue  # a call that someone else gave the pool
        job = getattr(item, "job", item)
        fires = item.unsettled if job is not item else [item._fire]
        for fire in fires:
            started = at_work.get((id(item), fire))
            runs.append(
                Run(
                    job.id,
                    job._jobstore_alias or "",
                    job._at(fire),
                    None,
                    started_at=from_us(started, UTC) if started else None,
                    attempt=getattr(item, "attempt", 1),
                    fire_id=fire_id(job.id, fire),
                    state=QUEUED if started is None else RUNNING,
                )
            )
    return runs
