"""What a store's start makes and its shutdown ends: a session. Its runs may go on after that, beside the session that follows.

Each claim has its session's lease. What becomes of a run is written by the session that claimed it, and a session that was
shut down keeps its place among the nodes until its runs have their outcomes, whatever was started since.
"""

from __future__ import annotations

from functools import partial
from threading import Lock

from apscheduler.jobstores._sql.claiming.claims import OpenClaims

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler.cluster.membership import Membership
    from apscheduler.jobstores._sql.claiming.outbox import Outbox
    from apscheduler.jobstores._sql.membership.nodes import SQLRoll


class Session:
    """The parts of a store that live from a start until the last run that was claimed since has its outcome.

    :ivar drains: whether the heartbeat's thread writes what comes after the shutdown
    :ivar left: whether it has signed off, and speaks to the database no more
    """

    __slots__ = ("drains", "left", "membership", "open", "outbox", "roll")

    def __init__(self, outbox: Outbox, membership: Membership, roll: SQLRoll) -> None:
        self.outbox = outbox
        self.membership = membership
        self.roll = roll
        # Weak: nobody will settle a claim that nobody holds, and signing off must not wait for it.
        self.open = OpenClaims()
        self.drains = False
        self.left = False
        outbox.is_drained = self.is_drained

    def is_drained(self) -> bool:
        """Return whether a thread goes on writing outcomes after the shutdown."""
        return self.drains and self.membership.is_beating()

    def has_settled(self) -> bool:
        """Write what waits; return whether no run goes on that has to be settled, and all outcomes are written."""
        if self.open.alive():
            self.outbox.is_empty()  # while runs go on it is tried for as long as they do
            return False
        return self.outbox.is_done()


class Sessions:
    """The sessions of one store that have not signed off: the one that goes on, and those that were shut down before it."""

    __slots__ = ("_earlier", "_leaving", "now")

    def __init__(self) -> None:
        self.now: Session | None = None
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
