"""The sessions of one store: the one that goes on, those that were shut down before it, and what their threads find.

What a thread of any session finds goes to the session that goes on: a run that an earlier one has freed is claimed by
the pass that comes next.
"""

from __future__ import annotations

from functools import partial
from threading import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from apscheduler.job import Job
    from apscheduler.jobstores._sql.session import Session
    from apscheduler.jobstores._sql.telling import Telling
    from apscheduler.runs.claims import Claim


class Sessions:
    """The sessions of one store that have not signed off.

    :param clock: returns this host's time, microseconds UTC
    :param forget: drops what is remembered of a job
    :param tend: does a small step of housekeeping
    :param give_back: lets any node claim what this one has claimed
    """

    def __init__(
        self,
        telling: Telling,
        clock: Callable[[], int],
        forget: Callable[[str], None],
        tend: Callable[[], None],
        give_back: Callable[[Claim], object],
    ) -> None:
        self.now: Session | None = None
        self.clock = clock
        self.tend = tend
        self.store_gives_back = give_back
        self._telling = telling
        self._forget = forget
        self._earlier: list[Session] = []
        self._leaving = Lock()

    def begin(self, session: Session) -> None:
        """Take note that this one goes on from now on; what earlier ones have to write is written first."""
        self._earlier = [each for each in self.all() if not each.left]
        for each in self._earlier:
            each.outbox.is_empty()
        session.roll.is_last = partial(self._leaves, session)
        self.now = session

    def all(self) -> list[Session]:
        """Return all, the one that goes on last."""
        return [*self._earlier, *(() if self.now is None else (self.now,))]

    def of(self, lease: object, usual: Session) -> Session:
        """Return the session that claims under a lease, or else ``usual``."""
        return next((each for each in self._earlier if each.membership.lease is lease), usual)

    def forked(self) -> None:
        """In a child process: none of them is its own."""
        self._leaving = Lock()
        for each in self.all():
            each.outbox.forked()
            each.membership.lease.forked()
            each.open.clear()
            each.left = True

    def _leaves(self, session: Session) -> bool:
        """Take note that a session has signed off; return whether no other one needs the database."""
        with self._leaving:
            session.left = True
            return all(each.left for each in self.all())

    # -- what threads find ----------------------------------------------------------------------------------

    def runs_freed(self) -> None:
        """Have the next pass claim runs that became free."""
        if self.now is not None:
            self.now.claiming.look_for_free_runs()
        self._telling.changed()

    def fenced(self, epoch: int, trusted: Callable[[], bool]) -> None:
        """Have it found out why the store no longer knows an incarnation."""
        session = self.now
        if session is None:
            return
        kept_epoch, number = session.claiming.rights.kept
        batch = number if kept_epoch == epoch else 0
        session.guard.fenced(epoch, session.roll.beats, batch, trusted)

    def replanned(self, job: Job, planned: int, reason: str) -> None:
        """Report a fire time that will not come, because its zone's clock differs by newer zone data."""
        self._forget(job.id)
        self._telling.skipped(job, planned, reason)
        self._telling.changed()

    def held(self, reason: str) -> None:
        """Report that nothing is claimed from the store; the node joins anew once the store is adopted."""
        if self.now is not None:
            self.now.membership.lease.lost()
        self._telling.held(reason)
