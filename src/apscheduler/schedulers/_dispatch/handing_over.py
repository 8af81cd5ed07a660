"""Takes one batch from its store to the executors: what was committed arrives, whatever raises (rule 2b).

    claim      the store puts into the request's batch what it has committed, before anything else can raise
    announce   a listener, a log handler or a trigger that raises costs only its own announcement
    submit     each executor gets its share, even if another one raises or a Ctrl-C comes

A Ctrl-C, which is no error of one part, is raised when everything is handed over.
"""

from __future__ import annotations

from operator import attrgetter

from apscheduler.events import EVENT_JOB_SUBMITTED
from apscheduler.executors.base import (
    InterpreterEndingError,
    MaxInstancesReachedError,
    cancel_interrupted,
)
from apscheduler.history import reasons
from apscheduler.history.outcomes import Outcome
from apscheduler.job import Job
from apscheduler.runs.claims import Result
from apscheduler.schedulers._dispatch.announcing import Announcer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from apscheduler.executors.base import BaseExecutor
    from apscheduler.jobstores._plain.claims import Store
    from apscheduler.jobstores.base import ClaimBatch, ClaimRequest
    from apscheduler.schedulers._contract import HasExecutors, KeepsTime
    from apscheduler.schedulers._dispatch.announcing import Announces
    from apscheduler.schedulers._dispatch.leading import Leading
    from apscheduler.schedulers._dispatch.settling import LaneSink

    class HandsOver(Announces, KeepsTime, HasExecutors, Protocol):
        """What the hand-over needs of the scheduler."""

        _has_inline: bool

        def _is_dispatching(self) -> bool: ...

        def _found_executor(self, alias: str) -> BaseExecutor | None: ...

        @property
        def _lane_sink(self) -> LaneSink: ...


_by_id, _by_fire = attrgetter("id"), attrgetter("_fire")


