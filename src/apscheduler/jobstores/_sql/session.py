"""What a store's start makes and its shutdown ends: a session. Its runs may go on after that, beside the session that follows.

Each claim has its session's lease. What becomes of a run is written by the session that claimed it, and a session that was
shut down keeps its place among the nodes until its runs have their outcomes, whatever was started since.
"""

from __future__ import annotations

from apscheduler._engine.instants import SECOND
from apscheduler.cluster.membership import Membership
from apscheduler.jobstores._sql.claiming.claims import OpenClaims, StoreClaim
from apscheduler.jobstores._sql.claiming.free_runs import FreeRuns
from apscheduler.jobstores._sql.claiming.outbox import Outbox
from apscheduler.jobstores._sql.claiming.passes import Claiming
from apscheduler.jobstores._sql.guarding.strangers import Strangers
from apscheduler.jobstores._sql.guarding.watching import Watching
from apscheduler.jobstores._sql.membership.nodes import SQLRoll
from apscheduler.jobstores._sql.zones.rezoning import Rezoning

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from collections.abc import Callable
    from typing import Protocol

    from apscheduler.job import Job
    from apscheduler.jobstores._sql.guarding.alone import Alone
    from apscheduler.jobstores._sql.guarding.copies import Guard
    from apscheduler.jobstores._sql.options import Options
    from apscheduler.jobstores._sql.parts import Parts
    from apscheduler.jobstores._sql.telling import Telling
    from apscheduler.jobstores.base import ClaimBatch
    from apscheduler.runs.claims import Claim

    class Sessions(Protocol):
        """The sessions of one store, as one of them sees them (``sessions.py``)."""

        clock: Callable[[], int]
        tend: Callable[[], None]
        store_gives_back: Callable[[Claim], object]

        def runs_freed(self) -> None: ...

        def fenced(self, epoch: int, trusted: Callable[[], bool]) -> None: ...

        def replanned(self, job: Job, planned: int, reason: str) -> None: ...


