"""What is done while it is not known whether a commit happened (rules 2b and 15).

The claims of a transaction are made before its COMMIT, and kept as a :class:`Doubt` until the answer is known. There are
three ends of a doubt:

    the answer came           the claims go into the batch of the pass, in one step
    something raised          the next pass asks the store by the batch's number, and hands over what was committed
    the lease is over         what was committed is given back: nobody may start it any more
"""

from __future__ import annotations

from threading import get_ident

from apscheduler._engine.records import Record
from apscheduler.jobstores._sql.claiming.claims import StoreClaim

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from apscheduler.cluster.membership import Membership
    from apscheduler.jobstores._sql.claiming.outbox import Outbox
    from apscheduler.jobstores._sql.connection.database import Database
    from apscheduler.jobstores._sql.statements import Statements
    from apscheduler.jobstores.base import ClaimBatch


class Doubt(Record):
    """A transaction whose COMMIT is sent, and not known to have been made."""

    __slots__ = ("batch", "epoch", "number")

    def __init__(self, epoch: int, number: int, batch: ClaimBatch) -> None:
        self.epoch = epoch
        self.number = number
        self.batch = batch


class Doubts:
    """The transactions of one store that are in doubt: at most one for each thread that claims.

    :ivar by_thread: the doubts by the thread whose pass it was
    :ivar passing: the threads that are in a pass: each ends its own doubt
    :param note: called with a batch of claims before they are committed
    """

    def __init__(
        self,
        database: Database,
        statements: Statements,
        membership: Membership,
        outbox: Outbox,
        note: Callable[[ClaimBatch], None],
    ) -> None:
        self._database = database
        self._statements = statements
        self._membership = membership
        self._outbox = outbox
        self._note = note
        self.by_thread: dict[int, Doubt] = {}
        self.passing: set[int] = set()

    def seal(self, epoch: int, number: int, made: ClaimBatch) -> None:
        """Keep a batch whose transaction commits next; this thread has no other one."""
        self._note(made)
        self.by_thread[get_ident()] = Doubt(epoch, number, made)

    def forget(self) -> None:
        """Drop this thread's doubt: its transaction was rolled back."""
        self.by_thread.pop(get_ident(), None)

    def settle(self, batch: ClaimBatch) -> bool:
        """Ask the store about transactions in doubt; return whether claims of a committed one are in the batch now."""
        found = False
        for thread, doubt in list(self.by_thread.items()):
            if thread != get_ident() and thread in self.passing:
                continue
            made = self._resolve(doubt)
            if made is not None and doubt.epoch == self._membership.lease.epoch:
                self.take_over(batch, thread)
                found = True
                continue
            if made is not None:
                self._give_back(made)  # nobody may start them under a lease that is over
            self.by_thread.pop(thread, None)
        return found

    def take_over(self, batch: ClaimBatch, thread: int | None = None) -> None:
        """Put what this (or another) thread's transaction has committed into the batch, and end its doubt."""
        thread = get_ident() if thread is None else thread
        doubt = self.by_thread.get(thread)
        if doubt is None:
            return
        made = doubt.batch
        batch.skipped.extend(made.skipped)
        batch.held.update(made.held)
        batch.broken.extend(made.broken)
        batch.moved.extend(made.moved)
        batch.dropped.extend(made.dropped)
        batch.rolled.extend(made.rolled)
        batch.refused.extend(made.refused)
        batch.finished.extend(made.finished)
        claims = batch.claims + made.claims
        # Two steps without a call, so no Ctrl-C comes between: no claim is lost, and none is in both places.
        batch.claims = claims
        del self.by_thread[thread]

    def close(self) -> None:
        """Give back what was committed and never handed over.

        :raises Exception: whatever the store raises
        """
        doubts, self.by_thread = self.by_thread, {}
        for doubt in doubts.values():
            made = self._resolve(doubt)
            if made is not None:
                self._give_back(made)

    def _resolve(self, doubt: Doubt) -> ClaimBatch | None:
        """Return the batch of a transaction without an answer if it was committed, else ``None``.

        It is ``None`` too if the incarnation is not listed any more: whoever took over its runs accounts for them.
        """
        with self._database.transaction() as connection:
            kept = connection.scalar(self._statements.own_batch, {"epoch": doubt.epoch})
        return doubt.batch if kept is not None and kept >= doubt.number else None

    def _give_back(self, made: ClaimBatch) -> None:
        for claim in made.claims:
            if isinstance(claim, StoreClaim):
                self._outbox.give_back_all(claim, claim.unsettled)
