"""What the loop asks of a store that claims, and what such a store answers. ``base.py`` has these names too."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from apscheduler._engine.planning import Drop, Rollup
    from apscheduler.history.outcomes import Outcome
    from apscheduler.job import Job
    from apscheduler.runs.asking import Planner
    from apscheduler.runs.claims import Claim, Result, Sink


class ClaimBatch:
    """What a store answers to a :class:`ClaimRequest`.

    :ivar claims: instances to run (those in the request's lanes are not repeated here)
    :ivar skipped: jobs that already had ``max_instances`` running instances, with the fire times that were skipped
    :ivar held: by job id, in words, who else holds its running instances
    :ivar dropped: jobs with the fire times that calendars dropped
    :ivar rolled: jobs with groups of fire times that did not run and share one outcome
    :ivar refused: jobs whose executor the scheduler does not have, with what was recorded
    :ivar finished: jobs that were removed because no fire time follows
    :ivar broken: jobs whose trigger raised; they are looked at again later
    :ivar due_at: by job id, since when a claimed job was due, if the request is ``in_turn`` (a store may leave it out)
    :ivar more: whether the limit cut the batch
    :ivar moved: if some of the store's methods are someone else's, what it has to tell them
    :ivar error: what was raised half-way, for the scheduler to raise; the claims made before it stand
    """

    __slots__ = (
        *("broken", "claims", "dropped", "due_at", "error", "finished", "held", "more", "moved"),
        *("refused", "rolled", "skipped"),
    )

    def __init__(self) -> None:
        self.claims: list[Claim] = []
        self.skipped: list[tuple[Job, list[int]]] = []
        self.dropped: list[tuple[Job, list[Drop]]] = []
        self.rolled: list[tuple[Job, Outcome, Rollup]] = []
        self.refused: list[tuple[Job, list[Result]]] = []
        self.finished: list[Job] = []
        self.broken: list[tuple[Job, BaseException]] = []
        self.held: dict[str, str] = {}
        self.due_at: dict[str, int] = {}
        self.more = False
        self.moved: list[Any] = []
        self.error: BaseException | None = None

    @property
    def has_news(self) -> bool:
        """Whether there is more to tell than what runs and what has ended."""
        return bool(self.rolled or self.dropped or self.skipped or self.refused or self.broken)


class ClaimRequest:
    """What a scheduler asks of a store in one pass.

    :ivar now: the instant that decides what is due (microseconds UTC)
    :ivar limit: how many jobs to claim at most
    :ivar lanes: by executor alias, lists for jobs with one plain fire time: the store adds the jobs themselves, not
        claims
    :ivar slots: by executor alias, how many claims it can start soon
    :ivar has_executor: whether the scheduler has an executor of this alias
    :ivar plan: :func:`apscheduler.runs.asking.plan_job`, or one like it: returns the plan for a job, given when it is
        due and the present time; may call a foreign trigger, so the store must hold no lock
    :ivar late_because: returns why the claim of a fire time (given with its grace) itself comes too late, ``None`` if
        it does not
    :ivar sink: where the claims' outcomes go
    :ivar ask: what the store has asked someone else's methods, ``None`` where all are its own
    :ivar in_turn: whether an executor runs jobs while it takes them, so that their order is to be 3.x's
    :ivar is_real: whether ``now`` is the host's clock, not one that a test or a caller gave
    :ivar batch: the answer; if a store puts what it has committed there at once, a later error loses none of it
    """

    __slots__ = (
        *("ask", "batch", "has_executor", "in_turn", "is_real", "lanes", "late_because", "limit"),
        *("now", "plan", "sink", "slots"),
    )

    def __init__(
        self,
        now: int,
        limit: int,
        lanes: dict[str, list[Job]],
        has_executor: Callable[[str], bool],
        plan: Planner,
        late_because: Callable[[int, int], str | None],
        sink: Sink,
        slots: dict[str, int],
        *,
        is_real: bool = False,
        in_turn: bool = False,
    ) -> None:
        self.now = now
        self.limit = limit
        self.in_turn = in_turn
        self.lanes = lanes
        self.has_executor = has_executor
        self.plan = plan
        self.late_because = late_because
        self.sink = sink
        self.slots = slots
        self.is_real = is_real
        self.ask: Any = None
        self.batch = ClaimBatch()
