"""What travels from a store's claim to an executor and back: claims out, results in.

A claim is one instance of a job: one or more fire times that were handed over together and run one after another.
Each of its fire times is settled once: the first word about it wins, whether the worker, the watchdog or the pool
says it. ``Claim.take`` (one atomic dictionary pop) decides who was first. After the last one the claim is
released, which frees the job's instance slot.
"""

from __future__ import annotations

from apscheduler._engine.records import Record
from apscheduler.history.outcomes import Outcome
from apscheduler.texts import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from apscheduler.job import Job

    class Sink(Protocol):
        """Where an executor reports to. Callable from any thread, never while holding a lock."""

        def settle(self, claim: Claim, result: Result) -> bool:
            """Record the outcome of one fire time; ``False`` if another outcome was there first."""

        def release(self, claim: Claim) -> None:
            """Free the claim's instance slot (once; later calls do nothing)."""

        def give_back(self, claim: Claim) -> None:
            """Take back a claim that may not be started here any more; the store lets others have it."""

        def hand_back(self, claim: Claim) -> bool:
            """Let others run a claim that was not started; ``False`` where there are no others."""

        def takes_now(self, job: Job) -> bool:
            """Return whether :meth:`hand_on` can be called by any thread, for claims of this job."""

        def hand_on(self, claim: Claim) -> bool:
            """Hand a further claim to its executor; ``False`` if that does not take it."""

    class Lead(Protocol):
        """A scheduler's right to start runs."""

        @property
        def held(self) -> bool:
            """Whether it holds now."""

        @property
        def until(self) -> int | None:
            """When it ends unless renewed, by ``clocks.boot_us``; ``None`` if it does not end by time."""


class Result(Record):
    """What became of one fire time of a claim.

    :ivar fire: the fire time, microseconds UTC
    :ivar started: when the function was called (microseconds UTC), 0 if it was not
    :ivar finished: when the outcome was known (microseconds UTC)
    :ivar traceback: the frames alone, as 3.x's events have them
    :ivar reason: in words, where the outcome alone does not say it
    :ivar story: the exception as Python prints it, with its headline and its causes
    :ivar told_in: id of the process that has logged it already, 0 if none has
    """

    __slots__ = (
        *("fire", "outcome", "started", "finished"),
        *("retval", "exception", "traceback", "reason", "story", "told_in"),
    )

    is_told = False
    """Whether the listeners get its event in another way."""

    def __init__(
        self,
        fire: int,
        outcome: Outcome,
        started: int,
        finished: int,
        retval: Any = None,
        exception: BaseException | None = None,
        traceback: str | None = None,
        reason: str | None = None,
        story: str | None = None,
    ) -> None:
        self.fire = fire
        self.outcome = outcome
        self.started = started
        self.finished = finished
        self.retval = retval
        self.exception = exception
        self.traceback = traceback
        self.reason = reason
        self.story = story
        self.told_in = 0


class Answered(Result):
    """A result that an executor got as an event. The listeners get that event itself."""

    __slots__ = ()
    is_told = True

    def __init__(self, known: Result) -> None:
        for name in Result.__slots__:
            setattr(self, name, getattr(known, name))


Answered.__slots__ = Result.__slots__  # type: ignore[assignment] # for what a Record shows and compares

ALL = -1
"""What ``Claim.begun`` says where any of its fire times may have begun."""


class Claim:
    """One instance of a job on its way through an executor.

    :ivar job: the job as it was when claimed
    :ivar fires: the fire times that run in this instance, in order (microseconds UTC)
    :ivar late_because: why the claim itself came late (asleep, down, store), ``None`` if it came in time
    :ivar attempt: 1 for the first attempt
    :ivar token: grows with each change of owner; a fence for resources outside
    :ivar sink: where outcomes go
    :ivar lead: its scheduler's right to start runs, where only one of several may; else ``None``
    :ivar begun: the fire time at work, 0 before the first, ``ALL`` where the executor cannot say; written *before*
        ``may_start()`` is asked, so that whoever takes back fire times that have not begun takes none that begins
    :ivar begun_at: when the fire time at work began (microseconds UTC)
    """

    __slots__ = (
        *("_open", "_unreleased", "attempt", "begun", "begun_at", "fires", "job"),
        *("late_because", "lead", "sink", "slot", "token"),
    )

    def __init__(
        self, job: Job, fires: list[int], sink: Sink, *, late_because: str | None = None
    ) -> None:
        self.job = job
        self.fires = fires
        self.sink = sink
        self.late_because = late_because
        self.attempt = 1
        self.token = 1
        self.lead: Lead | None = None
        self.slot: Any = None  # the store's own value, by which it knows the instance
        self.begun = 0
        self.begun_at = 0
        self._open = dict.fromkeys(fires, True)
        self._unreleased = [True]

    def take(self, fire: int) -> bool:
        """Return whether the caller is the first to settle this fire time (atomic)."""
        return self._open.pop(fire, False)

    def is_open(self, fire: int) -> bool:
        """Return whether nobody has settled this fire time of the claim yet."""
        return fire in self._open

    def next_open(self) -> int | None:
        """Return the first fire time that nobody has settled yet, ``None`` if all are settled."""
        try:
            return next(iter(self._open), None)
        except RuntimeError:  # another thread has settled one at this moment
            return next(iter(self.unsettled), None)

    def close(
        self,
        outcome: Outcome,
        now: int,
        *,
        reason: str | None = None,
        exception: BaseException | None = None,
        traceback: str | None = None,
        story: str | None = None,
        started: int = 0,
    ) -> None:
        """Settle every fire time that is left with this outcome, then release the claim.

        What a log handler or a listener raises costs no other fire time its outcome; it is raised at the end. A fire
        time that the sink could not take stays open, and the claim is not released then.

        :param now: when the outcome was known (microseconds UTC)
        :raises BaseException: what the sink raised last, or the Ctrl-C that came
        """
        problem: BaseException | None = None
        for fire in self.unsettled:
            told = (started, now, None, exception, traceback, reason, story)
            try:
                self.sink.settle(self, Result(fire, outcome, *told))
            except BaseException as exc:  # noqa: BLE001 - raised below, when the claim is let go
                if problem is None or isinstance(problem, Exception):
                    problem = exc
        try:
            if not self._open:
                self.sink.release(self)
        finally:
            if problem is not None:
                raise problem

    def take_release(self) -> bool:
        """Return whether the caller is the first to release the claim (atomic)."""
        try:
            return self._unreleased.pop()
        except IndexError:
            return False

    @property
    def submitted(self) -> list[int]:
        """The fire times that are reported as submitted when the executor has this claim."""
        return self.fires

    @property
    def last_fire(self) -> int:
        """The last fire time of all that was claimed together."""
        return self.fires[-1]

    @property
    def unsettled(self) -> list[int]:
        """The fire times nobody has settled yet, in order."""
        return list(self._open)

    @property
    def start_by(self) -> int | None:
        """Until when the function may be called, by ``clocks.boot_us``; ``None`` if at any time."""
        return None if self.lead is None else self.lead.until

    def may_start(self) -> bool:
        """Return whether the function may still be called: a shared store's lease, or a leader's, can have ended."""
        return self.lead is None or self.lead.held

    @property
    def grace(self) -> int:
        """How late a run may start by this host's clock, microseconds."""
        return self.job._grace

    def misses(self, fire: int, started: int) -> bool:
        """Return whether a start at ``started`` is beyond the job's grace time (microseconds UTC)."""
        return started - fire > self.job._grace

    def __repr__(self) -> str:
        return line(f"<Claim (job={self.job.id} fires={self.fires})>")
