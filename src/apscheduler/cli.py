"""The command ``apscheduler``: what a person asks a scheduler's rules without writing a program."""

from __future__ import annotations

from datetime import datetime
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from apscheduler.triggers.base import BaseTrigger

# Combining triggers take triggers, which has no spelling on a command line.
_TRIGGERS = {
    "calendarinterval": "apscheduler.triggers.calendarinterval:CalendarIntervalTrigger",
    "cron": "apscheduler.triggers.cron:CronTrigger",
    "date": "apscheduler.triggers.date:DateTrigger",
    "interval": "apscheduler.triggers.interval:IntervalTrigger",
}
# Cron's fields stay texts: "0" and "*/5" are expressions there.
_NUMERIC = frozenset({"calendarinterval", "interval"})


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
    click.echo(f"tickwright {own}, {speaks}, Python {platform.python_version()}")


@main.command()
@click.pass_context
def doctor(context: click.Context) -> None:
    """Look at this installation; the exit status is 1 if something is wrong with it."""
    from apscheduler.doctor import findings

    wrong = 0
    for topic, said, remedy in findings():
        click.echo(f"{'WRONG' if remedy else 'ok':5}  {topic:11}  {said}")
        if remedy:
            wrong += 1
            click.echo(f"{'':20}{remedy}")
    click.echo(f"{wrong or 'Nothing'} wrong.")
    context.exit(1 if wrong else 0)


@main.command(name="next")
@click.argument("trigger", metavar="TRIGGER")
@click.argument("arguments", metavar="[NAME=VALUE]...", nargs=-1)
@click.option("--count", default=5, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--timezone", help="A time zone's name; default: the trigger's own.")
@click.option("--after", type=datetime.fromisoformat, help="An ISO 8601 moment; default: now.")
def next_fire_times(
    trigger: str,
    arguments: tuple[str, ...],
    count: int,
    timezone: str | None,
    after: datetime | None,
) -> None:
    """Print the next fire times of TRIGGER (cron, interval, date or calendarinterval).

    Example: apscheduler next cron hour=10 day_of_week=mon-fri --timezone Europe/Berlin
    """
    asked = _trigger(trigger, _keywords(trigger, arguments, timezone))
    printed = 0
    for fire_time in _fire_times(asked, after, count):
        click.echo(f"{fire_time:%a} {fire_time.isoformat(sep=' ')} {fire_time.tzname()}")
        printed += 1
    if printed < count:
        click.echo(f"No further fire time after these {printed}." if printed else "No fire time.")


def _trigger(name: str, keywords: dict[str, Any]) -> BaseTrigger:
    if name not in _TRIGGERS:
        raise click.UsageError(f"There is no trigger {name!r}{_closest(name)}.")
    module, _, class_name = _TRIGGERS[name].partition(":")
    try:
        made: BaseTrigger = getattr(import_module(module), class_name)(**keywords)
    except (TypeError, ValueError, LookupError) as error:
        raise click.UsageError(f"{name}: {error}") from error
    return made


def _closest(name: str) -> str:
    close = get_close_matches(name, _TRIGGERS, n=1)
    return f"; the closest is {close[0]!r}" if close else f"; known are {', '.join(_TRIGGERS)}"


def _keywords(trigger: str, arguments: tuple[str, ...], timezone: str | None) -> dict[str, Any]:
    keywords: dict[str, Any] = {} if timezone is None else {"timezone": timezone}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{argument!r} was given where NAME=VALUE is expected.")
        numeric = trigger in _NUMERIC and value.lstrip("-").isdigit()
        keywords[name] = int(value) if numeric else value
    return keywords


def _fire_times(trigger: BaseTrigger, after: datetime | None, count: int) -> Iterator[datetime]:
    zone = getattr(trigger, "timezone", None)
    now = datetime.now(zone) if after is None else after
    if now.tzinfo is None:
        now = now.replace(tzinfo=zone) if zone else now.astimezone()
    previous: datetime | None = None
    for _ in range(count):
        found = trigger.get_next_fire_time(previous, now)
        if found is None:
            return
        yield found
        # The next question is asked at the fire time, as a scheduler that is never late would.
        previous, now = found, max(now, found)
