"""Runs that are free to be claimed by any node: given back before their start, or taken from a dead node."""

from __future__ import annotations

from apscheduler.cluster.points import reached
from apscheduler.jobstores._sql.claims import StoreClaim
from apscheduler.jobstores._sql.loading import Loader, Unloadable
from apscheduler.jobstores._sql.tables import STATES
from apscheduler.runs.outcomes import Outcome

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.cluster.membership import Membership
    from apscheduler.job import Job
    from apscheduler.jobstores._sql.database import Database
    from apscheduler.jobstores._sql.statements import Statements
    from apscheduler.jobstores.base import ClaimRequest


class FreeRuns:
    """Claims runs that have a row but no owner."""

    def __init__(
        self,
        database: Database,
        statements: Statements,
        loader: Loader,
        membership: Membership,
    ) -> None:
        self._database = database
        self._statements = statements
        self._loader = loader
        self._membership = membership

    def claim(
        self,
        request: ClaimRequest,
        slots: dict[str, int],
        number: int,
        check_own: Any,
        taken: list[StoreClaim],
    ) -> None:
        """Take what this node can run, by compare-and-set on the token; each is one claim.

        :param slots: free slots by executor; what is taken is subtracted
        :param number: of the batch
        :param check_own: the check of one's own lease, the transaction's last statement
        :param taken: the claims are appended to it; not to be believed if this raises
        """
        with self._database.reading() as connection:
            rows = connection.execute(self._statements.pending, {"limit": 200}).all()
        able = [(row, job) for row in rows if (job := self._job(row, request, slots)) is not None]
        gone = [row for row in rows if row[7] is None]
        if not able and not gone:
            return
        epoch = self._membership.lease.epoch
        with self._database.transaction() as connection:
            reached("free.begun")
            for row, job in able:
                if self._take(connection, row, request, epoch, number):
                    taken.append(self._claim(row, job, request, epoch))
            for row in gone:
                self._close(connection, row, request)
            reached("free.taken")
            check_own(connection, epoch, number)
        reached("free.committed")

    def _job(self, row: Any, request: ClaimRequest, slots: dict[str, int]) -> Job | None:
        id, _, _, fire, _, _, _, blob = row
        if blob is None:
            return None
        try:
            job = self._loader.load(id, blob, fire / 1_000_000)
        except Unloadable:
            return None
        if not request.has_executor(job.executor) or slots.get(job.executor, 1) <= 0:
            return None
        if job.executor in slots:
            slots[job.executor] -= 1
        return job

    def _take(
        self, connection: Any, row: Any, request: ClaimRequest, epoch: int, number: int
    ) -> bool:
        values = {
            **_key(row),
            "token": row[4],
            "node": epoch,
            "node_name": self._membership.name,
            "batch": number,
            "claimed_us": request.now + self._membership.offset.us,
        }
        return bool(connection.execute(self._statements.take_pending, values).rowcount == 1)

    def _claim(self, row: Any, job: Job, request: ClaimRequest, epoch: int) -> StoreClaim:
        _, generation, kind, fire, token, attempt, _, _ = row
        return StoreClaim(
            job,
            [fire],
            request.sink,
            generation=generation,
            lease=self._membership.lease,
            epoch=epoch,
            offset=self._membership.offset.us,
            late_because="the node that had claimed it could not start it",
            kind=kind,
            token=token + 1,
            attempt=attempt,
        )

    def _close(self, connection: Any, row: Any, request: ClaimRequest) -> None:
        """Close a run whose job is gone and whose definition nobody kept."""
        runs = self._statements.tables.runs
        key = _key(row)
        connection.execute(
            runs.update()
            .where(*(runs.c[name] == value for name, value in key.items()))
            .where(runs.c.state == 0, runs.c.token == row[4])
            .values(
                state=STATES[Outcome.CANCELLED],
                finished_us=request.now + self._membership.offset.us,
                reason="its job was removed before it could be started",
            )
        )


def _key(row: Any) -> dict[str, Any]:
    return {"job_id": row[0], "generation": row[1], "kind": row[2], "fire_us": row[3]}
