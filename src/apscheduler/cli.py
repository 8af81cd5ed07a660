"""The command ``apscheduler``: what a person asks a scheduler's rules without writing a program.

``doctor`` serves broken installations, so nothing but the texts' module is imported before a command needs it.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from datetime import datetime
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from apscheduler.texts import Block, line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def _echo(text: object) -> None:
    """Print one line: names and messages of others move no terminal's cursor."""
    click.echo(line(str(text)))


@contextmanager
def _in_lines() -> Iterator[None]:
    """Have errors say what was given in one line; those that show a place in a text have several of their own."""
    try:
        yield
    except click.ClickException as error:
        if not isinstance(error.message, Block):
            error.message = line(error.message)  # type: ignore[misc] # what click shows of it
        raise


class _Commands(click.Group):
    """The commands; one that is not there is answered with the closest that is."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        with _in_lines() if args else nullcontext():  # without any, click raises its help
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        with _in_lines():
            return super().invoke(ctx)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        asked = args[0] if args else ""
        if asked and not asked.startswith("-") and self.get_command(ctx, asked) is None:
            close = get_close_matches(asked, self.commands, n=1)
            known = (
                f"did you mean {close[0]!r}?" if close else f"known are {_listed(self.commands)}"
            )
            raise click.UsageError(f"There is no command {asked!r}; {known}", ctx)
        return super().resolve_command(ctx, args)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _print_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        _echo(_versions())
        context.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="The same as the command version.",
)
def main() -> None:
    """Tickwright: a job scheduler that speaks the APScheduler 3 API."""


@main.command()
def version() -> None:
    """Print Tickwright's version and the APScheduler release whose API it speaks."""
    _echo(_versions())


def _versions() -> str:
    import platform
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as version_of

    import apscheduler

    try:
        own = version_of("tickwright")
    except PackageNotFoundError:
        own = "(not installed as a distribution)"
    speaks = f"APScheduler API {getattr(apscheduler, '__version__', '(its files are missing)')}"
    return f"tickwright {own}, {speaks}, Python {platform.python_version()}"


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
        _checkup().adopt(store, table, schema)
    except Exception as error:  # whatever a driver, or an address that is none, raises
        raise click.ClickException(f"not adopted: {first_line(error)}") from error
    click.echo("Adopted: schedulers claim its jobs from now on.")


def _of_store(store: str, table: str, schema: str | None) -> list[tuple[str, str, str | None]]:
    from apscheduler.jobstores._troubles import first_line

    try:
        return list(_checkup().findings(store, table, schema))
    except ImportError as error:
        return [("store", "could not be looked at: a library is missing", str(error))]
    except Exception as error:  # noqa: BLE001 - whatever a driver, or an address that is none, raises
        return [("store", f"could not be looked at: {first_line(error)}", "check the address")]


def _checkup() -> Any:
    """Return the module that looks at SQL stores.

    :raises ImportError: without SQLAlchemy, with how to install it
    """
    import_module("apscheduler.jobstores.sqlalchemy")  # its error names the extra
    from apscheduler.jobstores import _checkup

    return _checkup


def _moment(_: click.Context, __: click.Parameter, given: str | None) -> datetime | None:
    try:
        return None if given is None else datetime.fromisoformat(given)
    except ValueError:
        raise click.BadParameter(
            f"{given!r} is no moment; write it as 2026-03-26, 2026-03-26T12:00 or 2026-03-26T12:00+01:00"
        ) from None


_argument_trigger = click.argument("trigger", metavar="TRIGGER")
_arguments = click.argument("arguments", metavar="[EXPRESSION] [NAME=VALUE]...", nargs=-1)
_timezone = click.option("--timezone", help="A time zone's name; default: the trigger's own.")
_locale = click.option("--locale", default="en", show_default=True, help="The language: en or zh.")


@main.command(name="next")
@_argument_trigger
@_arguments
@click.option("--count", default=5, show_default=True, type=click.IntRange(1, 10_000))
@_timezone
@click.option("--after", callback=_moment, help="An ISO 8601 moment; default: now.")
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
    from apscheduler.cli_triggers import refusal, trigger_of

    asked = trigger_of(trigger, arguments, timezone)
    try:
        fire_times = asked.preview(count, after, locale=locale)
        told = asked.describe(locale)
    except ValueError as error:
        raise refusal(trigger, error) from error
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
    from apscheduler.cli_triggers import trigger_of

    asked = trigger_of(trigger, arguments, timezone)
    try:
        _echo(asked.describe(locale))
    except ValueError as error:
        raise click.UsageError(str(error)) from error
