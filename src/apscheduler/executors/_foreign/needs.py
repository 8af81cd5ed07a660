"""Says what the parts of the runs in a pool need of each other. For types only; ``FutureRuns`` has all of it.

No module imports this one when a program runs: each does so below ``if TYPE_CHECKING``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from apscheduler.executors._contract import LaneOwner
from apscheduler.executors._foreign.board import Seen
from apscheduler.executors._foreign.submission import Submission
from apscheduler.runs.claims import Claim


class PoolOwner(LaneOwner, Protocol):
    """An executor that has a pool of others."""

    _pool: Any
    """The pool in use, which user code may read and replace."""


# -- the runs ------------------------------------------------------------------------------------------


class Runs(Protocol):
    """The claims that run in one pool."""

    closed: bool
    """Whether the executor takes nothing more."""

    @property
    def owner(self) -> PoolOwner:
        """The executor."""

    def open(self) -> list[Submission]:
        """Return the submissions that are in the pool (a snapshot)."""

    def forget(self, submission: Submission) -> None:
        """Drop a submission that its claim does not need any more."""

    def send(self, claim: Claim, tries: int = 1) -> None:
        """Hand what is left of a claim to the pool.

        :raises Exception: if the pool does not take it
        """


class RunsForAnswers(Runs, Protocol):
    """The runs, as whoever settles them sees them."""

    @property
    def pool(self) -> Any:
        """The pool that gets new work."""

    @property
    def source(self) -> Refusals:
        """Chooses that pool."""

    @property
    def clocks(self) -> Expecting:
        """Looks at submissions in time."""

    def why_late(self) -> str:
        """Return why something waited in this pool."""


class RunsForClocks(Runs, Protocol):
    """The runs, as whoever watches their timeouts sees them."""

    @property
    def pool(self) -> Any:
        """The pool that gets new work."""

    @property
    def source(self) -> Retiring:
        """Chooses that pool."""

    @property
    def settling(self) -> Judging:
        """Settles submissions."""

    def wait_until(self, condition: Callable[[], bool]) -> bool:
        """Wait until the condition holds; it is tested when a submission is dropped."""


class RunsForThreads(Runs, Protocol):
    """The runs, as threads of the pool in this process see them."""

    @property
    def pool(self) -> Any:
        """The pool that gets new work."""

    def why_late(self) -> str:
        """Return why something waited in this pool."""


class RunsForCalls(Protocol):
    """The runs, as whoever makes their calls sees them."""

    key: str

    @property
    def owner(self) -> PoolOwner:
        """The executor."""

    @property
    def threads(self) -> RunningHere:
        """Runs submissions in threads of this process."""


class RunsForCollector(Protocol):
    """The runs, as the thread that takes their answers sees them."""

    closed: bool

    @property
    def owner(self) -> PoolOwner:
        """The executor."""

    @property
    def pool(self) -> Any:
        """The pool that gets new work."""

    @property
    def settling(self) -> Taking:
        """Settles submissions."""

    @property
    def clocks(self) -> Watching:
        """Watches timeouts."""

    def busy_count(self) -> int:
        """Return how many submissions are in the pool."""


class RunsAtExit(Runs, Protocol):
    """The runs, as the interpreter's end sees them."""

    @property
    def settling(self) -> LastWords:
        """Settles submissions."""

    def wait_until_empty(self, seconds: float | None = None) -> None:
        """Wait until nothing is in the pool."""


# -- one part, as another one sees it --------------------------------------------------------------------


class Refusals(Protocol):
    """Hears that a pool takes nothing more."""

    def refused(self, pool: Any, exc: BaseException) -> bool:
        """Replace the pool if possible; return whether another pool is in its place."""


class Retiring(Protocol):
    """Exchanges a pool with a stuck worker."""

    def retire(self, pool: Any) -> bool:
        """Replace the pool by a new one like it; return ``False`` if there is none."""


class Expecting(Protocol):
    """Is told at which submissions to look."""

    def expect(self, submission: Submission) -> bool:
        """Plan to look at this submission in time; return whether that is sooner than what was planned before."""


class Watching(Protocol):
    """Looks at submissions when it is time to."""

    def pause(self) -> float | None:
        """Return in how many seconds to look again, ``None`` where there is nothing to look at."""

    def look_safely(self) -> None:
        """Look at all submissions once, if it is time to. Never raises."""


class RunningHere(Protocol):
    """Runs submissions in threads of this process."""

    def run(self, submission: Submission) -> None:
        """Run a submission in the calling thread."""


class Taking(Protocol):
    """Settles submissions whose futures are done."""

    def take_safely(self, submission: Submission, future: Any) -> None:
        """Settle a submission whose future is done. Never raises."""


class Judging(Protocol):
    """Settles submissions by what the board says."""

    def look_after(self, submission: Submission) -> None:
        """Settle an orphaned submission if it has ended, or if its process is gone."""

    def settle_as_seen(self, submission: Submission, why: BaseException) -> None:
        """Settle a call that is over."""

    def settle_begun(self, submission: Submission, seen: Seen, why: BaseException) -> None:
        """Settle the fire times that have begun."""


class LastWords(Protocol):
    """Settles submissions that nothing more will be heard of."""

    def lose(self, submission: Submission, reason: str) -> None:
        """Settle the open fire times as lost, and let the claim go."""

    def call_off(self, submission: Submission, reason: str) -> None:
        """Hand back a claim that has not begun, or cancel it."""
