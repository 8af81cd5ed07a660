"""A job: what to run, when, and under which policies.

Public attributes and the pickled state are APScheduler 3's. The slots that begin with an underscore belong to the
engine; a comment beside each says who may write it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo

from apscheduler import forks
from apscheduler._engine.instants import AT_NEXT_START, NEVER, nearest_datetime, to_us
from apscheduler.elsewhere import names_of_3x
from apscheduler.job_options import CHECKS, check_call, first_fault, grace_us
from apscheduler.moments import datetime_repr
from apscheduler.references import obj_to_ref, receiver, ref_to_obj
from apscheduler.texts import line
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.foreign import series_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from apscheduler.history.rows import Run

CATCH_UP_LIMIT: Final = 10_000
"""How many overdue fire times of one job run in one go without ``coalesce``; older ones become one ledger record."""

_NO_GRACE_LIMIT: Final = NEVER

_fresh_ids: list[str] = []
forks.after_fork(_fresh_ids.clear)


def new_id() -> str:
    """Return a random identifier of 128 bits, in hexadecimal.

    It is from the system's generator, 256 at a time: a system call per job would cost more than the rest of adding it.
    """
    forks.look()
    patched = globals().get("uuid4")
    if patched is not None:  # 3.x's name: tests put their own ids there
        chosen: str = patched().hex
        return chosen
    try:
        return _fresh_ids.pop()
    except IndexError:
        digits = os.urandom(16 * 256).hex()
        _fresh_ids.extend(digits[at : at + 32] for at in range(32, len(digits), 32))
        return digits[:32]


class Job:
    """One job of a scheduler. Made by :meth:`BaseScheduler.add_job`, not by hand.

    :ivar str id: the unique identifier of this job
    :ivar str name: the description of this job
    :ivar func: the callable to run
    :ivar str func_ref: its textual reference (``None`` where it has none)
    :ivar tuple args: positional arguments to the callable
    :ivar dict kwargs: keyword arguments to the callable
    :ivar bool coalesce: whether to run once instead of several times when several runs are overdue
    :ivar trigger: the trigger that says when it is due
    :ivar str executor: alias of the executor that runs it
    :ivar misfire_grace_time: how many seconds late it may start (``None``: no limit)
    :ivar int max_instances: how many instances of it may run at a time
    :ivar timeout: after how many seconds a run is ended as timed out (``None``: never). Added in 1.0.
    :ivar str delivery: ``"at_most_once"`` or ``"at_least_once"``: what a shared store does with a run whose process
        died. Added in 1.0.
    :ivar datetime.datetime next_run_time: the next fire time (``None`` while paused)
    """

    __slots__ = (  # noqa: RUF023 - grouped by owner
        "_scheduler",
        "_jobstore_alias",
        "args",
        "coalesce",
        "delivery",
        "executor",
        "func",
        "func_ref",
        "id",
        "kwargs",
        "max_instances",
        "misfire_grace_time",
        "name",
        "timeout",
        "trigger",
        "__weakref__",
        # The store's, written under its lock:
        "_due",  # next fire time, microseconds; NEVER while paused; unset while pending; after the job has left a
        # memory store: NEVER plus its value there
        "_shown",  # the datetime a user gave for _due, shown with the user's zone
        "_step",  # constant distance of the fire times, 0 where there is none
        "_grace",  # misfire_grace_time in microseconds
        "_lane",  # alias of the executor whose fast lane may take the job itself, else None
        "_running",  # instances claimed through a Claim and not released
        "_ledger",  # where its outcomes go
        # The fast lane's: set by the claim while not busy, cleared by the worker at the end:
        "_busy",  # 1 from claim to settle
        "_fire",  # the fire time claimed
        "_last",  # number of its newest ledger row
    )

    id: str
    name: str
    func: Any
    func_ref: str | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    coalesce: bool
    trigger: BaseTrigger
    executor: str
    misfire_grace_time: float | None
    max_instances: int
    timeout: float | None
    delivery: str
    _scheduler: Any
    _jobstore_alias: str | None
    _due: int
    _shown: datetime | None
    _step: int
    _grace: int
    _lane: str | None
    _running: int
    _ledger: Any
    _busy: int
    _fire: int
    _last: int

    def __init__(self, scheduler: Any, id: str | None = None, **kwargs: Any) -> None:
        self._scheduler = scheduler
        self._jobstore_alias = None
        self._reset_engine_state()
        self.id = self._checked_id(id or new_id())
        self._modify(**kwargs)

    def _reset_engine_state(self) -> None:
        self._shown = None
        self._step = 0
        self._grace = _NO_GRACE_LIMIT
        self._lane = None
        self._running = 0
        self._busy = 0
        self._fire = 0
        self._last = 0
        self._ledger = None
        self.timeout = None
        self.delivery = "at_most_once"

    # -- what users do with a job -------------------------------------------------------------

    def modify(self, **changes: Any) -> Job:
        """Change attributes of this job (see :meth:`BaseScheduler.modify_job`) and return it."""
        self._scheduler.modify_job(self.id, self._jobstore_alias, **changes)
        return self

    def reschedule(self, trigger: str | BaseTrigger, **trigger_args: Any) -> Job:
        """Replace the trigger of this job (see :meth:`BaseScheduler.reschedule_job`) and return it."""
        self._scheduler.reschedule_job(self.id, self._jobstore_alias, trigger, **trigger_args)
        return self

    def pause(self) -> Job:
        """Take the next fire time away until the job is resumed, and return the job."""
        self._scheduler.pause_job(self.id, self._jobstore_alias)
        return self

    def resume(self) -> Job:
        """Give the job its next fire time from now on, and return the job (a finished job is removed)."""
        self._scheduler.resume_job(self.id, self._jobstore_alias)
        return self

    def remove(self) -> None:
        """Remove the job from its store.

        :raises apscheduler.jobstores.base.JobLookupError: if it is not there any more
        """
        self._scheduler.remove_job(self.id, self._jobstore_alias)

    @property
    def pending(self) -> bool:
        """Whether the job waits for the scheduler's start to be added to its store."""
        return self._jobstore_alias is None

    @property
    def last_run(self) -> Run | None:
        """The newest outcome of this job that the ledger still holds, ``None`` if there is none. Added in 1.0."""
        run: Run | None = self._scheduler._last_run(self)
        return run

    @property
    def next_run_time(self) -> datetime | None:
        """The next fire time (aware), ``None`` while paused; not there while the job is pending."""
        try:
            due = self._due
        except AttributeError:
            raise AttributeError(
                f"job {self.id!r} is pending: it gets its next_run_time when the scheduler starts"
            ) from None
        if due >= NEVER:
            if due == NEVER:
                return None
            due -= NEVER  # the job has left its store, and shows what it had there
        shown = self._shown
        if shown is not None and to_us(shown) == due:
            return shown
        return self._at(due)

    @next_run_time.setter
    def next_run_time(self, moment: datetime | None) -> None:
        self._due = NEVER if moment is None else to_us(moment)
        self._shown = moment

    @next_run_time.deleter
    def next_run_time(self) -> None:
        if self._jobstore_alias is not None:
            raise AttributeError(
                f"job {self.id!r} is in a job store, which needs its next_run_time: pause it to have none"
            )
        try:
            del self._due
        except AttributeError:
            raise AttributeError("next_run_time") from None
        self._shown = None

    # -- changes, checked as a whole before the first is made ------------------------------------

    def _modify(self, **changes: Any) -> None:
        self._apply(self._checked(changes))

    def _apply(self, approved: dict[str, Any]) -> None:
        """Set what :meth:`_checked` approved."""
        for key, value in approved.items():
            setattr(self, key, value)

    def _checked(self, changes: dict[str, Any]) -> dict[str, Any]:
        """Return the changes as they will be set, if all of them are right.

        :raises TypeError, ValueError, AttributeError: for the first that is wrong; the job is as it was
        """
        approved: dict[str, Any] = {}
        if "id" in changes:
            approved["id"] = self._checked_id(changes.pop("id"))
        if "func" in changes or "args" in changes or "kwargs" in changes:
            check_call(self, changes, approved)
        try:
            for key, value in changes.items():
                approved[key] = CHECKS[key](self, value)
        except Exception as exc:  # noqa: BLE001 - this one is raised below, or the one that 3.x meets first
            fault = exc
        else:
            return approved
        raise first_fault(self, changes, fault)

    def _checked_id(self, value: object) -> str:
        if hasattr(self, "id") and isinstance(value, str):
            raise ValueError(f"the id of a job cannot be changed ({self.id!r} to {value!r})")
        if not isinstance(value, str) or not value:
            raise TypeError(f"a job's id must be a nonempty string, not {value!r}")
        return value

    # -- what the engine and its neighbours ask ----------------------------------------------------

    def _refresh(self) -> None:
        """Derive the engine's numbers from the public attributes (after a change, by the store)."""
        self._step = self.trigger.step_us
        self._grace = grace_us(self.misfire_grace_time)
        plain = self.timeout is None and self.max_instances == 1
        # Code of others must be asked without a lock, so never by whoever takes jobs as they are.
        plain = plain and self.trigger.native and not self.trigger.guarded and self.__class__ is Job
        self._lane = self.executor if plain else None

    def _get_run_times(self, now: datetime) -> list[datetime]:
        """Return the fire times from the next one up to ``now``."""
        instant = to_us(now)
        if self._due > instant:
            return []
        series = self._series()
        if series.guarded:
            from apscheduler._engine.open_planning import plan_open as plan
        else:
            from apscheduler._engine.planning import plan
        planned = plan(series, self._due, instant, coalesce=False, grace=None, limit=CATCH_UP_LIMIT)
        return [self._at(fire) for fire in planned.run]

    def _zone(self) -> tzinfo:
        """Return the zone in which fire times of this job are shown."""
        return self._at(0).tzinfo or UTC

    def _series(self) -> Any:
        """Return the trigger as the engine asks it: a foreign one in the scheduler's zone."""
        trigger = self.trigger
        return trigger if trigger.native else series_of(trigger, self._scheduler)

    def _at(self, instant: int) -> datetime:
        """Return an instant as users see it; in UTC if the trigger or its zone cannot show it."""
        try:
            moment: datetime = self._series().at(instant)
        except Exception:  # noqa: BLE001 - a foreign trigger or zone may raise anything, above all at the ends of time
            return nearest_datetime(instant)
        return moment

    # -- 3.x's wire format ---------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        if not self.func_ref:
            raise ValueError(
                f"job {self.id!r} cannot be written down: there is no importable name for "
                f"{self.func!r}; use a function of a module, or a text like 'module:function'"
            )
        args = self.args
        owner = receiver(self.func)
        if owner is not None and obj_to_ref(self.func) == self.func_ref:
            args = (owner, *args)  # the reference names the plain function, which needs its self
        state = {
            "version": 1,
            "id": self.id,
            "func": self.func_ref,
            "trigger": self.trigger,
            "executor": self.executor,
            "args": args,
            "kwargs": self.kwargs,
            "name": self.name,
            "misfire_grace_time": self.misfire_grace_time,
            "coalesce": self.coalesce,
            "max_instances": self.max_instances,
            "next_run_time": self.next_run_time,
        }
        if self.timeout is not None:
            state["timeout"] = self.timeout
        if self.delivery != "at_most_once":
            state["delivery"] = self.delivery
        return state

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        if state.get("version", 1) > 1:
            raise ValueError(
                f"this job was written as version {state['version']}, and only version 1 can be read here"
            )
        self._scheduler = None
        self._jobstore_alias = None
        self._reset_engine_state()
        self.id = state["id"]
        self.func_ref = state["func"]
        self.func = ref_to_obj(state["func"])
        self.trigger = state["trigger"]
        self.executor = state["executor"]
        self.args = state["args"]
        self.kwargs = state["kwargs"]
        self.name = state["name"]
        self.misfire_grace_time = state["misfire_grace_time"]
        self.coalesce = state["coalesce"]
        self.max_instances = state["max_instances"]
        self.timeout = state.get("timeout")
        self.delivery = state.get("delivery", "at_most_once")
        self.next_run_time = state["next_run_time"]

    def __eq__(self, other: object) -> bool:
        return self.id == other.id if isinstance(other, Job) else NotImplemented

    __hash__ = None  # type: ignore[assignment] # equal by id and changeable, as in 3.x

    def __repr__(self) -> str:
        return line(f"<{type(self).__name__} (id={self.id} name={self.name})>")

    def __str__(self) -> str:
        if not hasattr(self, "_due"):
            status = "pending"
        elif self.next_run_time is None:
            status = "paused"
        elif self._due == AT_NEXT_START:
            status = "waits for the next start of a scheduler"
        else:
            status = f"next run at: {datetime_repr(self.next_run_time)}"
        try:
            trigger = str(self.trigger)
        except Exception:  # noqa: BLE001 - a trigger without a text must not cost the job its log lines
            trigger = f"a {type(self.trigger).__name__} whose text cannot be made"
        return line(f"{self.name} (trigger: {trigger}, {status})")


# 3.x lists this name among the slots, so it stays listed, though here it is computed when asked for.
Job.__slots__ = (*Job.__slots__, "next_run_time")  # type: ignore[assignment]


if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
