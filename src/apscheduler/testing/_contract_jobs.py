"""Helpers of the contracts: jobs, triggers that misbehave, and the part of a scheduler around a claim."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler._engine.instants import NEVER, SECOND, from_us, to_us
from apscheduler._engine.planning import Plan, plan
from apscheduler.history.outcomes import Outcome
from apscheduler.job import Job
from apscheduler.jobstores.base import ClaimBatch, ClaimRequest
from apscheduler.runs.claims import Claim, Result
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

NOW = to_us(datetime(2030, 1, 1, tzinfo=UTC))
"""The time at which the contracts begin, in microseconds UTC. No contract reads a clock."""

INTERVAL = 10 * SECOND
"""The distance of the fire times of :func:`repeating`, in microseconds."""


def called(*args: Any, **kwargs: Any) -> None:
    """Do nothing. Stores write its reference down, and nobody calls it."""


def moment(instant: int) -> datetime:
    """Return an instant as an aware datetime."""
    return from_us(instant, UTC)


def repeating(first: int) -> IntervalTrigger:
    """Return a trigger that fires each :data:`INTERVAL` from ``first`` on."""
    return IntervalTrigger(seconds=INTERVAL // SECOND, start_date=moment(first), timezone=UTC)


def once(at: int) -> DateTrigger:
    """Return a trigger with one fire time."""
    return DateTrigger(moment(at), timezone=UTC)


class RaisingTrigger(BaseTrigger):
    """A trigger that cannot say when it fires next."""

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        """Raise."""
        raise RuntimeError("this trigger always raises")


class ForeignTrigger(BaseTrigger):
    """A trigger as users write them: it knows datetimes only and cannot look back."""

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        """Return the time ten seconds after the previous one."""
        step = timedelta(microseconds=INTERVAL)
        return now if previous_fire_time is None else previous_fire_time + step


def make_job(scheduler: Any, id: str, due: int | None = NOW, **options: Any) -> Job:
    """Return a complete job.

    :param due: its next fire time in microseconds UTC, ``None`` for a paused job
    :param options: attributes of the job, over defaults that let it run whenever it is due
    """
    attributes: dict[str, Any] = {
        "func": called,
        "args": (),
        "kwargs": {},
        "trigger": repeating(NOW if due is None else due),
        "executor": "default",
        "misfire_grace_time": None,
        "coalesce": False,
        "max_instances": 1,
        "next_run_time": None if due is None else moment(due),
    }
    return Job(scheduler, id, **{**attributes, **options})


class ContractSink:
    """Does with outcomes what a scheduler does: the first outcome of a fire time is written to the store."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def settle(self, claim: Claim, result: Result) -> bool:
        """Write an outcome unless another one was first."""
        if not claim.take(result.fire):
            return False
        self._store.settle(claim, result)
        return True

    def give_back(self, claim: Claim) -> None:
        """Let others have the claim."""
        self._store.give_back(claim)

    def further(self, request: ClaimRequest) -> list[Claim]:
        """Do a pass without a free slot: it hands over only the next portions of catch-ups that are claimed already."""
        slots = dict.fromkeys(request.slots, 0)
        asked = ClaimRequest(
            request.now,
            0,
            {},
            request.has_executor,
            request.plan,
            request.late_because,
            self,
            slots,
        )
        return list(self._store.claim_due(asked).claims)

    def takes_now(self, job: Job) -> bool:
        """Return ``False``: the next portion of a catch-up waits for the next claim."""
        return False

    def hand_on(self, claim: Claim) -> bool:
        """Return ``False``: nothing is taken, and the next portion waits for the next claim."""
        return False

    def hand_back(self, claim: Claim) -> bool:
        """Let others have the claim, if there are any."""
        return bool(self._store.give_back(claim))

    def release(self, claim: Claim) -> None:
        """Free the instance slot, once."""
        if claim.take_release():
            self._store.release(claim)


class Claimed:
    """A batch with the request it answers.

    :ivar jobs: plain jobs, taken without a claim, of all lanes
    """

    def __init__(self, request: ClaimRequest, batch: ClaimBatch) -> None:
        self.request = request
        self.batch = batch
        self.jobs = [job for lane in request.lanes.values() for job in lane]

    @property
    def fires(self) -> list[tuple[str, int]]:
        """Each claimed fire time, as job id and microseconds UTC; all fire times of a catch-up in portions."""
        plain = [(job.id, job._fire) for job in self.jobs]
        claims = self.batch.claims
        return plain + [(each.job.id, fire) for each in claims for fire in each.submitted]

    @property
    def ids(self) -> list[str]:
        """The ids of the claimed jobs, sorted."""
        return sorted({job_id for job_id, _ in self.fires})

    def finish(self, outcome: Outcome = Outcome.EXECUTED, **details: Any) -> None:
        """Settle everything, as an executor would that ran each fire time in a millisecond."""
        now = self.request.now
        for job in self.jobs:
            result = Result(job._fire, outcome, now, now + 1000, **details)
            job._ledger.write(job, result)
            job._busy = 0
        claims = self.batch.claims
        left = sum(len(claim.submitted) - len(claim.fires) for claim in claims)
        while claims:
            for claim in claims:
                self._finish_one(claim, outcome, **details)
            claims = self._further() if left else []
            left -= sum(len(claim.fires) for claim in claims)

    def follow(self, claim: Claim, outcome: Outcome = Outcome.EXECUTED) -> list[Claim]:
        """Finish one claim; if it is a portion of a catch-up, return the next one."""
        self._finish_one(claim, outcome)
        return self._further()

    def _finish_one(self, claim: Claim, outcome: Outcome, **details: Any) -> None:
        now = self.request.now
        for fire in claim.unsettled:
            result = Result(fire, outcome, now, now + 1000, **details)
            self.request.sink.settle(claim, result)
        self.request.sink.release(claim)

    def _further(self) -> list[Claim]:
        """Do a pass without a free slot: it hands over only the next portions of catch-ups."""
        sink = self.request.sink
        assert isinstance(sink, ContractSink)
        return sink.further(self.request)


def claim(
    store: Any,
    now: int = NOW,
    *,
    limit: int = 1000,
    lanes: tuple[str, ...] = (),
    executors: tuple[str, ...] = ("default",),
    catch_up: int = 100,
    during: Callable[[Job], None] | None = None,
) -> Claimed:
    """Claim what is due in a store, as a scheduler with these executors does.

    :param lanes: aliases of executors that take plain jobs, without claims
    :param catch_up: how many overdue fire times of one job run in one go without ``coalesce``
    :param during: called with each job that is being planned, between the store's taking and its committing
    """

    def planned(job: Job, due: int, now: int) -> Plan:
        if during is not None:
            during(job)
        grace = None if job._grace == NEVER else job._grace
        return plan(job._series(), due, now, coalesce=job.coalesce, grace=grace, limit=catch_up)

    request = ClaimRequest(
        now,
        limit,
        {alias: [] for alias in lanes},
        executors.__contains__,
        planned,
        lambda fire, grace: "asleep" if now - fire > grace else None,
        ContractSink(store),
        dict.fromkeys(executors, 1 << 30),
    )
    return Claimed(request, store.claim_due(request))
