"""Loads and plans what is due. Foreign code (a job's module, a trigger) runs here, while nothing is locked."""

from __future__ import annotations

from functools import partial

from apscheduler._engine.backoff import delay
from apscheduler._engine.instants import NEVER, SECOND
from apscheduler.jobstores._rows import LAST_GENERATION
from apscheduler.jobstores._sql.changing.loading import Unloadable
from apscheduler.jobstores._sql.claiming.candidates import Candidate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from apscheduler.job import Job
    from apscheduler.jobstores._sql.changing.asking import Ask
    from apscheduler.jobstores._sql.changing.loading import Loader
    from apscheduler.jobstores.base import ClaimBatch, ClaimRequest

PATIENCE = 60 * SECOND
"""Microseconds that other nodes have to take a due job whose executor is not here, before it fails (rule 10)."""
_LONGEST_BACKOFF = 64 * SECOND


class Pass:
    """One pass over what is due.

    :ivar slots: free slots by executor; what is claimed is subtracted
    :ivar left: how many jobs may still be claimed
    :ivar offset: microseconds from this host's clock to the store's
    :ivar now: the store's time, microseconds UTC
    """

    __slots__ = ("batch", "left", "now", "offset", "request", "slots")

    def __init__(self, request: ClaimRequest, batch: ClaimBatch, offset: int) -> None:
        self.request = request
        self.batch = batch
        self.slots = dict(request.slots)
        self.left = 0
        self.offset = offset
        self.now = request.now + offset


class Left:
    """What the last pass left of the due jobs.

    :ivar starved: whether some were left because no executor had a free slot
    :ivar waiting_until: when to look again at those that were left (this host's clock)
    """

    __slots__ = ("starved", "waiting_until")

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin a pass that has left nothing so far."""
        self.starved = False
        self.waiting_until = NEVER

    def look_again(self, at: int) -> None:
        """Have a pass look again at this time, or earlier if it is to look earlier for other reasons."""
        self.waiting_until = min(self.waiting_until, at)


class Planner:
    """Plans the due jobs of one store, and puts off those whose trigger or values raise."""

    def __init__(self, loader: Loader, left: Left) -> None:
        self._loader = loader
        self._left = left
        self._broken: dict[str, tuple[float, int, int]] = {}  # by job: moment, failures, retry at

    def planned(
        self, rows: Sequence[Any], current: Pass, waiting: set[str]
    ) -> tuple[list[Candidate], int]:
        """Return what can be claimed of these rows, and how many were looked at.

        :param waiting: gets the executors whose jobs were left because they had no slot
        """
        found: list[Candidate] = []
        considered = 0
        left, ask, batch = current.left, current.request.ask, current.batch
        load = self._loader.load_for_claim if ask is None else partial(self._load_asked, ask)
        for row in rows:
            if left <= 0:
                break
            considered += 1
            candidate = self._candidate(row, current, waiting, load)
            if batch.error is not None:
                return [], considered
            if candidate is not None:
                found.append(candidate)
                if candidate.plan.run and not candidate.refused:
                    left -= 1
        return found, considered

    def _candidate(
        self,
        row: Any,
        current: Pass,
        waiting: set[str],
        load: Callable[[str, bytes, float], Job],
    ) -> Candidate | None:
        """Load and plan a job; return ``None`` if it is left."""
        id, moment, blob, generation = row
        request, slots = current.request, current.slots
        broken = self._broken.get(id)
        if broken is not None and self._is_put_off(broken, moment, current):
            return None
        try:
            if generation.__class__ is not int or not 0 <= generation < LAST_GENERATION:
                self._loader.check_generation(id, generation)
            job = load(id, blob, moment)
        except Unloadable:
            self._left.look_again(request.now + SECOND)
            return None
        found = Candidate(job, blob, moment, generation)
        if not request.has_executor(job.executor):
            if self._is_for_others(found, current):
                return None
            found.refused = True
        elif slots.get(job.executor, 1) <= 0:
            self._left.starved = True
            waiting.add(job.executor)
            return None
        try:
            found.plan = request.plan(job, found.due, current.now)
        except Exception as exc:  # noqa: BLE001 - whatever a trigger raises costs this job only
            self.put_off(id, moment, current.now, current.offset)
            current.batch.broken.append((job, exc))
            return None
        except BaseException as exc:  # noqa: BLE001 - a Ctrl-C: raised when the claims so far are handed over
            current.batch.error = exc
            return None
        if found.plan.run and not found.refused and job.executor in slots:
            slots[job.executor] -= 1
        return found

    def _is_for_others(self, found: Candidate, current: Pass) -> bool:
        """Return whether a job whose executor is not here is still left to other nodes."""
        if current.now - found.due >= PATIENCE:
            return False
        self._left.look_again(current.request.now + SECOND)
        return True

    def _load_asked(self, ask: Ask, id: str, blob: bytes, moment: float) -> Job:
        """Return a job as someone else's read method has returned it, or as its row has it if none was asked."""
        given = ask.jobs.get(id)
        if given is None:
            return self._loader.load_for_claim(id, blob, moment)
        return self._loader.placed(given, moment)

    # -- jobs that are put off -------------------------------------------------------------------------------

    def _is_put_off(self, broken: tuple[float, int, int], moment: float, current: Pass) -> bool:
        """Return whether a job that has failed is not to be tried yet, at the fire time at which it failed."""
        failed_at, _, retry_at = broken
        if failed_at != moment or retry_at <= current.now:
            return False
        self._left.look_again(retry_at - current.offset)
        return True

    def put_off(self, id: str, moment: float, now: int, offset: int) -> None:
        """Leave a job for a while that doubles with each failure at the same fire time.

        :param moment: its fire time, as the column has it
        :param now: the store's time
        """
        known = self._broken.get(id)
        failures = known[1] + 1 if known is not None and known[0] == moment else 1
        retry_at = now + delay(failures, SECOND, _LONGEST_BACKOFF)
        self._broken[id] = (moment, failures, retry_at)
        self._left.look_again(retry_at - offset)

    def forget(self, ids: Iterable[str]) -> None:
        """Forget the failures of these jobs."""
        if self._broken:
            for id in ids:
                self._broken.pop(id, None)
