"""The crontab trigger: crontab lines that mean what crontab means.

``parsing.py`` reads an expression into a ``Schedule`` (``fields.py``), one field at a time (``items.py``). Where that
fails, ``lines.py`` looks for a setting, user, command or remark of a crontab file, and ``errors.py`` shows the place.
``compiling.py`` settles each ``H`` by the job's id, and makes the table that ``wallclock.py`` searches.

States: with an ``H`` a trigger has no fire times until ``for_job()`` binds it to a job's id. ``@reboot`` never has any of
its own: ``AT_NEXT_START`` stands for them.

Easy to get wrong: what happens where the clock is moved depends on ``dst``, and under ``"debian"`` on the expression too:
one whose hour or minute begins with ``*`` goes by elapsed time.
"""

from __future__ import annotations

from datetime import date, datetime, tzinfo
from typing import Any, Final

from apscheduler._engine.clock_rules import ELAPSED, ONCE, ONCE_AND_NEVER_LOST, UTC_LINE, ClockRule
from apscheduler._engine.instants import AT_NEXT_START
from apscheduler.moments import asbool
from apscheduler.names import hint
from apscheduler.triggers.arguments import limits_of, state_of, with_state
from apscheduler.triggers.base import SEALED
from apscheduler.triggers.crontab.compiling import compile_schedule, settled
from apscheduler.triggers.crontab.errors import CrontabError
from apscheduler.triggers.crontab.fields import YEAR, Schedule
from apscheduler.triggers.crontab.parsing import parse
from apscheduler.triggers.wallclock import WallClockTrigger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler.triggers._words.parts import Said

__all__ = ("CrontabError", "CrontabTrigger")

DST_CHOICES: Final = ("debian", "ocps", "utc-line")


