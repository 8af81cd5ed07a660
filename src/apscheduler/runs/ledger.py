"""The ledger in memory: a bounded ring of outcomes.

A row of a run that went well is four integers and the job's id, written into preallocated columns: no object
that the garbage collector would have to follow is made per run (with 100,000 live jobs one tuple per run costs
3.5 times the whole dispatch). Whatever else there is to say about a run is a ``Detail``, kept beside the ring
and dropped with its row.

Any thread may write: a row's place comes from ``itertools.count`` (one atomic step), its columns are written
before its number is, and a reader takes a row only if its number was the expected one before and after.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from threading import Lock

from apscheduler._engine.records import Record
from apscheduler.history.outcomes import CODES, EXECUTED, Outcome
from apscheduler.runs.failures import capped, story_of
from apscheduler.texts import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.job import Job
    from apscheduler.runs.claims import Result

DEFAULT_CAPACITY = 10_000


class Detail(Record):
    """What a row says beyond its times."""

    __slots__ = ("attempt", "count", "error", "last", "reason", "traceback")

    def __init__(
        self,
        reason: str | None = None,
        error: str | None = None,
        traceback: str | None = None,
        attempt: int = 1,
        count: int = 1,
        last: int | None = None,
    ) -> None:
        self.reason = reason
        self.error = error
        self.traceback = traceback
        self.attempt = attempt
        self.count = count
        self.last = last


class Entry(Record):
    """One row as it is kept: instants in microseconds, ``started`` 0 where nothing was called."""

    __slots__ = ("detail", "finished", "fire", "job_id", "number", "outcome", "started")

    def __init__(
        self,
        number: int,
        job_id: str,
        fire: int,
        started: int,
        finished: int,
        outcome: Outcome,
        detail: Detail,
    ) -> None:
        self.number = number
        self.job_id = job_id
        self.fire = fire
        self.started = started
        self.finished = finished
        self.outcome = outcome
        self.detail = detail


_PLAIN = Detail()


class Ledger:
    """The last ``capacity`` outcomes of one job store, oldest overwritten first."""

    def __init__(self, capacity: int = DEFAULT_CAPACITY) -> None:
        if capacity < 1:
            raise ValueError(f"a ledger needs room for at least one run, not {capacity}")
        self.capacity = capacity
        self._numbers = count(1)
        self._details: dict[int, Detail] = {}
        self._filled = False
        self._filling = Lock()

    def _fill(self) -> None:
        """Make the columns at the first row: most schedulers in tests never need them."""
        with self._filling:
            if self._filled:
                return  # another thread wrote its first row just now
            zeros = [0] * self.capacity
            self._fires, self._starts = zeros.copy(), zeros.copy()
            self._ends, self._rows = zeros.copy(), zeros
            self._codes = bytearray(self.capacity)
            self._ids: list[str] = [""] * self.capacity
            self._filled = True

    def executed(self, job: Any, fire: int, started: int, finished: int) -> None:
        """Write the outcome of a run that went well (the hot path: keep it flat)."""
        if not self._filled:
            self._fill()
        number = next(self._numbers)
        place = number % self.capacity
        self._rows[place] = 0
        if self._codes[place]:
            self._codes[place] = EXECUTED
            self._details.pop(place, None)
        self._ids[place] = job.id
        self._fires[place] = fire
        self._starts[place] = started
        self._ends[place] = finished
        self._rows[place] = job._last = number

    def record(
        self,
        job_id: str,
        fire: int,
        started: int,
        finished: int,
        outcome: Outcome,
        detail: Detail = _PLAIN,
    ) -> int:
        """Write any outcome and return the row's number."""
        if not self._filled:
            self._fill()
        number = next(self._numbers)
        place = number % self.capacity
        self._rows[place] = 0
        self._codes[place] = CODES.index(outcome)
        if detail is _PLAIN and outcome is Outcome.EXECUTED:
            self._details.pop(place, None)
        else:
            self._details[place] = detail
        self._ids[place] = job_id
        self._fires[place] = fire
        self._starts[place] = started
        self._ends[place] = finished
        self._rows[place] = number
        return number

    def write(self, job: Job, result: Result, attempt: int = 1) -> None:
        """Write what an executor reported about one fire time of a job."""
        exception = result.exception
        text = story_of(result)
        detail = Detail(
            reason=result.reason,
            error=None if exception is None else one_line(exception),
            traceback=None if text is None else capped(text),
            attempt=attempt,
        )
        job._last = self.record(
            job.id, result.fire, result.started, result.finished, result.outcome, detail
        )

    def entry(self, number: int) -> Entry | None:
        """Return the row with this number, ``None`` if it was overwritten or never written."""
        if not self._filled or number <= 0:
            return None
        place = number % self.capacity
        if self._rows[place] != number:
            return None
        row = Entry(
            number,
            self._ids[place],
            self._fires[place],
            self._starts[place],
            self._ends[place],
            CODES[self._codes[place]],
            self._details.get(place, _PLAIN),
        )
        return row if self._rows[place] == number else None

    def newest_first(self) -> Iterator[Entry]:
        """Yield the rows, newest first."""
        newest = max(self._rows) if self._filled else 0
        for number in range(newest, max(0, newest - self.capacity), -1):
            row = self.entry(number)
            if row is not None:
                yield row

    def counts(self) -> dict[Outcome, int]:
        """Return how many fire times the kept rows account for, by outcome."""
        totals: dict[Outcome, int] = {}
        for row in self.newest_first():
            totals[row.outcome] = totals.get(row.outcome, 0) + row.detail.count
        return totals


def one_line(exc: BaseException) -> str:
    """Return an exception in one line, whatever its ``__str__`` does."""
    name = type(exc).__qualname__
    try:
        text = str(exc)
    except BaseException:  # noqa: BLE001 - a broken __str__ must not hide the failure it describes
        text = "(its __str__ raised)"
    said = f"{name}: {text}" if text else name
    return line(said.replace("\n", " "))[:1000]
