"""The part of a scheduler that keeps calendars by name, and makes triggers obey them."""

from __future__ import annotations

from collections.abc import Mapping

from apscheduler.names import hint
from apscheduler.schedulers._api.parts import Registry
from apscheduler.schedulers._states import STATE_RUNNING
from apscheduler.texts import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.calendars.base import Calendar
    from apscheduler.triggers.base import BaseTrigger


class CalendarRegistry(Registry):
    """Calendars by name, shared by all jobs that name them.

    ``_calendars`` is replaced, never changed. So planning reads one state of it, and needs no lock.
    """

    def add_calendar(
        self, name: Any, calendar: Calendar, *, replace_existing: bool = False
    ) -> None:
        """Register a calendar under a name; jobs of this scheduler that name it obey it. Added in 1.0.

        Jobs keep the name, not the calendar: register it on each scheduler process that shares a job store. A job
        whose calendar is not registered is not run there; it stays due, which is logged.

        :param name: the name that jobs give as ``calendar=``
        :param calendar: a :class:`~apscheduler.calendars.Calendar`
        :param replace_existing: whether to replace a calendar of this name
        :raises ValueError: if the name is taken
        :raises TypeError: if it is no calendar, or the name no text
        """
        from apscheduler.calendars.base import Calendar

        if not isinstance(name, str) or not name.strip():
            raise TypeError(f"a calendar's name is a nonempty text, not {name!r}")
        if not isinstance(calendar, Calendar):
            raise TypeError(
                f"add_calendar({name!r}, …) takes a calendar such as BusinessDays('DE'), not {calendar!r}"
            )
        with self._jobstores_lock:
            if name in self._calendars and not replace_existing:
                raise ValueError(
                    f"there already is a calendar {name!r}; replace_existing=True would replace it"
                )
            self._calendars = {**self._calendars, name: calendar}
        if self.state == STATE_RUNNING:
            self.wakeup()  # jobs may have waited for it

    def remove_calendar(self, name: str) -> None:
        """Forget a calendar. Jobs that name it are not run from then on, and stay due. Added in 1.0.

        To lift a freeze, use :meth:`clear_blackouts`.

        :raises KeyError: if there is none of this name
        """
        with self._jobstores_lock:
            self._lookup_calendar(name)
            self._calendars = {key: each for key, each in self._calendars.items() if key != name}

    def get_calendars(self) -> dict[str, Calendar]:
        """Return the registered calendars by name. Added in 1.0."""
        return dict(self._calendars)

    def add_blackout(
        self, name: str, start: Any = None, end: Any = None, *, reason: str | None = None
    ) -> None:
        """Add a blackout window to the calendar of this name; the calendar is made if there is none. Added in 1.0.

        :param start: datetime, date or text in the scheduler's zone; ``None``: from now on
        :param end: likewise; ``None``: until :meth:`clear_blackouts`
        :param reason: in words, for the ledger
        :raises TypeError: if the calendar of this name is no :class:`~apscheduler.calendars.Blackouts`
        """
        from apscheduler.calendars.windows import Blackout, Blackouts

        first = self._now() if start is None else start
        window = Blackout(first, end, reason, self.timezone)
        known = self._calendars.get(name, Blackouts())
        if not isinstance(known, Blackouts):
            raise TypeError(
                f"the calendar {name!r} is {line(str(known))}, to which no blackout can be added"
            )
        self.add_calendar(name, Blackouts(*known.windows, window), replace_existing=True)

    def clear_blackouts(self, name: str) -> None:
        """Remove the blackout windows of this name; it stays registered, as a calendar that closes nothing. Added in 1.0.

        :raises KeyError: if there is no calendar of this name
        :raises TypeError: if it is no :class:`~apscheduler.calendars.Blackouts`
        """
        from apscheduler.calendars.windows import Blackouts

        if not isinstance(self._lookup_calendar(name), Blackouts):
            raise TypeError(
                f"the calendar {name!r} is {line(str(self._calendars[name]))}, not one of blackouts"
            )
        self.add_calendar(name, Blackouts(), replace_existing=True)

    def _lookup_calendar(self, name: str) -> Calendar:
        try:
            found: Calendar = self._calendars[name]
        except KeyError:
            raise KeyError(
                f"there is no calendar {name!r}; {hint(name, self._calendars)}"
            ) from None
        return found

    def _check_calendars(self, trigger: BaseTrigger) -> None:
        """Check that all calendars that a trigger names are registered.

        :raises UnknownCalendarError: for the first that is not
        """
        for name in calendar_names(trigger):
            if name not in self._calendars:
                from apscheduler.triggers.calendars_given import unknown_calendar

                raise unknown_calendar(name, self._calendars)


def calendar_names(trigger: BaseTrigger) -> tuple[str, ...]:
    """Return the names of calendars that a trigger asks its scheduler for."""
    return getattr(trigger, "names", ()) if trigger.binds else ()


def split_off(
    arguments: Mapping[str, Any], taken: Mapping[str, Any] = {}
) -> tuple[Any, Any, dict[str, Any]]:
    """Return ``calendar``, ``closed`` and the other arguments of a trigger.

    :param taken: the parameters of the trigger's class; ``calendar`` or ``closed`` among them is left to the trigger
    """
    rest = dict(arguments)
    calendar = None if "calendar" in taken else rest.pop("calendar", None)
    closed = None if "closed" in taken or "calendar" in taken else rest.pop("closed", None)
    if closed is not None and calendar is None:
        raise TypeError(f"closed={closed!r} says what becomes of closed days: give calendar= too")
    return calendar, closed, rest


def under(trigger: BaseTrigger, calendar: Any, closed: Any) -> BaseTrigger:
    """Return a trigger that fires as this one and obeys the calendars; this one itself if there are none."""
    if calendar is None:
        return trigger
    from apscheduler.triggers.calendar import CalendarTrigger

    return CalendarTrigger(trigger, calendar, closed or "drop")


def with_calendars_of(old: BaseTrigger, new: BaseTrigger) -> BaseTrigger:
    """Return the new trigger, made to obey the calendars of the old one, unless it has calendars of its own."""
    if not old.binds or new.binds:
        return new
    from apscheduler.triggers.calendar import CalendarTrigger

    return (
        CalendarTrigger(new, list(old.calendars), old.closed)
        if isinstance(old, CalendarTrigger)
        else new
    )