class Session:
    """The parts of a store that live from a start until the last run that was claimed since has its outcome.

    Nothing here speaks to the database before :meth:`begin`.

    :ivar open: claims that are committed and not released
    :ivar drains: whether the heartbeat's thread writes what comes after the shutdown
    :ivar left: whether it has signed off, and speaks to the database no more
    :ivar asked_at: ``now`` of the last pass, microseconds UTC
    :ivar wake_below: wake the loop as soon as fewer claims are open than this
    """

    def __init__(
        self,
        parts: Parts,
        options: Options,
        telling: Telling,
        sessions: Sessions,
        guard: Guard,
        alone: Alone | None,
        logger: logging.Logger,
    ) -> None:
        self._parts = parts
        self._options = options
        self._telling = telling
        self._sessions = sessions
        # Weak: nobody will settle a claim that nobody holds, and signing off must not wait for it.
        self.open = OpenClaims()
        self.drains = False
        self.left = False
        self.asked_at = 0
        self.wake_below = 0
        self.guard = guard
        self.outbox = self._made_outbox()
        self.roll = self._made_roll(alone)
        self.membership = self._made_membership()
        strangers = Strangers(parts.statements, parts.loader)
        self.claiming = self._made_claiming(strangers)
        self.watching = Watching(
            parts.database,
            parts.statements,
            strangers,
            self.membership,
            self.claiming,
            telling.strangers_found,
        )
        self.rezoning = self._made_rezoning(logger)

    # -- making ---------------------------------------------------------------------------------------------

    def _made_outbox(self) -> Outbox:
        made = Outbox(
            self._parts.database,
            self._parts.statements,
            self._telling.troubles.tell,
            keep_results=self._options.keep_results,
            patience=self._options.lease_us / SECOND,
        )
        made.is_drained = self.is_drained
        made.catch_ups.on_waiting = self._telling.changed
        made.catch_ups.give_back = self._sessions.store_gives_back
        made.catch_ups.on_portion = self.open.add
        return made

    def _made_roll(self, alone: Alone | None) -> SQLRoll:
        return SQLRoll(
            self._parts.database,
            self._parts.statements,
            self._telling.runs_closed,
            self._sessions.runs_freed,
            self._sessions.tend,
            self.guard.check,
            None if alone is None else alone.check,
        )

    def _made_membership(self) -> Membership:
        lease = self._options.lease_us
        made = Membership(
            self.roll,
            lease,
            lease / SECOND / 3,
            self._sessions.clock,
            self._telling.heartbeat_trouble,
        )
        made.on_fenced = self._sessions.fenced
        return made

    def _made_claiming(self, strangers: Strangers) -> Claiming:
        parts = self._parts
        free_runs = FreeRuns(
            parts.database,
            parts.statements,
            parts.loader,
            self.membership,
            self.outbox.catch_ups,
        )
        made = Claiming(
            parts.database,
            parts.statements,
            parts.loader,
            self.outbox,
            self.membership,
            free_runs,
            strangers,
            self._note_open,
            self._telling.passed,
        )
        made.on_committed = self.guard.committed
        return made

    def _made_rezoning(self, logger: logging.Logger) -> Rezoning:
        made = Rezoning(
            self._parts.database,
            self._parts.statements,
            self._parts.loader,
            self._parts.editing,
            lambda: (self.membership.lease.epoch, self.membership.name),
            self._sessions.replanned,
            self._telling.troubles.tell,
            logger,
        )
        made.is_on = made.is_on and self._options.follow_zone_data
        return made

    # -- claims ---------------------------------------------------------------------------------------------

    def _note_open(self, batch: ClaimBatch) -> None:
        """Take note of claims that are about to be committed: signing off waits until they are settled."""
        for claim in batch.claims:
            if isinstance(claim, StoreClaim):
                self.open.add(claim)

    def claimed(self, batch: ClaimBatch) -> ClaimBatch:
        """Take note of what a pass has claimed."""
        starved = self.claiming.left.starved
        self.wake_below = max(1, len(self.open.alive()) // 2) if starved else 0
        return batch

    def wake_if_free(self) -> None:
        """Wake the loop if half of the claims have ended since a pass had no slots."""
        if len(self.open) < self.wake_below:
            self.wake_below = 0
            self._telling.changed()

    def end_catch_ups(self) -> None:
        """Give back the fire times of catch-ups that no executor has yet."""
        self.outbox.give_back_rests(self.outbox.catch_ups.end())

    # -- the end --------------------------------------------------------------------------------------------

    def end(self) -> None:
        """Write what waits; sign off as soon as all runs that go on are settled."""
        self._parts.listener.stop()
        try:
            self.claiming.doubts.close()
        except Exception as exc:  # noqa: BLE001 - other nodes recover the runs as orphans
            self._telling.troubles.tell("What became of the last claims could not be asked", exc)
        self.end_catch_ups()
        self.drains = not self._parts.database.is_private
        self.outbox.close()
        self.guard.close()
        self.rezoning.stop()
        self._write_back()
        self.membership.close(self.has_settled)

    def _write_back(self) -> None:
        """Write the next fire times of the columns into the pickles, for 3.x to read."""
        moved, self.claiming.moved = self.claiming.moved, {}
        if not moved:
            return
        try:
            self._parts.editing.write_back(moved)
            self.rezoning.last_look()
        except Exception as exc:  # noqa: BLE001 - the column stays right; only 3.x would read the pickle
            text = "Stored jobs could not be brought up to date for 3.x"
            self._telling.troubles.tell(text, exc)

    def is_drained(self) -> bool:
        """Return whether a thread goes on writing outcomes after the shutdown."""
        return self.drains and self.membership.is_beating()

    def has_settled(self) -> bool:
        """Write what waits; return whether no run goes on that has to be settled, and all outcomes are written."""
        if self.open.alive():
            self.outbox.is_empty()  # while runs go on it is tried for as long as they do
            return False
        return self.outbox.is_done()
