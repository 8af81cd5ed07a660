"""The command ``apscheduler``: what a person asks a scheduler's rules without writing a program."""

from __future__ import annotations

from datetime import datetime
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from apscheduler.texts import line

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
_EXAMPLES = {"crontab": "0 10 * * 1-5", "rrule": "FREQ=MONTHLY;BYDAY=-1FR"}


def _echo(text: object) -> None:
    """Print one line: names and messages of others move no terminal's cursor."""
    click.echo(line(str(text)))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Tickwright: a job scheduler that speaks the APScheduler 3 API."""


@main.command()
def version() -> None:
    """Print Tickwright's version and the APScheduler release whose API it speaks."""
    import platform
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as version_of

    import apscheduler

    try:
        own = version_of("tickwright")
    except PackageNotFoundError:
        own = "(not installed as a distribution)"
    speaks = f"APScheduler API {getattr(apscheduler, '__version__', '(its files are missing)')}"
    _echo(f"tickwright {own}, {speaks}, Python {platform.python_version()}")


_store = click.option(
    "--store", metavar="URL", help="The address of a SQL job store, as SQLAlchemy writes it."
)
_table = click.option(
    "--table", default="apscheduler_jobs", show_default=True, help="Name of its job table."
)
_schema = click.option("--schema", help="Schema of its tables.")


@main.command()
@_store
@_table
@_schema
@click.pass_context
def doctor(context: click.Context, store: str | None, table: str, schema: str | None) -> None:
    """Look at this installation, and at a job store; the exit status is 1 if something is wrong."""
    from apscheduler.doctor import findings

    wrong = 0
    found: list[tuple[str, str, str | None]] = list(findings())
    if store is not None:
        found += _of_store(store, table, schema)
    for topic, said, remedy in found:
        _echo(f"{'WRONG' if remedy else 'ok':5}  {topic:11}  {said}")
        if remedy:
            wrong += 1
            _echo(f"{'':20}{remedy}")
    _echo(f"{wrong or 'Nothing'} wrong.")
    context.exit(1 if wrong else 0)


@main.command()
@click.option("--store", required=True, metavar="URL", help="Its address, as SQLAlchemy writes it.")
@_table
@_schema
def adopt(store: str, table: str, schema: str | None) -> None:
    """Have schedulers work on a job store that they hold as a copy, or as set back to an earlier state.

    Make sure first that no other scheduler runs the same jobs.
    """
    from apscheduler.jobstores._troubles import first_line

    try:
        from apscheduler.jobstores._sql import checkup

        checkup.adopt(store, table, schema)
    except Exception as error:  # whatever a driver, or an address that is none, raises
        raise click.ClickException(f"not adopted: {first_line(error)}") from error
    click.echo("Adopted: schedulers claim its jobs from now on.")


def _of_store(store: str, table: str, schema: str | None) -> list[tuple[str, str, str | None]]:
    from apscheduler.jobstores._troubles import first_line

    try:
        from apscheduler.jobstores._sql import checkup

        return list(checkup.findings(store, table, schema))
    except Exception as error:  # noqa: BLE001 - whatever a driver, or an address that is none, raises
        return [("store", f"could not be looked at: {first_line(error)}", "check the address")]


_argument_trigger = click.argument("trigger", metavar="TRIGGER")
_arguments = click.argument("arguments", metavar="[EXPRESSION] [NAME=VALUE]...", nargs=-1)
_timezone = click.option("--timezone", help="A time zone's name; default: the trigger's own.")
_locale = click.option("--locale", default="en", show_default=True, help="The language: en or zh.")


@main.command(name="next")
@_argument_trigger
@_arguments
@click.option("--count", default=5, show_default=True, type=click.IntRange(1, 10_000))
@_timezone
@click.option("--after", type=datetime.fromisoformat, help="An ISO 8601 moment; default: now.")
@_locale
def next_fire_times(
    trigger: str,
    arguments: tuple[str, ...],
    count: int,
    timezone: str | None,
    after: datetime | None,
    locale: str,
) -> None:
    """Print the next fire times of TRIGGER, with remarks.

    TRIGGER is cron, crontab, rrule, interval, date or calendarinterval.

    \b
    apscheduler next cron hour=10 day_of_week=mon-fri --timezone Europe/Berlin
    apscheduler next crontab '0 10 * * 1-5' --timezone Europe/Berlin

    A crontab expression with an H needs job_id=ID, too.
    """  # noqa: D301 - click's mark for lines to be left as they are
    asked = _trigger(trigger, _keywords(trigger, arguments, timezone))
    try:
        fire_times = asked.preview(count, after, locale=locale)
        told = asked.describe(locale)
    except ValueError as error:
        raise click.UsageError(f"{trigger}: {error}") from error
    for fire_time in fire_times:
        _echo(fire_time)
    if not fire_times:
        _echo(f"No fire time: {told}.")
    elif len(fire_times) < count:
        _echo(f"No further fire time after these {len(fire_times)}.")


@main.command()
@_argument_trigger
@_arguments
@_timezone
@_locale
def describe(
    trigger: str,
    arguments: tuple[str, ...],
    timezone: str | None,
    locale: str,
) -> None:
    """Say in words when TRIGGER fires.

    TRIGGER is cron, crontab, rrule, interval, date or calendarinterval.

    \b
    apscheduler describe cron hour=10 day_of_week=mon-fri --timezone Europe/Berlin
    apscheduler describe crontab '0 10 * * 1-5' --locale zh
    """  # noqa: D301 - see above
    asked = _trigger(trigger, _keywords(trigger, arguments, timezone))
    try:
        _echo(asked.describe(locale))
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _trigger(name: str, keywords: dict[str, Any]) -> BaseTrigger:
    if name not in _TRIGGERS:
        raise click.UsageError(f"There is no trigger {name!r}{_closest(name)}.")
    module, _, class_name = _TRIGGERS[name].partition(":")
    job_id = keywords.pop("job_id", "") if name == "crontab" else ""
    try:
        made: BaseTrigger = getattr(import_module(module), class_name)(**keywords)
        made = made.for_job(job_id) if job_id else made
    except (TypeError, ValueError, LookupError, OverflowError) as error:
        raise click.UsageError(f"{name}: {error}") from error
    return made


def _closest(name: str) -> str:
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
            raise click.UsageError(f"{argument!r} was given where NAME=VALUE is expected.")
        keywords[name] = _value(trigger, name, value)
    return keywords


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
