"""Due jobs beyond the head of the queue: what this node cannot take hides nothing that stands behind it (rule 10).

Each pass reads the head, and that is all where little is due or all of it can be taken. Where a full head holds mostly
what has to be left (an executor that is not here or has no slot, bytes that do not load, a trigger that raises), the
pass goes on from marks, of which these are kept from one pass to the next:

    waiting    by executor that had no slot: where its jobs were passed over; read when it has one
    in turn    once a second, the next of all that were passed over: some can be taken by now, or came among them
    newest     behind everything that was looked at so far

A pass looks at so many rows and no more. While something was never looked at, the next pass comes at once; after that a
queue of any length costs its head, one question for the newest, and so many rows in a second.

A mark is a moment, and a place (an id, on SQLite a rowid) where many are due at one. So it needs no row to stand on, and
rows that come or go before it move nothing. Rows of a page are in order of their moment only, because an order by id too
would have the server sort whatever is due at the same moment; a moment that fills a page is gone through by places.
"""

from __future__ import annotations

from apscheduler._engine.instants import SECOND
from apscheduler._engine.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from typing import Any, Final

    from apscheduler.jobstores._sql.database import Database
    from apscheduler.jobstores._sql.statements import Statements

PAGE: Final = 320
ROWS: Final = 4 * PAGE
"""So many rows a pass looks at among the newest, and once a second among those that it passed over."""
FIRST: Final = object()
"""The place before all of a moment."""


class Mark(Record):
    """Where to go on: behind all of a moment, or within it behind a place."""

    __slots__ = ("moment", "place")

    def __init__(self, moment: float, place: Any = None) -> None:
        self.moment = moment
        self.place = place

    @property
    def page(self) -> int:
        """How many rows to read from here: a server without statistics goes through a whole moment to sort it."""
        return PAGE if self.place is None else ROWS


class Looked(Record):
    """What came of a page.

    :ivar rows: how many of its rows were looked at, from the first one on
    :ivar found: how many of these could be taken
    :ivar waiting: executors whose jobs were passed over for want of a slot
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
    """The marks of one store. Used by the thread that claims; a mark that is off costs a look."""

    def __init__(self, database: Database, statements: Statements) -> None:
        self._database = database
        self._statements = statements
        self._newest: Mark | None = None
        self._turn: Mark | None = None
        self._turned_at = 0
        self._waiting: dict[str, Mark] = {}

    def is_empty(self) -> None:
        """Forget the marks: the head was all that is due."""
        if self._newest is not None or self._waiting:
            self._newest = self._turn = None
            self._waiting.clear()

    def wait(self, executor: str, mark: Mark) -> None:
        """Have jobs of this executor looked for from this mark on, as soon as it has a slot."""
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
        """Look at further pages; return whether some were never looked at for want of time.

        :param head: rows of the head, a full page
        :param now: the store's time, microseconds UTC
        :param look: claims from the rows of a page
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
        """Look at a page where jobs of an executor wait; stay there as long as that finds some."""
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
        """Read so many rows from a mark on; return where that ended, whether nothing follows, and what was found.

        :param wait: told of executors without a slot, and before which mark a job of theirs stands
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
                mark = Mark(mark.moment)  # that moment is done
            else:
                return (Mark(page[-1][1]) if page else mark), True, found
        return mark, False, found


def _behind(rows: Sequence[Any], mark: Mark) -> Mark:
    """Return the mark behind rows that were read from a mark on, where others may follow."""
    if not rows:
        return mark
    last = rows[-1][1]
    if mark.place is not None:
        return Mark(last, rows[-1][4])
    before = [row[1] for row in rows if row[1] < last]
    return Mark(before[-1] if before else last, None if before else FIRST)


def _later(start: Mark, mark: Mark | None) -> Mark:
    return start if mark is None or mark.moment < start.moment else mark
