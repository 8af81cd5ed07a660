"""English."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from apscheduler.triggers._words.locale import Locale, around_the_week, runs
from apscheduler.triggers._words.parts import (
    Combined,
    Dates,
    Days,
    Every,
    Fields,
    Foreign,
    Limits,
    Listed,
    Moment,
    Numbers,
    Once,
    OnClock,
    OnDates,
    Position,
    Recurring,
    Stepped,
    Times,
    UnderCalendars,
    Unsettled,
    Weekdays,
)
from apscheduler.triggers._words.rules_en import rule as rule_words

_WEEKDAYS: Final = (
    *("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
)
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_POSITIONS: Final = ("first", "second", "third", "fourth", "fifth", "last")
_CHANGES: Final = {
    "moved": "a time that the clocks skip runs at the end of the skip, a time that comes twice runs once",
    "elapsed": "times that the clocks skip do not run, times that come twice run twice",
    "once": "times that the clocks skip do not run, times that come twice run once",
    "utc-line": "a time that the clocks skip runs as if they had not been moved, the way cron triggers do it, "
    "and times that come twice run twice",
}
_NEVER: Final = "this never comes"
_REMARKS: Final = {
    "gap": "{0} does not exist on this day: the clocks go from {1} to {2}",
    "first": "{0} comes twice on this day: this is the first",
    "second": "{0} comes twice on this day: this is the second",
    "left_out": "{0} before it is left out: it does not exist",
    "jitter": "up to {0} s later, at random",
    "overdue": "overdue",
    "end": "the last one: the end is {0}",
    "last": "the last one",
    "skipped": "skipped: {0}",
    "unsure": "skipped if the scheduler's calendar is closed: {0}",
    "moved": "moved from {0}, a closed day",
    "paused": "paused",
    "at_start": "waits for the next start of a scheduler",
    "never": "has no fire time from now on",
    "error": "cannot be told: {0}",
    "steps": "not found within {0} steps of its trigger",
}


class Words(Locale):
    """English words."""

    def once(self, said: Once) -> str:
        day = _WEEKDAYS[said.moment.day.weekday()]
        return f"once, on {day} {_moment(said.moment, ' at ')}, {said.zone}"

    def every(self, said: Every) -> str:
        head = f"every {_distance(said)}, counted from {_moment(said.start)}"
        return ", ".join([head, *_limits(said.limits)])

    def on_clock(self, said: OnClock) -> str:
        text = ", ".join([_schedule(said.days, said.times), *_limits(said.limits)])
        if said.never:
            return f"{text}; {_NEVER}"
        return text if said.changes is None else f"{text}; {_CHANGES[said.changes]}"

    def on_dates(self, said: OnDates) -> str:
        head = f"every {_span(said.months, said.days)} at {said.time}, the first on {said.first}"
        if said.last is not None:
            head += f", the last by {said.last}"
        if said.short_months:
            head += ", months without such a day left out"
        return ", ".join([head, *_limits(said.limits)])

    def at_start(self) -> str:
        return "at each start of the scheduler"

    def unsettled(self, said: Unsettled) -> str:
        head = f"by the crontab expression {said.expression}, whose H the job's id will choose"
        text = ", ".join([head, *_limits(said.limits)])
        return text if said.changes is None else f"{text}; {_CHANGES[said.changes]}"

    def combined(self, said: Combined) -> str:
        children = [f"[{self.say(each)}]" for each in said.said]
        if said.together:
            text = f"whenever all of these coincide: {_and(children)}"
        else:
            text = f"whenever any of these is due: {_and(children, 'or')}"
        return f"{text}, {_jitter(said.jitter)}" if said.jitter else text

    def under_calendars(self, said: UnderCalendars) -> str:
        inner = self.say(said.said)
        names = [f"the scheduler's calendar {name!r}" for name in said.names]
        if said.closed == "drop":
            return f"[{inner}] unless closed by {_and([*said.days, *said.windows, *names], 'or')}"
        to = "the next open day" if said.closed == "next" else "the open day before"
        text = f"[{inner}], moved to {to} from days closed by {_and([*said.days, *names], 'or')}"
        if said.names:
            text += ", whose blackouts drop it"
        return f"{text}, unless closed by {_and(said.windows, 'or')}" if said.windows else text

    def recurring(self, said: Recurring) -> str:
        found = [rule_words(each) for each in said.rules]
        if said.added:
            found.append(
                "on a date of its own" if said.added == 1 else f"on {said.added} dates of its own"
            )
        text = _and(found, "and also")
        if said.excluded:
            text += f", except {_and(map(rule_words, said.excluded))}"
        if said.left_out:
            text += f", {said.left_out} date{'' if said.left_out == 1 else 's'} left out"
        head = f"{text} (by the recurrence rule {said.rule}), counted from {_moment(said.start)}"
        text = ", ".join([head, *_limits(said.limits)])
        return f"{text}; {_NEVER}" if said.never else text

    def foreign(self, said: Foreign) -> str:
        return f"as this trigger says: {said.text}"

    def remark(self, kind: str, values: tuple[str, ...]) -> str:
        return _REMARKS[kind].format(*values)


# -- limits ------------------------------------------------------------------------------------------------


def _limits(limits: Limits) -> list[str]:
    found = [limits.zone]
    if limits.start is not None:
        found.append(f"from {_moment(limits.start)} on")
    if limits.end is not None:
        found.append(f"until {_moment(limits.end)}")
    if limits.jitter is not None:
        found.append(_jitter(limits.jitter))
    return found


def _jitter(seconds: str) -> str:
    return f"each run up to {seconds} second{'' if seconds == '1' else 's'} later at random"


def _moment(moment: Moment, between: str = " ") -> str:
    text = f"{moment.day}{between}{moment.time}"
    return text if moment.offset is None else f"{text} ({moment.offset})"


# -- distances ---------------------------------------------------------------------------------------------


def _distance(said: Every) -> str:
    if said.hours > 24 and not said.hours % 24 and not said.minutes and said.seconds == "0":
        return f"{said.hours} hours ({said.hours // 24} days)"
    parts = [(str(said.hours), "hour"), (str(said.minutes), "minute"), (said.seconds, "second")]
    return _counted([part for part in parts if part[0] != "0"])


def _span(months: int, days: int) -> str:
    years, months = divmod(months, 12)
    parts = [(years, "year"), (months, "month"), (days, "day")]
    if days and not days % 7 and not years and not months:
        parts = [(days // 7, "week")]
    return _counted([(str(number), unit) for number, unit in parts if number])


def _counted(parts: Sequence[tuple[str, str]]) -> str:
    if len(parts) == 1 and parts[0][0] == "1":
        return parts[0][1]
    return _and([f"{number} {unit}{'' if number == '1' else 's'}" for number, unit in parts])


# -- days and times ----------------------------------------------------------------------------------------


def _schedule(days: Days, times: Times) -> str:
    if isinstance(times, Stepped):
        text = _stepped(times)
        return text if not times.spans and days == Days() else f"{text}, {_days(days)}"
    said = f"at {_and(times.times)}" if isinstance(times, Listed) else f"at {_fields(times)}"
    if isinstance(times, Fields) and times.hours is None and days == Days():
        return said
    return f"{_days(days)} {said}"


def _stepped(times: Stepped) -> str:
    step = f"every {_seconds(times.step)}"
    if times.spans:
        return f"{step} {_and([f'from {first} to {last}' for first, last in times.spans])}"
    if times.step == 3600:
        return f"{step} at minute {times.first // 60}" if times.first else f"{step} on the hour"
    return f"{step} at second {times.first}" if times.first else step


def _seconds(step: int) -> str:
    parts = [(step // 3600, "hour"), (step // 60 % 60, "minute"), (step % 60, "second")]
    return _counted([(str(number), unit) for number, unit in parts if number])


def _fields(times: Fields) -> str:
    parts = []
    if times.seconds != (0,):
        parts.append(_numbered("second", times.seconds))
    parts.append(_numbered("minute", times.minutes))
    parts.append(_numbered("hour", times.hours))
    return " of ".join(parts)


def _numbered(unit: str, values: Numbers | None) -> str:
    """Return ``every minute``, ``minute 5``, ``minutes 5 and 10 to 12`` or ``every 7th minute from 0 to 56``."""
    if values is None:
        return f"every {unit}"
    found = runs(values)
    if found[0][2] > 1:
        first, last, step = found[0]
        return f"every {_ordinal(step)} {unit} from {first} to {last}"
    texts = [str(first) if first == last else f"{first} to {last}" for first, last, _ in found]
    return f"{unit}{'' if len(values) == 1 else 's'} {_and(texts)}"


def _days(days: Days) -> str:
    """Return which days, such as ``on the 13th of every month if it is a Friday``."""
    months = None if days.months is None else _and(_month_names(days.months))
    on_dates = (
        None if days.dates is None else f"on {_dates(days.dates)} of {months or 'every month'}"
    )
    weekdays = days.weekdays
    if on_dates is None and weekdays is None:
        text = f"every day in {months}" if months else "every day"
    elif weekdays is None:
        text = f"{on_dates}"
    elif on_dates is None:
        text = _weekdays(weekdays, months)
    elif days.either:
        text = f"{on_dates} and also {_weekdays(weekdays, months)}"
    else:
        text = f"{on_dates} if it is {_one_of(weekdays)}"
    if days.weeks is not None:
        text += f" in {_weeks(days.weeks)}"
    if days.years is not None:
        text += f" in {_years(days.years)}"
    return text


def _weeks(weeks: Numbers) -> str:
    first, last, step = runs(weeks)[0]
    if step == 1:
        return f"ISO {_numbered('week', weeks)}"
    text = f"every {_ordinal(step)} ISO week of the year, from week {first} to week {last}"
    return (
        f"{text} (so in two weeks running, 53 and 1, after a year of 53)"
        if last == 53 and first == 1
        else text
    )


def _years(years: Numbers) -> str:
    text = _numbered("year", years)
    if len(years) == 1:
        return text.removeprefix("year ")
    return text if text.startswith("every") else f"the {text}"


def _dates(dates: Dates) -> str:
    found = []
    for first, last, step in runs(dates.numbers):
        if step > 1:
            found.append(
                f"every {_ordinal(step)} day from the {_ordinal(first)} to the {_ordinal(last)}"
            )
        elif first == last:
            found.append(f"the {_ordinal(first)}")
        else:
            found.append(f"the {_ordinal(first)} to the {_ordinal(last)}")
    found += [
        f"the weekday (Monday to Friday) nearest to the {_ordinal(day)}" for day in dates.nearest
    ]
    found += map(_position, dates.positions)
    if dates.last_workday:
        found.append("the last weekday (Monday to Friday)")
    for back in sorted(dates.before_last, reverse=True):
        days = "1 day" if back == 1 else f"{back} days"
        found.append(f"the day {days} before the last one" if back else "the last day")
    return _and(found)


def _weekdays(weekdays: Weekdays, months: str | None) -> str:
    found = []
    if weekdays.days:
        found.append(_every_weekday(weekdays.days) + (f" in {months}" if months else ""))
    if weekdays.positions:
        positions = _and(map(_position, weekdays.positions))
        found.append(f"on {positions} of {months or 'every month'}")
    return " and also ".join(found)


def _every_weekday(days: Numbers) -> str:
    if days == (0, 1, 2, 3, 4):
        return "every weekday (Monday to Friday)"
    run = around_the_week(days)
    if run is not None:
        return f"every day from {_WEEKDAYS[run[0]]} to {_WEEKDAYS[run[1]]}"
    if len(days) == 7:
        return "every day of the week"
    return f"every {_and(_WEEKDAYS[day] for day in days)}"


def _one_of(weekdays: Weekdays) -> str:
    found = [f"a {_WEEKDAYS[day]}" for day in weekdays.days]
    found += [f"{_position(each)} of its month" for each in weekdays.positions]
    return _and(found, "or")


def _position(position: Position) -> str:
    return f"the {_POSITIONS[position.number]} {_WEEKDAYS[position.weekday]}"


def _month_names(months: Numbers) -> list[str]:
    names = []
    for first, last, step in runs(months):
        if step > 1 or last - first < 2:
            names += [_MONTHS[month - 1] for month in range(first, last + 1, step)]
        else:
            names.append(f"{_MONTHS[first - 1]} to {_MONTHS[last - 1]}")
    return names


def _ordinal(number: int) -> str:
    endings = {1: "st", 2: "nd", 3: "rd"}
    ending = "th" if number % 100 in (11, 12, 13) else endings.get(number % 10, "th")
    return f"{number}{ending}"


def _and(parts: Iterable[str], word: str = "and") -> str:
    *most, last = parts
    return f"{', '.join(most)} {word} {last}" if most else last