class HandOver:
    """Claims one batch, and hands it over."""

    def __init__(self, scheduler: HandsOver, request: ClaimRequest, lead: Leading | None) -> None:
        self._scheduler = scheduler
        self._request = request
        self._lead = lead
        self._batch: ClaimBatch = request.batch
        self._made: Announcer | None = None
        self._shares: dict[str, list[Any]] | None = None
        self._given: dict[str, bool] = {}
        self._too_many: set[int] = set()  # ids of items refused as one instance too many
        self._told_later: dict[str, list[Any]] | None = None
        self._is_over = False

    @property
    def _announcer(self) -> Announcer:
        """Tells of the batch; made when needed, because with many jobs a second most passes have nothing to tell."""
        if self._made is None:
            self._made = Announcer(self._scheduler)
        return self._made

    def run(self, store: Store, look: Callable[[ClaimBatch], None] | None) -> bool:
        """Claim a batch and hand it over; return whether there is more to claim.

        :param look: called with the batch before it is handed over, if given
        :raises BaseException: what the store raised, or a Ctrl-C; everything was handed over by then
        """
        try:
            self._batch = store.claim_due(self._request)
            if look is not None:
                look(self._batch)
        finally:
            try:
                self._give()
            finally:
                if not self._is_over:
                    self._give_rest()  # a Ctrl-C kept something back
            if self._made is not None and self._made.interrupt is not None:
                raise self._made.interrupt
        if self._batch.error is not None:
            raise self._batch.error
        return self._batch.more

    def _give(self) -> None:
        shares, batch = self._sorted(), self._batch
        if shares or batch.finished:
            inline = self._run_inline(shares) if self._scheduler._has_inline else []
            if (
                batch.finished
                or batch.has_news
                or self._scheduler._listener_mask & EVENT_JOB_SUBMITTED
            ):
                self._announce(shares, inline)
            for alias, items in shares.items():
                if alias not in self._given:
                    self._submit(alias, items)
            if self._told_later:
                self._announcer.announce_submitted(self._taken(self._told_later))
        elif batch.has_news:
            self._announcer.announce_the_rest(batch)
        self._is_over = True

    def _run_inline(self, shares: dict[str, list[Any]]) -> list[str]:
        """Give their shares to the executors that run jobs inside ``submit_claims``; return the aliases of these."""
        executors = self._scheduler._executors
        inline = [alias for alias in shares if is_inline(executors.get(alias))]
        for alias in inline:
            self._put_in_turn(shares[alias])
            self._submit(alias, shares[alias])
        return inline

    def _put_in_turn(self, items: list[Any]) -> None:
        """Put what runs one after another into 3.x's order, by time and id; claims of other stores have that order.

        Plain jobs come in order of time. If one batch cannot hold all that is due, they are left in that order.
        """
        if self._batch.due_at:
            items.sort(key=self._turn)
        elif not self._batch.claims and not self._batch.more:
            items.sort(key=_by_id)
            items.sort(key=_by_fire)

    def _turn(self, item: Any) -> tuple[int, str]:
        if isinstance(item, Job):
            return item._fire, item.id
        return self._batch.due_at.get(item.job.id, 0), item.job.id

    def _announce(self, shares: dict[str, list[Any]], inline: list[str]) -> None:
        batch, announcer = self._batch, self._announcer
        announcer.announce_removed(batch)
        announcer.announce_the_rest(batch)
        announcer.bid_farewell(batch, shares, inline)
        if self._scheduler._listener_mask & EVENT_JOB_SUBMITTED:
            executors = self._scheduler._executors
            self._told_later = {
                alias: items
                for alias, items in shares.items()
                if alias not in self._given and may_refuse(executors.get(alias))
            }
            now = {alias: shares[alias] for alias in shares if alias not in self._told_later}
            announcer.announce_submitted(self._taken(now))

    def _taken(self, shares: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """Return the shares without what was refused as one instance too many; 3.x does not tell that as submitted."""
        if not self._too_many:
            return shares
        return {
            alias: [item for item in items if id(item) not in self._too_many]
            for alias, items in shares.items()
        }

    def _give_rest(self) -> None:
        for alias, items in self._sorted().items():
            self._submit(alias, items)

    def _sorted(self) -> dict[str, list[Any]]:
        """Return, by alias, what each executor is to get."""
        if self._shares is None:
            if self._lead is not None:
                self._lead.guard(self._batch)
            shares: dict[str, list[Any]] = {}
            for alias, jobs in self._request.lanes.items():
                if jobs:
                    shares[alias] = jobs  # noqa: PERF403 - up to Python 3.11 a comprehension is one more call in each pass
            for claim in self._batch.claims:
                shares.setdefault(claim.job.executor, []).append(claim)
            self._shares = shares
        return self._shares

    # -- submit ------------------------------------------------------------------------------------------

    def _submit(self, alias: str, items: list[Any]) -> None:
        """Give an executor its share, once."""
        if alias in self._given:
            return
        executor: BaseExecutor | None = self._scheduler._found_executor(alias)
        take = _gone(alias) if executor is None else executor.submit_claims
        refused: list[tuple[Any, BaseException]] = []
        self._given[alias] = True  # nothing is called between this line and the executor's method
        try:
            refused = take(items)
        except Exception as exc:  # noqa: BLE001 - whatever an executor raises is told per job
            refused = [(item, exc) for item in items]
        except BaseException as exc:  # noqa: BLE001 - raised when everything is handed over
            self._announcer.interrupted(exc)
            self._cancel_lost(executor, items)
        for item, why in refused:
            self._refuse_surely(item, why)

    def _cancel_lost(self, executor: BaseExecutor | None, items: list[Any]) -> None:
        """Settle the items that an executor did not get because of a Ctrl-C."""
        in_flight = getattr(executor, "in_flight", None)
        held = {id(item) for item in in_flight()} if callable(in_flight) else set()
        now = self._scheduler._now_us()
        for item in items:
            if id(item) in held:
                continue
            if isinstance(item, Job):
                if item._busy:
                    reason = "a Ctrl-C came while it was handed over"
                    result = Result(item._fire, Outcome.CANCELLED, 0, now, reason=reason)
                    self._scheduler._lane_sink.settle(item, result)
            else:
                cancel_interrupted([item], now)  # also where it lacks only its release

    def _refuse_surely(self, item: Any, why: BaseException) -> None:
        """Settle what an executor did not take, even if a listener raises, and however often Ctrl-C comes."""
        before = None
        while not self._is_refused(item, why) and not isinstance(item, Job):
            left = item.unsettled
            if not left:
                item.sink.release(item)
                return
            if left == before:
                return  # it stays claimed: its store gives it back at the end
            before = left

    def _is_refused(self, item: Any, why: BaseException) -> bool:
        """Refuse an item, and return whether that was completed."""
        try:
            self._refuse(item, why)
        except Exception as exc:  # noqa: BLE001 - of a listener, a log handler, a trigger
            self._announcer.failed(exc)
        except BaseException as exc:  # noqa: BLE001 - raised when everything is handed over
            self._announcer.interrupted(exc)
        else:
            return True
        return False

    def _refuse(self, item: Any, exc: BaseException) -> None:
        scheduler = self._scheduler
        now = scheduler._now_us()
        # A refusal while the scheduler or the interpreter stops is not the job's failure.
        stops = not scheduler._is_dispatching() or isinstance(exc, InterpreterEndingError)
        outcome = Outcome.CANCELLED if stops else Outcome.FAILED
        if isinstance(item, Job):
            scheduler._lane_sink.settle(item, Result(item._fire, outcome, 0, now, exception=exc))
            return
        if isinstance(exc, MaxInstancesReachedError):
            self._too_many.add(id(item))
            reason = reasons.refused(item.job.executor, item.job.max_instances)
            item.close(Outcome.SKIPPED, now, reason=reason)
            self._announcer.announce_skipped(item.job, item.fires, refused=reason)
            return
        if outcome is Outcome.CANCELLED and item.sink.hand_back(item):
            return
        item.close(outcome, now, exception=exc)


def is_inline(executor: BaseExecutor | None) -> bool:
    """Return whether an executor runs jobs inside ``submit_claims``, so that they have run when it returns."""
    return getattr(executor, "inline", False) is True


def may_refuse(executor: BaseExecutor | None) -> bool:
    """Return whether an executor gets its jobs by 3.x's ``submit_job``, which may refuse one instance too many."""
    heed = getattr(executor, "_heed_hooks", None)
    return callable(heed) and heed() is True


def _gone(alias: str) -> Callable[[list[Any]], Any]:
    why = LookupError(f"executor {alias!r} was removed meanwhile")
    return lambda items: [(item, why) for item in items]
