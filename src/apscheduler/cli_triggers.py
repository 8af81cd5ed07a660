"""What a trigger is called and given on the command line."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from apscheduler.texts import Block
from apscheduler.triggers.arguments import better_type_error
from apscheduler.triggers.crontab.errors import CrontabError

if TYPE_CHECKING:
    from apscheduler.triggers.base import BaseTrigger

# Combining triggers take triggers, which has no spelling on a command line.
_TRIGGERS = {
    "calendarinterval": "apscheduler.triggers.calendarinterval:CalendarIntervalTrigger",
    "cron": "apscheduler.triggers.cron:CronTrigger",
    "crontab": "apscheduler.triggers.crontab:CrontabTrigger",
    "date": "apscheduler.triggers.date:DateTrigger",
    "interval": "apscheduler.triggers.interval:IntervalTrigger",
    "rrule": "apscheduler.triggers.rrule:RRuleTrigger",
}
# Cron's fields stay texts: "0" and "*/5" are expressions there.
_NUMERIC = frozenset({"calendarinterval", "interval"})
# The argument that needs no name.
_EXPRESSIONS = {"crontab": "expression", "rrule": "rrule"}
_OF_SCHEDULERS = frozenset({"calendar", "closed"})
_EXAMPLES = {"crontab": "0 10 * * 1-5", "rrule": "FREQ=MONTHLY;BYDAY=-1FR"}


def trigger_of(name: str, arguments: tuple[str, ...], timezone: str | None) -> BaseTrigger:
    """Return the trigger that was asked for.

    :raises click.UsageError: for what cannot be read, in the words of the API
    """
    return _trigger(name, _keywords(name, arguments, timezone))


def _trigger(name: str, keywords: dict[str, Any]) -> BaseTrigger:
    if name not in _TRIGGERS:
        raise click.UsageError(f"There is no trigger {name!r}{_closest(name)}.")
    module, _, class_name = _TRIGGERS[name].partition(":")
    job_id = keywords.pop("job_id", "") if name == "crontab" else ""
    cls = getattr(import_module(module), class_name)
    try:
        made: BaseTrigger = cls(**keywords)
        made = made.for_job(job_id) if job_id else made
    except TypeError as error:
        others = ["job_id"] if name == "crontab" else []
        better = better_type_error(cls, name, keywords, error, others)
        said = str(better) if better is not error else f"{name}: {error}"
        raise click.UsageError(said) from error
    except LookupError as error:
        raise click.UsageError(f"{name}: {error.args[0]}") from error  # a KeyError's text is a repr
    except (ValueError, OverflowError) as error:
        raise refusal(name, error) from error
    return made


def refusal(name: str, error: Exception) -> click.UsageError:
    """Return the error of a trigger in the command's words; that of a crontab expression has several lines."""
    said = f"{name}: {error}"
    return click.UsageError(Block(said) if isinstance(error, CrontabError) else said)


def _closest(name: str) -> str:
    if " " in name or name.startswith("@"):
        return f"; write crontab before an expression: crontab {name!r}"
    if "FREQ=" in name:
        return f"; write rrule before a rule: rrule {name!r}"
    close = get_close_matches(name, _TRIGGERS, n=1)
    return f"; the closest is {close[0]!r}" if close else f"; known are {', '.join(_TRIGGERS)}"


def _keywords(trigger: str, arguments: tuple[str, ...], timezone: str | None) -> dict[str, Any]:
    keywords: dict[str, Any] = {} if timezone is None else {"timezone": timezone}
    argument_name = _EXPRESSIONS.get(trigger)
    words = [each for each in arguments if argument_name and _is_expression(trigger, each)]
    if argument_name and words:  # one text in quotes, or its fields word by word
        keywords[argument_name] = " ".join(words)
    elif argument_name and not any(each.startswith(f"{argument_name}=") for each in arguments):
        raise click.UsageError(
            f"{trigger} needs its expression, in quotes: such as {_EXAMPLES[trigger]!r}."
        )
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if argument in words:
            continue
        if not equals or not name:
            meant = _meant(trigger, argument)
            raise click.UsageError(f"{argument!r} was given where NAME=VALUE is expected{meant}.")
        if name in _OF_SCHEDULERS:
            raise click.UsageError(
                f"{name} cannot be given here: calendars belong to a scheduler, whose preview() shows what they leave out."
            )
        if name in keywords:
            raise click.UsageError(f"{name} was given twice.")
        keywords[name] = _value(trigger, name, value)
    return keywords


def _meant(trigger: str, argument: str) -> str:
    """Return what to write in the place of a value without a name, in words."""
    example = {
        "date": f"run_date={argument}",
        "interval": "hours=1",
        "cron": "hour=10",
        "calendarinterval": "days=1",
    }.get(trigger)
    if example is None:
        return ""
    shown = f"'{example}'" if " " in example else example
    return f": write {shown}" if trigger == "date" else f", such as {shown}"


def _is_expression(trigger: str, argument: str) -> bool:
    """Return whether an argument is (a part of) an expression: names of arguments are in lower case."""
    name, equals, _ = argument.partition("=")
    return not equals or (trigger == "rrule" and name != name.lower())


def _value(trigger: str, name: str, value: str) -> Any:
    if trigger in _NUMERIC or name == "jitter":
        for read in (int, float):
            try:
                return read(value)
            except ValueError:
                continue
    return value
