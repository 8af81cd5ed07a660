"""Calendars: which days and hours are closed, for any trigger.

``base.py`` is the contract: ``span(instant, line)`` says whether a calendar is closed at an instant, why, and from when to
when that answer holds. ``days.py`` has calendars of whole days (``daysets.py`` reads the days that users give), and
``windows.py`` those of hours and dates. Nothing here knows schedulers, triggers or the clock.

``triggers/calendar.py`` asks them where fire times are moved, ``_engine/open_planning.py`` when they are due: a closed one
is dropped, and recorded with the calendar's reason.

Easy to get wrong: an answer must hold for all of its span, for the engine does not ask again within it. Days begin and end
by the trigger's zone. A calendar is stored with its job by its path and state.
"""

from apscheduler.calendars.base import Calendar, DayCalendar, UnknownCalendarError
from apscheduler.calendars.days import BusinessDays, ClosedDays, OpenDays
from apscheduler.calendars.windows import Blackout, Blackouts, DailyBlackout

__all__ = [
    "Blackout",
    "Blackouts",
    "BusinessDays",
    "Calendar",
    "ClosedDays",
    "DailyBlackout",
    "DayCalendar",
    "OpenDays",
    "UnknownCalendarError",
]
