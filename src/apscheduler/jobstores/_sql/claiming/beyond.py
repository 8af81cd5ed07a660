"""Looks for due jobs beyond the head of the queue, so that jobs which this node cannot take hide no others (rule 10).

Each pass reads the head. If little is due, or if the whole head can be taken, the pass reads nothing else. But a full
head may hold mostly jobs that have to be left: their executor is not here or has no slot, their bytes do not load, or
their trigger raises. Then the pass goes on from marks. These marks are kept from one pass to the next:

    waiting    for each executor that had no slot: where its jobs were passed over; read when it has one
    in turn    once a second, the next of all that was passed over: some can be taken by now, or came since
    newest     behind everything that was looked at so far

A pass looks at a limited number of rows. While there are rows that were never looked at, the next pass comes at once.
After that, a queue of any length costs its head, one query for the newest rows, and a limited number of rows each
second.

A mark is a moment. If many jobs are due at one moment, it is also a place within it (an id, on SQLite a rowid). So a
mark needs no row of its own, and rows that come or go before it do not move it. The rows of a page are ordered by
moment only: if they were ordered by id too, the server would have to sort all rows of one moment. A moment that fills a
page is read from place to place.
"""

from __future__ import annotations

from apscheduler._engine.instants import SECOND
from apscheduler._engine.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from typing import Any, Final

    from apscheduler.jobstores._sql.connection.database import Database
    from apscheduler.jobstores._sql.statements import Statements

PAGE: Final = 320
ROWS: Final = 4 * PAGE
"""Most rows that a pass looks at among the newest, and once a second among those that were passed over."""
FIRST: Final = object()
"""The place before all rows of a moment."""


class Mark(Record):
    """Where to go on: behind all rows of a moment or, with a place, behind that place within the moment."""

    __slots__ = ("moment", "place")

    def __init__(self, moment: float, place: Any = None) -> None:
        self.moment = moment
        self.place = place

    @property
    def page(self) -> int:
        """How many rows to read: more within a moment, as a server without statistics reads all of it to sort it."""
        return PAGE if self.place is None else ROWS


class Looked(Record):
    """What was found on a page.

    :ivar rows: how many of its rows were looked at, from the first one on
    :ivar found: how many of these could be taken
    :ivar waiting: executors whose jobs were passed over because they had no slot
    :ivar goes_on: whether to look at more in this pass
    """

    __slots__ = ("found", "goes_on", "rows", "waiting")

    def __init__(
        self, rows: int, found: int, waiting: Collection[str] = (), *, goes_on: bool = True
    ) -> None:
        self.rows = rows
        self.found = found
        self.waiting = waiting
        self.goes_on = goes_on


class Beyond:
    """The marks of one store. Used by the thread that claims. A mark that is wrong costs only an extra look."""

    def __init__(self, database: Database, statements: Statements) -> None:
        self._database = database
        self._statements = statements
        self._newest: Mark | None = None
        self._turn: Mark | None = None
        self._turned_at = 0
        self._waiting: dict[str, Mark] = {}

    def is_empty(self) -> None:
        """Forget the marks, because the head was all that is due."""
        if self._newest is not None or self._waiting:
            self._newest = self._turn = None
            self._waiting.clear()

    def wait(self, executor: str, mark: Mark) -> None:
        """Look for jobs of this executor from this mark on, as soon as it has a slot."""
        known = self._waiting.get(executor)
        if known is None or mark.moment < known.moment:
            self._waiting[executor] = mark

    def go_on(
        self,
        head: Sequence[Any],
        now: int,
        slots: dict[str, int],
        look: Callable[[Sequence[Any]], Looked],
    ) -> bool:
        """Look at further pages; return whether to go on at once with rows that were never looked at.

        :param head: rows of the head, a full page
        :param now: the store's time, microseconds UTC
        :param look: claims what it can of the rows of a page
        """
        start = _behind(head, Mark(float("-inf")))
        newest = self._newest
        if newest is not None and newest.moment * SECOND > now:
            self.is_empty()  # the clock was set back
            newest = None
        walk = _Walk(self._read, now, look)
        for executor in list(self._waiting):
            if slots.get(executor, 0) > 0 and walk.goes_on:
                self._look_for(executor, walk)
        if newest is None:
            self._turned_at = now
        elif not 0 <= now - self._turned_at < SECOND and walk.goes_on:
            self._turned_at = now
            mark, ended, _ = walk.walk(_later(start, self._turn), ROWS, self.wait)
            self._turn = None if ended or mark.moment > newest.moment else mark
        self._newest, ended, _ = walk.walk(_later(start, newest), ROWS, self.wait)
        return walk.goes_on and not ended

    def _look_for(self, executor: str, walk: _Walk) -> None:
        """Look at a page where jobs of an executor wait; if it had some to take, and more may follow, keep a mark."""
        waits_at = self._waiting.pop(executor, None)
        if waits_at is not None:
            mark, ended, found = walk.walk(waits_at, PAGE, self.wait)
            if found and not ended:
                self.wait(executor, mark)

    def _read(self, mark: Mark, now: int) -> Sequence[Any]:
        values: dict[str, Any] = {"moment": mark.moment, "limit": mark.page}
        if mark.place is None:
            statement = self._statements.due_after
            values["now"] = now / SECOND
        elif mark.place is FIRST:
            statement = self._statements.due_at
        else:
            statement = self._statements.due_at_behind
            values["place"] = mark.place
        with self._database.reading() as connection:
            return connection.execute(statement, values).all()


class _Walk:
    """The pages that one pass looks at."""

    def __init__(
        self,
        read: Callable[[Mark, int], Sequence[Any]],
        now: int,
        look: Callable[[Sequence[Any]], Looked],
    ) -> None:
        self._read = read
        self._now = now
        self._look = look
        self.goes_on = True

    def walk(
        self, mark: Mark, rows: int, wait: Callable[[str, Mark], None]
    ) -> tuple[Mark, bool, int]:
        """Read rows from a mark on; return where that ended, whether nothing follows, and how many could be taken.

        :param rows: about how many to read
        :param wait: called with each executor that has no slot, and the mark behind which a job of it was found
        """
        found = 0
        while rows > 0 and self.goes_on:
            page = self._read(mark, self._now)
            looked = self._look(page if mark.place is None else [row[:4] for row in page])
            self.goes_on = looked.goes_on
            rows -= len(page)
            found += looked.found
            for executor in looked.waiting:
                wait(executor, mark)
            if looked.rows < len(page) or len(page) >= mark.page:
                mark = _behind(page[: looked.rows], mark)
            elif mark.place is not None:
                mark = Mark(mark.moment)  # all rows of that moment were read
            else:
                return (Mark(page[-1][1]) if page else mark), True, found
        return mark, False, found


def _behind(rows: Sequence[Any], mark: Mark) -> Mark:
    """Return the mark behind these rows, which were read from ``mark`` on; other rows may follow them."""
    if not rows:
        return mark
    last = rows[-1][1]
    if mark.place is not None:
        return Mark(last, rows[-1][4])
    before = [row[1] for row in rows if row[1] < last]
    return Mark(before[-1] if before else last, None if before else FIRST)


def _later(start: Mark, mark: Mark | None) -> Mark:
    return start if mark is None or mark.moment < start.moment else mark
