"""Runs catch-ups in portions, so that a crash costs at most one portion.

A catch-up is one claim of several fire times of one job. All of them are claimed at once, in rows that say `running`,
and count as one instance. The row of the last fire time also says up to which fire time they *may* have been started:

    claim      the transaction of the claim permits the first portion
    run        an executor gets what is permitted and no more, as one claim; when that has ended, it gets what follows
    settle     the transaction that writes outcomes permits what follows, so that the fire times that are permitted and
               have no outcome are never more than one portion
    burial     fire times that are not permitted are free again, whatever the delivery; a crash costs the others

A portion is the fire times that start within 25 ms by the mean run time of the job's function, at least one. While the
function is not known, the first portion is one fire time, and those after it are sixteen at most. Outcomes are written
while a portion runs, so that what follows is permitted before the portion ends. If that takes too long, nobody waits:
the worker is free, and the thread that commits the outcomes hands over what follows.

The row of the last fire time is the last of a catch-up to get an outcome, so its number is there as long as it matters.
Other nodes need not know of this: earlier versions see runs that are `running`, and take all of them as started.
"""

from __future__ import annotations

from bisect import bisect_right
from math import ceil
from threading import Lock
from weakref import WeakValueDictionary

from apscheduler.jobstores._sql.claiming.claims import Settled, StoreClaim
from apscheduler.jobstores._sql.schema.additions import PORTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, Final

    from sqlalchemy.engine import Connection

    from apscheduler.job import Job
    from apscheduler.jobstores._sql.statements import Statements
    from apscheduler.runs.claims import Claim, Lead, Result, Sink

    Extension = tuple["CatchUp", int]
    """A catch-up, and how many of its fire times are permitted."""

PORTION: Final = 25_000
"""Microseconds within which the fire times of one portion start."""
_OVERHEAD: Final = 15
"""Microseconds that a run takes beside its function."""
_FEW: Final = 16
"""Runs after which the mean run time of a new function is known; until then a portion has at most as many."""
_KNOWN_FUNCTIONS: Final = 10_000


def portion_of(mean: float | None) -> int:
    """Return how many runs start within :data:`PORTION`, by their mean run time in microseconds."""
    return ceil(PORTION / max(mean or 0.0, _OVERHEAD))


class Portion(StoreClaim):
    """Fire times of a catch-up that are permitted and go to an executor together."""

    __slots__ = ("catch_up", "is_first")
    catch_up: CatchUp
    is_first: bool

    @property
    def submitted(self) -> list[int]:
        """The fire times that are reported as submitted: with the first portion the whole catch-up's, then none."""
        return self.catch_up.fires if self.is_first else []

    @property
    def last_fire(self) -> int:
        """The last fire time of the whole catch-up."""
        return self.catch_up.fires[-1]

    @property
    def goes_on_in_a_pass(self) -> bool:
        """Whether more follows, and only a pass may hand it over."""
        return self.catch_up.goes_on and not self.sink.takes_now(self.job)


class Rest(Settled):
    """The fire times of a catch-up that were never handed over and are given back; ``fire`` is the first of them."""

    __slots__ = ()