class CrontabTrigger(WallClockTrigger):
    """Fires when crontab would: Open Cron Pattern Specification 1.0 to 1.4. Added in 1.0.

    Five fields (minute, hour, day of month, month, day of week; Sunday is 0 or 7), six with seconds first,
    seven with the year (1970-2199) last; or a nickname such as ``@daily``. If day of month and day of week are both
    given, one of them is enough, unless the latter begins with ``+``. See docs/reference/crontab.md.

    ``H`` stands for a value that the id of the job chooses, so a trigger with an ``H`` has fire times only as the
    trigger of a job (:meth:`for_job`). ``@reboot`` has no fire times of its own: each start of a scheduler makes the
    job due.

    :param expression: the crontab expression
    :param timezone: zone of the fields and of naive dates (tzinfo or name); the local zone if not given
    :param start_date: earliest fire time, inclusive (datetime, date or ISO text)
    :param end_date: latest fire time, inclusive
    :param jitter: the most seconds by which a fire time is delayed, at random
    :param dst: what happens where the clock is moved. ``"debian"``: a fixed time that is jumped over fires at the end
        of the gap, and one that comes twice fires the first time; schedules whose hour or minute begins with ``*`` go on
        by elapsed time. ``"ocps"``: a wall time that is jumped over is skipped, one that comes twice fires the first time.
        ``"utc-line"``: what ``CronTrigger`` does
    :param lenient: whether to take what other dialects write: ranges that wrap (``22-2``, ``fri-mon``), ``0/15``,
        ``LW``, ``L-3``, ``FRIL``, lower-case ``l`` and ``w``
    :raises CrontabError: (a ValueError) if the expression cannot be read; it shows the place
    :raises ValueError: for another ``dst``, a negative jitter, or a text for ``lenient`` that means neither yes nor no
    :raises TypeError: if an argument has an unusable type
    """

    __slots__ = ("_has_times", "_job_id", "_schedule", "dst", "expression", "lenient")

    expression: str
    dst: str
    lenient: bool
    _schedule: Schedule
    _job_id: str | None
    _has_times: bool  # neither @reboot nor an H that no job's id has settled

    def __init__(
        self,
        expression: str,
        timezone: tzinfo | str | None = None,
        start_date: datetime | date | str | None = None,
        end_date: datetime | date | str | None = None,
        jitter: float | None = None,
        dst: str = "debian",
        lenient: bool = False,
    ) -> None:
        self.lenient = asbool(lenient)
        self._schedule = parse(expression, lenient=self.lenient)
        self.expression = " ".join(expression.split())
        self.dst = _checked_dst(dst)
        self._limit(*limits_of(timezone, start_date, end_date, jitter))
        self._job_id = None
        self._compile()

    @property
    def schedule(self) -> Schedule:
        """What the expression says, parsed."""
        return self._schedule

    @property
    def at_start(self) -> bool:  # type: ignore[override]
        """Whether it is ``@reboot``."""
        return self._schedule.reboot

    @property
    def job_id(self) -> str | None:
        """The id of the job whose trigger this is, where it has an ``H``; else ``None``."""
        return self._job_id

    def for_job(self, job_id: str) -> CrontabTrigger:
        """Return the trigger for the job of this id: itself, or, if it has an ``H``, one bound to the id."""
        if not self._schedule.has_hash or self._job_id == job_id:
            return self
        return with_state(self, job_id=job_id)  # type: ignore[no-any-return]

    # -- fire times ----------------------------------------------------------------------------------------

    def _search_back(self, until: int) -> int | None:
        if not self._has_times:
            self._check_bound()
        return super()._search_back(until)

    def _following(self, start: int) -> int | None:
        if not self._has_times:
            self._check_bound()
        return super()._following(start)

    def _first_after(self, previous: int | None, now: int) -> int | None:
        return None if self.at_start else super()._first_after(previous, now)

    def _search(self, start: int, previous: int | None) -> int | None:
        if not self._has_times:
            self._check_bound()
            return AT_NEXT_START
        return super()._search(start, previous)

    def _check_bound(self) -> None:
        if not self._schedule.reboot:
            raise ValueError(
                f"crontab expression {self.expression!r} has an H, which stands for a value that a job's id "
                "chooses: add the trigger to a job, or ask trigger.for_job('the id')"
            )

    def _compile(self) -> None:
        schedule = self._schedule
        self._has_times = not schedule.reboot
        if schedule.has_hash:
            self._has_times = self._job_id is not None
            schedule = settled(schedule, self._job_id or "")
        self._prepare(compile_schedule(schedule), self._clock_rule())

    def _clock_rule(self) -> ClockRule:
        if self.dst == "utc-line":
            return UTC_LINE
        if self.dst == "ocps":
            return ONCE
        return ONCE_AND_NEVER_LOST if self._schedule.is_fixed_time else ELAPSED

    def says(self) -> Said:
        from apscheduler.triggers._words.clock import CHANGES
        from apscheduler.triggers._words.parts import AtStart, Unsettled
        from apscheduler.triggers._words.zones import has_changes_ahead

        if self._schedule.reboot:
            return AtStart()
        changes = CHANGES[self._rule] if has_changes_ahead(self._line) else None
        if self._has_times:
            return self._on_clock(YEAR.low, YEAR.high, changes)
        text = f"{self.expression!r}" + (" (lenient)" if self.lenient else "")
        return Unsettled(text, self._limits(), changes)

    # -- state ---------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        return {
            "version": 1,
            "expression": self.expression,
            "timezone": self.timezone,
            "start_date": self.start_date,
            "end_date": self.end_date,
            "jitter": self.jitter,
            "dst": self.dst,
            "lenient": self.lenient,
            "job_id": self._job_id,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        values = state_of(state, self, newest=1)
        self.expression = values["expression"]
        self._limit_as_stored(values)
        self.dst = _checked_dst(values["dst"])
        self.lenient = values["lenient"]
        self._job_id = values["job_id"]
        self._schedule = parse(self.expression, lenient=self.lenient)
        self._compile()

    def __str__(self) -> str:
        return f"crontab[{', '.join(self._options())}]"

    def _options(self) -> list[str]:
        options = [repr(self.expression), f"dst={self.dst!r}"]
        if self.lenient:
            options.append("lenient=True")
        if self._job_id is not None:
            options.append(f"job_id={self._job_id!r}")
        return options


SEALED.add(CrontabTrigger)


def _checked_dst(dst: str) -> str:
    if dst not in DST_CHOICES:
        raise ValueError(f"dst cannot be {dst!r}; {hint(dst, DST_CHOICES)}")
    return dst
