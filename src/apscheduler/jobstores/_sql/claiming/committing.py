"""Commits a page of planned jobs, in one transaction, and in smaller ones where the database refuses a value.

commit   lock those rows that are as they were read (skipping what others have locked), count instances, insert
         the runs (the unique key decides), move the jobs, write waiting outcomes, re-check one's own lease last
"""

from __future__ import annotations

from apscheduler.cluster.points import reached
from apscheduler.jobstores._sql.claiming.handing_over import HandingOver
from apscheduler.jobstores._sql.claiming.rights import LeaseOverError
from apscheduler.jobstores._sql.claiming.transaction import Writing
from apscheduler.jobstores._sql.connection.database import is_disconnect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler.cluster.membership import Membership
    from apscheduler.jobstores._sql.changing.loading import Loader
    from apscheduler.jobstores._sql.claiming.candidates import Candidate
    from apscheduler.jobstores._sql.claiming.doubt import Doubts
    from apscheduler.jobstores._sql.claiming.outbox import Outbox
    from apscheduler.jobstores._sql.claiming.planning import Pass
    from apscheduler.jobstores._sql.claiming.rights import Rights
    from apscheduler.jobstores._sql.connection.database import Database
    from apscheduler.jobstores._sql.statements import Statements


class Committing:
    """Commits the claims of one store."""

    def __init__(
        self,
        database: Database,
        statements: Statements,
        loader: Loader,
        outbox: Outbox,
        membership: Membership,
        rights: Rights,
        doubts: Doubts,
    ) -> None:
        self._database = database
        self._statements = statements
        self._loader = loader
        self._outbox = outbox
        self._membership = membership
        self._rights = rights
        self._doubts = doubts

    def commit(self, found: list[Candidate], current: Pass) -> Writing | None:
        """Claim these jobs in one transaction and add the result to the batch of the pass.

        Return the transaction; ``None`` if it was made, and only the answer to its COMMIT was lost.

        :raises LeaseOverError: if this node's lease is over in the store; nothing was claimed
        :raises AheadError: if the plan is ahead of the store's clock; nothing was claimed
        """
        epoch = self._membership.lease.epoch
        try:
            done = self._database.retried(lambda: self._tried(found, current, epoch))
        except LeaseOverError:
            self._membership.fenced()
            raise
        except Exception as exc:
            if self._doubts.settle(current.batch) and is_disconnect(exc):
                return None
            raise
        self._doubts.take_over(current.batch)
        return done

    def _tried(self, found: list[Candidate], current: Pass, epoch: int) -> Writing:
        """Run one try of the transaction."""
        self._doubts.forget()  # a try before this one was rolled back
        number, rights = self._rights.numbered(), self._rights
        writing = Writing(
            found,
            current.request,
            self._statements,
            self._loader,
            self._membership,
            rights.next_seq,
            self._outbox.catch_ups,
            epoch,
            number,
        )
        with self._outbox.taken() as outcomes:
            with self._database.transaction() as connection:
                reached("claim.begun")
                if outcomes:
                    self._outbox.write(connection, outcomes)
                    reached("claim.settled")
                writing.write(connection)
                rights.check(connection, epoch, number, self._latest(current))
                reached("claim.checked")
                self._doubts.seal(epoch, number, HandingOver(writing).batch())
                reached("claim.sealed")
            reached("claim.committed")
        return writing

    def _latest(self, current: Pass) -> int:
        """Return the store's time from which this pass's plan is right; 0 if its ``now`` is not a real clock's."""
        return current.now - self._membership.offset.slack if current.request.is_real else 0