class CatchUp:
    """One catch-up, as long as this process has it.

    ``_lock`` guards all that changes, and is not held during calls.

    :ivar fires: all of it, in order (microseconds UTC)
    :ivar lead: the number in each of its rows that shows that they belong together
    :param make: called with fire times, returns a portion of them
    :param size: how many are permitted at first
    """

    __slots__ = (
        *("_busy", "_group", "_handing", "_leader", "_lock", "_is_known", "_make", "_over"),
        *("__weakref__", "fires", "given", "job", "lead", "mean", "permitted", "sink"),
    )

    def __init__(
        self,
        group: CatchUps,
        make: Callable[[list[int]], Portion],
        fires: list[int],
        lead: int,
        size: int,
    ) -> None:
        self.fires = fires
        self.lead = lead
        self.permitted = min(size, len(fires))
        self.given = 0
        self._group = group
        self._make = make
        self._busy = self._handing = self._over = False
        self._leader: Lead | None = None
        self._lock = Lock()
        example = make([])
        self.job = example.job
        self.sink = example.sink
        self.mean = group.mean_of(self.job)
        self._is_known = self.mean is not None

    # -- handing over -----------------------------------------------------------------------------------------

    def portion(self) -> Portion | None:
        """Return a portion of what is permitted and not handed over yet; ``None`` if none is, or one is under way."""
        with self._lock:
            if not self._can_go_on():
                return None
            self._busy = True
            first, self.given = self.given, self.permitted
        return self._made(self.fires[first : self.given], is_first=first == 0)

    def _can_go_on(self) -> bool:
        return not self._busy and self.goes_on and self.given < self.permitted

    def _made(self, fires: list[int], *, is_first: bool) -> Portion:
        portion = self._make(fires)
        portion.catch_up = self
        portion.is_first = is_first
        portion.lead = self._leader
        return portion

    @property
    def goes_on(self) -> bool:
        """Whether anything of it is still to be handed over."""
        return not self._over and self.given < len(self.fires)

    def released(self, portion: Claim) -> None:
        """Take note that a portion has ended."""
        with self._lock:
            self._leader = portion.lead
            self._busy = False
        self.go_on()

    def go_on(self) -> None:
        """Hand over what is permitted, if no portion is under way; if this thread may not, leave it to a pass."""
        if not self.sink.takes_now(self.job):
            if self.goes_on and not self._busy:
                self._group.wait_for_pass(self)
            return
        again = True
        while again:
            with self._lock:
                if self._handing:
                    return  # the thread that is at it looks again afterwards
                self._handing = True
            try:
                self._hand_on()
            finally:
                with self._lock:
                    self._handing = False
                    again = (
                        self._can_go_on()
                    )  # the portion may have ended meanwhile, in this thread or another

    def _hand_on(self) -> None:
        portion = self.portion()
        if portion is None:
            return
        self._group.on_portion(portion)
        if not self.sink.hand_on(portion):
            self._group.give_back(portion)

    def end(self) -> Rest | None:
        """Hand over no more; return what is to be given back, ``None`` if nothing is."""
        with self._lock:
            ended = not self.goes_on
            self._over = True
            if ended:
                return None
            first, self.given = self.given, len(self.fires)
        rest = self._made(self.fires[first:], is_first=False)
        return Rest(rest, rest.fires[0], None, None)

    # -- permission -------------------------------------------------------------------------------------------

    def learn(self, result: Result) -> None:
        """Take note of how long a run took."""
        if result.started:
            seconds = float(result.finished - result.started)
            mean = self.mean
            self.mean = seconds if mean is None else mean + (seconds - mean) / 16

    def wanted(self, settled: int) -> int:
        """Return how many to permit when all up to this fire time have outcomes.

        If that is the number that is permitted already, nothing is to be written.
        """
        through = bisect_right(self.fires, settled)
        size = portion_of(self.mean)
        if through < _FEW and not self._is_known:
            size = min(size, _FEW)
        return (
            self.permitted
            if self._over
            else max(self.permitted, min(through + size, len(self.fires)))
        )

    def permit(self, permitted: int) -> None:
        """Take note of how many are permitted in the store, and hand them over."""
        with self._lock:
            self.permitted = max(self.permitted, permitted)
        self.go_on()


