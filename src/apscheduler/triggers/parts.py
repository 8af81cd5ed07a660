"""The values that ``says()`` returns, for triggers of your own: what a trigger does, in no language yet. Added in 1.0.

>>> OnClock(Days(weekdays=Weekdays((0, 4))), Listed(("10:00",)), limits(zone))

says "every Monday and Friday at 10:00" in each language. Values are equal only if triggers fire alike, so leave nothing
out: zone, first and last fire time and jitter are the ``limits``.
"""

from apscheduler.triggers._words.parts import (
    LAST,
    AtStart,
    Combined,
    Dates,
    Days,
    Every,
    Fields,
    Foreign,
    Limits,
    Listed,
    Moment,
    Once,
    OnClock,
    OnDates,
    Position,
    Said,
    Stepped,
    UnderCalendars,
    Weekdays,
    Worded,
)
from apscheduler.triggers._words.zones import limits, moment, zone_name

__all__ = [
    "LAST",
    "AtStart",
    "Combined",
    "Dates",
    "Days",
    "Every",
    "Fields",
    "Foreign",
    "Limits",
    "Listed",
    "Moment",
    "OnClock",
    "OnDates",
    "Once",
    "Position",
    "Said",
    "Stepped",
    "UnderCalendars",
    "Weekdays",
    "Worded",
    "limits",
    "moment",
    "zone_name",
]
