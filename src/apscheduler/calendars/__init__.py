"""Calendars: which days and hours are closed, for any trigger."""

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