class CatchUps:
    """The catch-ups of one store that are this process's.

    :meth:`extend` and :meth:`extended` are called by the threads that write outcomes, one thread at a time.

    :ivar are_on: whether catch-ups run in portions, because the store has what that needs
    :ivar alive: the catch-ups that may go on
    :ivar on_portion: called with each portion before it is handed over
    :ivar on_waiting: called when one waits for the next pass
    :ivar give_back: takes back a portion that no executor takes
    """

    def __init__(self, statements: Statements) -> None:
        self._statements = statements
        database = statements.database
        self.are_on = PORTIONS in statements.tables.additions and not database.is_private
        self._means: dict[str, float] = {}  # microseconds by function
        self._extended: list[Extension] = []
        self._waiting: dict[CatchUp, None] = {}
        self.alive: WeakValueDictionary[int, CatchUp] = WeakValueDictionary()
        self.on_portion: Callable[[Portion], object] = lambda _: None
        self.on_waiting: Callable[[], object] = lambda: None
        self.give_back: Callable[[Portion], object] = lambda _: None

    # -- the first portion ------------------------------------------------------------------------------------

    def size_for(self, job: Any) -> int:
        """Return how many fire times of this job are permitted at first."""
        mean = self.mean_of(job)
        return 1 if mean is None else portion_of(mean)

    def mean_of(self, job: Any) -> float | None:
        """Return the mean run time of a job's function, microseconds; ``None`` where it is not known."""
        return self._means.get(_function_of(job))

    def begun(
        self, make: Callable[[list[int]], Portion], fires: list[int], lead: int, size: int
    ) -> Portion:
        """Return the first portion of a catch-up whose first ``size`` fire times the claim's transaction permitted."""
        catch_up = CatchUp(self, make, fires, lead, size)
        portion = catch_up.portion()
        assert portion is not None  # noqa: S101 - for mypy: at least one is permitted
        self.alive[id(catch_up)] = catch_up
        return portion

    # -- what the next pass has to hand over ------------------------------------------------------------------

    def wait_for_pass(self, catch_up: CatchUp) -> None:
        """Leave it to the next pass to hand over what follows: the executor does not take it from every thread."""
        self._waiting[catch_up] = None
        self.on_waiting()

    @property
    def waits(self) -> bool:
        """Whether any catch-up waits for the next pass."""
        return bool(self._waiting)

    def portions(self) -> list[Portion]:
        """Return the portions that waited for this pass."""
        found: list[Portion] = []
        for catch_up in list(self._waiting):
            portion = catch_up.portion()
            self._waiting.pop(catch_up, None)
            if portion is not None:
                self.on_portion(portion)
                found.append(portion)
        return found

    # -- with the outcomes ------------------------------------------------------------------------------------

    def extend(self, connection: Connection, items: Iterable[Settled]) -> None:
        """Permit what follows these outcomes, in the transaction that writes them."""
        latest: dict[CatchUp, Settled] = {}
        for item in items:
            claim = item.claim
            if isinstance(claim, Portion) and item.result is not None:
                claim.catch_up.learn(item.result)
                latest[claim.catch_up] = item
        found: list[Extension] = []
        rows: list[tuple[Any, ...]] = []
        for catch_up, item in latest.items():
            self._learn(item.claim.job, catch_up.mean)
            permitted = catch_up.wanted(item.fire)
            if permitted > catch_up.permitted:
                found.append((catch_up, permitted))
                rows.append(permit_row(item.claim, catch_up.fires, permitted))
        self._extended = self._written(connection, found, rows)

    def _written(
        self, connection: Connection, found: list[Extension], rows: list[tuple[Any, ...]]
    ) -> list[Extension]:
        """Write what is permitted; return the items of ``found`` whose catch-ups are still this node's."""
        permit = self._statements.permit
        if not rows or permit(connection, rows) == len(rows):
            return found
        pairs = zip(found, rows, strict=True)
        return [each for each, row in pairs if permit(connection, [row]) == 1]

    def forget_extended(self) -> None:
        """Forget what was permitted last: it was not committed."""
        self._extended = []

    def extended(self) -> list[Extension]:
        """Return what was permitted last and is now committed; a second call returns nothing."""
        found, self._extended = self._extended, []
        return found

    def _learn(self, job: Any, mean: float | None) -> None:
        if mean is None:
            return
        if len(self._means) >= _KNOWN_FUNCTIONS:
            self._means.clear()
        self._means[_function_of(job)] = mean

    # -- the end ----------------------------------------------------------------------------------------------

    def end(self) -> list[Rest]:
        """Hand over no more; return what is to be given back."""
        self._waiting.clear()
        alive = [each for held in self.alive.valuerefs() if (each := held()) is not None]
        return [rest for each in alive if (rest := each.end()) is not None]


def portion_maker(job: Job, sink: Sink, options: dict[str, Any]) -> Callable[[list[int]], Portion]:
    """Return the function that makes portions of one catch-up.

    :param options: keyword arguments of :class:`StoreClaim`
    """

    def make(fires: list[int]) -> Portion:
        return Portion(job, fires, sink, **options | {"offset_us": options["offset"].us})

    return make


def permit_row(claim: StoreClaim, fires: Sequence[int], permitted: int) -> tuple[Any, ...]:
    """Return the values of ``PERMIT_COLUMNS`` for a catch-up of these fire times."""
    key = (claim.job.id, claim.generation, claim.kind, fires[-1])
    return (*key, claim.token, claim.epoch, fires[permitted - 1])


def _function_of(job: Any) -> str:
    return str(job.func_ref or job.id)
