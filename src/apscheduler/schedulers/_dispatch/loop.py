"""THE loop: claims what is due, hands it to the executors, and says when to come back.

A pass does this for each store and batch:

    claim      the store moves next fire times and counts instances in one atomic step (jobstores/base.py)
    announce   what will not run is written down, logged and told; what will run is told as submitted
    hand over  each executor gets its share of the batch in one call

The second and third step are in ``announcing.py`` and ``handing_over.py``. No lock is held here at all. If a store,
trigger, executor or listener raises, its own jobs are delayed and one line is logged. A failing store is asked again
after ``jobstore_retry_interval`` (``schedulers/_store_calls.py``). A crash between claim and hand-over loses only what was in memory; a shared store
recovers the claim by its row.
"""

from __future__ import annotations

import logging
from functools import partial

from apscheduler._engine.instants import NEVER, SECOND, from_us
from apscheduler.job import Job
from apscheduler.job_hooks import OWN_RUN_TIMES
from apscheduler.jobstores.base import ClaimRequest
from apscheduler.logs import say
from apscheduler.runs.asking import plan_job
from apscheduler.schedulers._dispatch.clock_steps import ClockSteps
from apscheduler.schedulers._dispatch.handing_over import HandOver
from apscheduler.schedulers._dispatch.lateness import Lateness
from apscheduler.schedulers._dispatch.pace import Pace
from apscheduler.schedulers._dispatch.settling import StoreSink
from apscheduler.schedulers._store_calls import StoreCalls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from apscheduler.jobstores._plain.claims import Store
    from apscheduler.schedulers._contract import HasStores
    from apscheduler.schedulers._dispatch.handing_over import HandsOver
    from apscheduler.schedulers._dispatch.leading import Leading
    from apscheduler.schedulers._dispatch.settling import Settles
    from apscheduler.schedulers._store_calls import Served

    class Dispatched(HandsOver, Settles, Served, HasStores, Protocol):
        """What the loop needs of its scheduler."""

        _lead: Leading | None

        def _has_real_time(self) -> bool: ...

        def _heed_overrides(self) -> None: ...

        def _lanes(self) -> dict[str, list[Job]]: ...

        def _has_executor(self, alias: str) -> bool: ...

        def _make_due_in(self, alias: str, store: Store) -> None: ...


BATCH = 2000
"""Jobs claimed at a time: enough that the fixed cost does not matter, few enough that workers start at once."""

BATCHES = 100
"""Batches of one store in a pass, before the other stores have their turn."""


class Dispatcher:
    """The loop of one scheduler. Used by the loop's thread only.

    :ivar polls: whether to come back also to look for what other processes have changed
    """

    def __init__(self, scheduler: Dispatched) -> None:
        self._scheduler = scheduler
        self.lateness = Lateness()
        self.stores = StoreCalls(scheduler, self.lateness)
        self.pace = Pace()
        self._clock_steps = ClockSteps()
        self.batch, self.batches = BATCH, BATCHES
        self.polls = True
        self.wake_at = NEVER
        self._unbegun: set[str] = set()  # stores that could not be reached at the start
        self._sinks: dict[int, StoreSink] = {}
        self._is_real = False  # whether this pass goes by the host's clock
        self._is_fresh = (
            False  # whether its first claim is to come, for which the caller has checked the state
        )

    def run_pass(self) -> float | None:
        """Run everything that is due; return the seconds until the next thing is (``None``: nothing is)."""
        scheduler = self._scheduler
        scheduler._heed_overrides()
        wake_at = NEVER
        lead = scheduler._lead
        if lead is not None and not lead.may_run(scheduler._now_us()):
            look_within: int = lead.look_within
            self.wake_at = scheduler._now_us() + look_within
            return look_within / SECOND if self.polls else None
        steps = self._clock_steps
        now = scheduler._now_us()
        self._is_real = scheduler._has_real_time()
        self._is_fresh = True
        steps.pass_began(now, is_real=self._is_real)
        self.lateness.pass_began(now)
        for alias, store in scheduler._claiming_stores():
            wake_at = min(wake_at, self.stores.serve(alias, store, now, self._serve))
            if steps.step and not store.paced:
                steps.tell(alias, scheduler._logger)
            now = scheduler._now_us()
        self.wake_at = wake_at
        self.lateness.pass_ended(now, wake_at)
        if scheduler._logger.isEnabledFor(logging.DEBUG):
            when = "a change" if wake_at == NEVER else from_us(wake_at, scheduler.timezone)
            say(scheduler._logger, logging.DEBUG, "Nothing more is due; waiting for %s", when)
        return None if wake_at == NEVER else max(wake_at - now, 0) / SECOND

    def begin_later(self, aliases: set[str]) -> None:
        """Make the jobs of ``@reboot`` in these stores due later, when the stores can be reached.

        Called by the thread that starts or resumes the scheduler, before the loop's first pass. That pass logs that
        these stores cannot be reached.
        """
        self._unbegun = aliases

    def _serve(self, alias: str, store: Store, now: int) -> int:
        """Run what is due in one store; return the instant to come back to it."""
        if alias in self._unbegun:
            self._scheduler._make_due_in(alias, store)
            self._unbegun.discard(alias)
        self._claim_all(alias, store, now)
        due = store.next_due()
        wake_at = NEVER if due is None else due
        look_within = store.look_within()
        if look_within is None or not self.polls:
            return wake_at
        return min(wake_at, now + look_within)

    def _claim_all(self, alias: str, store: Store, now: int) -> None:
        scheduler = self._scheduler
        for number in range(self.batches):
            if not self._is_fresh and not scheduler._is_dispatching():
                return
            self._is_fresh = False
            if number:
                now = scheduler._now_us()
            lead = scheduler._lead
            # Plain jobs run without a claim. With a leader lock each run needs one, which says whether it may start.
            # A job with an overridden _get_run_times needs one too.
            is_plain = lead is None and Job._get_run_times is OWN_RUN_TIMES
            lanes = scheduler._lanes() if is_plain else {}
            request = ClaimRequest(
                now,
                self.batch,
                lanes,
                scheduler._has_executor,
                plan_job if lead is None else lead.plan_for(store),
                self.lateness.judge(now, alias),
                self._sink(store),
                self._slots() if store.paced else {},
                is_real=self._is_real,
                in_turn=scheduler._has_inline,
            )
            handing = HandOver(scheduler, request, lead)
            look = (
                partial(self._clock_steps.found, alias, lanes) if self._clock_steps.step else None
            )
            if not handing.run(store, look):
                return

    def _sink(self, store: Store) -> StoreSink:
        sink = self._sinks.get(id(store))
        if sink is None:
            sink = self._sinks[id(store)] = StoreSink(self._scheduler, store)
        return sink

    def _slots(self) -> dict[str, int]:
        """Return how many claims each executor can start soon."""
        executors = list(self._scheduler._executors.items())
        return {alias: self.pace.slots(alias, executor) for alias, executor in executors}
