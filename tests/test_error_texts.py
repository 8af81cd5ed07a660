"""No message of an exception makes a line of its own, or moves a terminal's cursor, whatever a program was given."""

from __future__ import annotations

import io
import json
import sys
import types
import unicodedata

import pytest
from click.testing import CliRunner

from apscheduler import cli
from apscheduler.calendars import Blackout, Blackouts, BusinessDays, DailyBlackout
from apscheduler.jobstores.base import QuarantinedJobError
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.references import obj_to_ref, ref_to_obj
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.serializers import SignedJSONSerializer, SignedPickleSerializer
from apscheduler.serializers.keys import keys_from_environment, keys_from_file
from apscheduler.testing import ManualScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.calendar import CalendarTrigger
from apscheduler.triggers.combining import AndTrigger, OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.crontab import CrontabError, CrontabTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.dialects import DIALECTS, convert
from apscheduler.triggers.interval import IntervalTrigger
from apscheduler.triggers.rrule import RRuleTrigger

ODD = "\n\x1b[2J\x9b\u2028\u2029\u202e\u2066\x85\x00FORGED"
ONE_WORD = "\x1b[2J\x9b\u202e\u2066\x07FORGED"
POISONS = [f"{word}{ODD}" for word in ("x", "5", "mon", "default", "UTC", "")]
POISONS += [f"{word}{ONE_WORD}" for word in ("x", "5", "mon", "")]
LINES = (
    *("TZ={} * * * * *", "CRON_TZ={} * * * * *", "@every {}", "* * * * * {}", "0 * * * * {}"),
    *("0 0 12 ? * {} 2030", "{}=1 * * * *", "# {}", "every {} hours", "0 9 * * mon-{}"),
)
FIELDS = CronTrigger.FIELD_NAMES
BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def boom():
    pass


def is_clean(text, *, lines=False):
    """Return whether nothing in a text breaks a line or is obeyed by a terminal."""
    if lines and any(each.startswith("FORGED") for each in text.split("\n")):
        return False
    return all(
        (lines and char == "\n")
        or (unicodedata.category(char) not in ("Cc", "Cs", "Zl", "Zp") and char not in BIDI)
        for char in text
    )


def scheduler():
    made = ManualScheduler()
    made.start(paused=True)
    return made


def add(**options):
    scheduler().add_job(boom, **options)


def edit(how):
    def call(odd):
        made = scheduler()
        made.add_job(boom, "interval", hours=1, id=odd, name=odd)
        how(made, odd)

    return call


class Wordy(BaseTrigger):
    """A trigger of somebody else's that shows what it was given."""

    at_start = drops = True

    def __init__(self, words):
        self.words = words

    def get_next_fire_time(self, previous_fire_time, now):
        return None

    def __str__(self):
        return self.words


class Shown:
    """An object that shows itself as a text."""

    def __init__(self, words):
        self.words = words

    def __repr__(self):
        return f"<Shown {self.words!r}>"


class Unpicklable:
    """An object that says something when it is to be pickled."""

    def __init__(self, words):
        self.words = words

    def __reduce__(self):
        raise ValueError(self.words)


KEY = b"k" * 32
JSON = SignedJSONSerializer({"a": KEY}, callables=["builtins:print"])
PICKLES = SignedPickleSerializer({"a": KEY})


def signed(state, odd):
    other = SignedJSONSerializer({"b": KEY}, callables=["builtins:print"])
    return other.dumps(state, store=odd, job_id=odd)


def named(odd):
    """Return a function whose names are odd."""

    def function():
        pass

    function.__name__ = function.__qualname__ = function.__module__ = odd
    return function


def module_without(odd):
    module = types.ModuleType("odd_module")
    setattr(module, f"nam{odd}", 1)
    sys.modules["odd_module"] = module
    try:
        ref_to_obj(f"odd_module:nam{odd}e")
    finally:
        del sys.modules["odd_module"]


def imported_with(**changes):
    """Return the import of an export of one job in which somebody has changed something."""

    def call(odd):
        made, out = scheduler(), io.StringIO()
        made.add_job("os:getpid", "interval", hours=1)
        made.export_jobs(out)
        document = json.loads(out.getvalue())
        for key, value in changes.items():
            document["jobs"][0][key] = value(odd)
        scheduler().import_jobs(io.StringIO(json.dumps(document)))

    return call


def configured(options):
    ManualScheduler(options)


def calendar_of(made, odd):
    made.add_calendar(odd, BusinessDays())
    made.clear_blackouts(odd)


def add_blackout(made, odd):
    made.add_calendar("days", BusinessDays())
    made.add_blackout("days", odd)


def replaced(made, odd):
    made.add_job(boom, "interval", hours=1, id=odd)


def from_file(tmp_path, odd):
    path = tmp_path / f"keys{odd.replace(chr(0), '')}{{"
    path.write_text(f"{odd}:00\n", encoding="utf-8")
    path.chmod(0o600)
    keys_from_file(path)


def raised(exc):
    raise exc


def blackouts_called(odd):
    return Blackouts(Blackout("2030-01-01", "2030-01-02", odd, "UTC"))


def executor_called(odd):
    made = scheduler()
    made.add_executor("debug", f"a{odd}")
    made.add_job(boom, executor="zzzzz")


def store_called(odd):
    made = scheduler()
    made.add_jobstore("memory", f"a{odd}")
    made.add_job(boom, jobstore="zzzzz")


def shared(odd):
    SQLAlchemyJobStore(f"sqlite://{odd}")


CASES = {
    # adding
    **{
        f"cron {name}": (lambda odd, name=name: add(trigger="cron", **{name: odd}))
        for name in FIELDS
    },
    "cron option": lambda odd: add(trigger="cron", **{odd: 1}),
    "cron zone": lambda odd: add(trigger="cron", timezone=odd),
    "cron start": lambda odd: add(trigger="cron", start_date=odd),
    "cron jitter": lambda odd: add(trigger="cron", jitter=odd),
    "interval option": lambda odd: add(trigger="interval", **{odd: 1}),
    "interval hours": lambda odd: add(trigger="interval", hours=odd),
    "interval start": lambda odd: add(trigger="interval", hours=1, end_date=odd),
    "calendarinterval": lambda odd: add(trigger="calendarinterval", days=odd),
    "calendarinterval start": lambda odd: add(trigger="calendarinterval", days=1, start_date=odd),
    "calendarinterval hour": lambda odd: add(trigger="calendarinterval", days=1, hour=odd),
    "date": lambda odd: add(trigger="date", run_date=odd),
    "date year": lambda odd: add(trigger="date", run_date=f"2030-13-41{odd}"),
    "date option": lambda odd: add(trigger="date", **{odd: 1}),
    "trigger name": lambda odd: add(trigger=odd),
    "trigger object": lambda odd: add(trigger=Shown(odd)),
    "args of a trigger": lambda odd: add(trigger="cron", args=odd),
    "args": lambda odd: add(args=[odd]),
    "kwargs": lambda odd: add(kwargs={odd: 1}),
    "kwargs taken": lambda odd: scheduler().add_job(ref_to_obj, kwargs={odd: 1, "ref": 2}),
    "kwargs text": lambda odd: add(kwargs=odd),
    "id": lambda odd: add(id=[odd]),
    "name": lambda odd: add(name=[odd]),
    "next_run_time": lambda odd: add(next_run_time=odd),
    "misfire_grace_time": lambda odd: add(misfire_grace_time=odd),
    "max_instances": lambda odd: add(max_instances=odd),
    "timeout": lambda odd: add(timeout=odd),
    "delivery": lambda odd: add(delivery=odd),
    "jobstore": lambda odd: add(jobstore=odd),
    "executor": lambda odd: add(executor=odd),
    "calendar": lambda odd: add(trigger="cron", calendar=odd),
    "closed": lambda odd: add(trigger="cron", calendar=BusinessDays(), closed=odd),
    "add_jobs": lambda odd: scheduler().add_jobs([odd]),
    "add_jobs option": lambda odd: scheduler().add_jobs([{"func": boom, odd: 1}]),
    "scheduled_job": lambda odd: scheduler().scheduled_job("cron", replace_existing=odd),
    # references
    "reference": lambda odd: scheduler().add_job(odd),
    "reference module": lambda odd: scheduler().add_job(f"mod{odd}:f"),
    "reference submodule": lambda odd: scheduler().add_job(f"os.{odd}:f"),
    "reference name": lambda odd: scheduler().add_job(f"os:{odd}"),
    "reference near": module_without,
    "reference of": lambda odd: obj_to_ref(named(f"<{odd}>")),
    "function": lambda odd: scheduler().add_job(named(odd), kwargs={"a": 1}),
    # triggers
    "crontab": CrontabTrigger,
    "crontab minute": lambda odd: CrontabTrigger(f"{odd} * * * *"),
    "crontab weekday": lambda odd: CrontabTrigger(f"* * * * {odd}"),
    "crontab nickname": lambda odd: CrontabTrigger(f"@{odd}"),
    **{
        f"crontab field {at}, {left}…{right}": (
            lambda odd, at=at, left=left, right=right: CrontabTrigger(
                " ".join(["*"] * at + [left + odd.replace("\n", "") + right] + ["*"] * (4 - at))
            )
        )
        for at in range(5)
        for left, right in (("", ""), ("1", "/2"), ("1-", ""), ("H(", ")"), ("1#", ""), ("L", "W"))
    },
    "crontab dst": lambda odd: CrontabTrigger("* * * * *", dst=odd),
    "from_crontab": CronTrigger.from_crontab,
    "from_crontab field": lambda odd: CronTrigger.from_crontab(
        f"{odd.replace(chr(10), '')} * * * *"
    ),
    "crontab for add_job": lambda odd: add(trigger="crontab", args=odd),
    "expression as a name": lambda odd: add(trigger=f"* * * * {odd}"),
    "rrule": RRuleTrigger,
    "rrule frequency": lambda odd: RRuleTrigger(f"FREQ={odd}"),
    "rrule key": lambda odd: RRuleTrigger(f"FREQ=DAILY;{odd}=1"),
    **{
        f"{called}: {text}": (lambda odd, make=make, text=text: make(text.format(odd)))
        for called, make in (
            ("CrontabTrigger", CrontabTrigger),
            ("from_crontab", CronTrigger.from_crontab),
            ("add_job", lambda text: add(trigger=text)),
            ("add_job's args", lambda text: add(trigger="cron", args=text)),
        )
        for text in LINES
    },
    **{
        f"rrule {key}": (lambda odd, key=key: RRuleTrigger(f"FREQ=YEARLY;{key}={odd}"))
        for key in ("COUNT", "INTERVAL", "UNTIL", "BYDAY", "BYMONTH", "BYSETPOS", "WKST", "BYHOUR")
    },
    "rrule twice": lambda odd: RRuleTrigger(f"FREQ=DAILY;COUNT=1;COUNT=1{odd}"),
    "rrule line": lambda odd: RRuleTrigger(f"RRULE:FREQ=DAILY\nX{odd}:1"),
    "rrule start": lambda odd: RRuleTrigger(f"DTSTART:{odd}\nRRULE:FREQ=DAILY"),
    "rrule zone": lambda odd: RRuleTrigger(f"DTSTART;TZID={odd}:20300101T000000\nRRULE:FREQ=DAILY"),
    "rrule option": lambda odd: RRuleTrigger(f"DTSTART;{odd}=1:20300101T000000\nRRULE:FREQ=DAILY"),
    "and": lambda odd: AndTrigger([Wordy(odd)]),
    "or": lambda odd: OrTrigger([IntervalTrigger(hours=1), Shown(odd)]),
    "text for or": OrTrigger,
    "calendar of a trigger": lambda odd: CalendarTrigger(Wordy(odd), BusinessDays(), "next"),
    "calendars twice": lambda odd: CalendarTrigger(
        CalendarTrigger(CronTrigger(hour=1), [odd]), BusinessDays()
    ),
    "closed with windows": lambda odd: CalendarTrigger(
        CronTrigger(hour=1), Blackouts(), closed=f"next{odd}"
    ),
    "reason of windows": lambda odd: CalendarTrigger(
        CronTrigger(hour=1), blackouts_called(odd), closed="next"
    ),
    "zone object": lambda odd: CronTrigger(timezone=Shown(odd)),
    "date trigger": lambda odd: DateTrigger(odd, odd),
    **{
        f"from {source} to {target}": (
            lambda odd, source=source, target=target: convert(
                {"hour": odd} if source == "cron" else odd, source, target
            )
        )
        for source in DIALECTS
        for target in DIALECTS
    },
    "from cron option": lambda odd: convert({odd: "1"}, "cron", "quartz"),
    "from quartz": lambda odd: convert(f"0 0 0 ? * {odd.replace(chr(10), '')}", "quartz", "cron"),
    "from systemd": lambda odd: convert(f"2030-01-01 {odd}", "systemd", "cron"),
    "dialect": lambda odd: convert("* * * * *", odd, "cron"),
    # calendars
    "country": BusinessDays,
    "subdivision": lambda odd: BusinessDays(f"DE-{odd}"),
    "weekend": lambda odd: BusinessDays(weekend=[odd]),
    "daily blackout": lambda odd: DailyBlackout(odd, "06:00"),
    "days of a blackout": lambda odd: DailyBlackout("05:00", "06:00", days=[odd]),
    "end of a blackout": lambda odd: Blackout("2030-01-01", odd, timezone="UTC"),
    "days": lambda odd: CalendarTrigger(CronTrigger(hour=1), {odd}),
    "blackout": edit(add_blackout),
    "blackout of days": edit(
        lambda made, odd: (made.add_calendar(odd, BusinessDays()), made.add_blackout(odd))
    ),
    "blackouts cleared": edit(calendar_of),
    "calendar not there": edit(
        lambda made, odd: (made.add_calendar(f"a{odd}", BusinessDays()), made.remove_calendar("b"))
    ),
    # a scheduler's configuration
    "alias of an executor": executor_called,
    "alias of a store": store_called,
    "executor's name": lambda odd: configured({"apscheduler.executors.default": odd}),
    "executor's type": lambda odd: configured(
        {f"apscheduler.executors.{odd}.type": "threadpool", f"apscheduler.executors.{odd}.{odd}": 1}
    ),
    "executor's class": lambda odd: configured(
        {"apscheduler.executors.a.class": f"os:{odd}", "apscheduler.executors.a.b": 1}
    ),
    "executor's option": lambda odd: configured(
        {"apscheduler.executors.a.type": "threadpool", f"apscheduler.executors.a.{odd}": 1}
    ),
    "executor's number": lambda odd: configured(
        {"apscheduler.executors.a.type": "threadpool", "apscheduler.executors.a.max_workers": odd}
    ),
    "store's option": lambda odd: configured(
        {"apscheduler.jobstores.a.type": "memory", f"apscheduler.jobstores.a.{odd}": 1}
    ),
    "store without a type": lambda odd: configured({f"apscheduler.jobstores.{odd}.a": "b"}),
    "zone in a folder": lambda odd: CronTrigger(timezone=f"../{odd}".replace("\0", "")),
    "zone from the root": lambda odd: CronTrigger(timezone=f"/{odd}".replace("\0", "")),
    "option": lambda odd: configured({f"apscheduler.{odd}": 1}),
    "zone": lambda odd: BackgroundScheduler({"apscheduler.timezone": odd}),
    "job default": lambda odd: configured({f"apscheduler.job_defaults.{odd}": 1}),
    "job default's value": lambda odd: configured({"apscheduler.job_defaults.max_instances": odd}),
    "keyword": lambda odd: ManualScheduler(**{odd: 1}),
    "leader_lock": lambda odd: ManualScheduler(leader_lock=odd).start(paused=True),
    "jobstores": lambda odd: ManualScheduler(jobstores={odd: odd}),
    "executors": lambda odd: ManualScheduler(executors={odd: Shown(odd)}),
    "default executor": lambda odd: ManualScheduler(executor=odd),
    # a running one
    "modify_job": edit(lambda made, odd: made.modify_job(odd, **{odd: 1})),
    "modify_job's id": edit(lambda made, odd: made.modify_job(odd, id="b")),
    "modify_job's name": edit(lambda made, odd: made.modify_job(odd, name=[odd])),
    "modify_job's func": edit(lambda made, odd: made.modify_job(odd, func=f"mod{odd}:f")),
    "modify_job's trigger": edit(lambda made, odd: made.modify_job(odd, trigger=odd)),
    "reschedule_job": edit(lambda made, odd: made.reschedule_job(odd, trigger="cron", hour=odd)),
    "taken": edit(replaced),
    "not there": edit(lambda made, odd: made.remove_job(f"no{odd}")),
    "no store": edit(lambda made, odd: made.pause_job(odd, odd)),
    "remove_jobstore": edit(lambda made, odd: made.remove_jobstore(odd)),
    "remove_executor": edit(lambda made, odd: made.remove_executor(odd)),
    "add_executor": edit(lambda made, odd: made.add_executor(odd, odd)),
    "add_jobstore": edit(lambda made, odd: made.add_jobstore(odd, odd)),
    "add_executor twice": edit(lambda made, odd: [made.add_executor("debug", odd) for _ in "ab"]),
    "add_jobstore twice": edit(lambda made, odd: [made.add_jobstore("memory", odd) for _ in "ab"]),
    "get_runs": edit(lambda made, odd: made.get_runs(since=odd)),
    "get_runs of": edit(lambda made, odd: made.get_runs(job_id=f"no{odd}")),
    "get_runs outcome": edit(lambda made, odd: made.get_runs(outcome=odd)),
    "preview": edit(lambda made, odd: made.preview(locale=odd)),
    "preview store": edit(lambda made, odd: made.preview(jobstore=odd)),
    "preview start": edit(lambda made, odd: made.preview(start=odd)),
    "get_quarantined": edit(lambda made, odd: made.get_quarantined([odd])),
    # files and stores
    "import version": lambda odd: scheduler().import_jobs(
        io.StringIO(json.dumps({"version": odd, "jobs": []}))
    ),
    "import text": lambda odd: scheduler().import_jobs(io.StringIO(odd)),
    "import func": imported_with(func=lambda odd: f"mod{odd}:f"),
    "import args": imported_with(args=lambda odd: odd),
    "import id": imported_with(id=lambda odd: [odd]),
    "import trigger": imported_with(trigger=lambda odd: {"__class__": odd, "__state__": {}}),
    "import trigger's state": imported_with(trigger=lambda odd: {odd: odd}),
    "import version of a job": imported_with(version=lambda odd: odd),
    "bytes that are not signed": lambda odd: JSON.loads(odd.encode(), store=odd, job_id=odd),
    "key that is not given": lambda odd: JSON.loads(signed({}, odd), store=odd, job_id=odd),
    "pickle as JSON": lambda odd: JSON.loads(
        PICKLES.dumps({}, store=odd, job_id=odd), store=odd, job_id=odd
    ),
    "JSON key": lambda odd: signed({"kwargs": {odd: object()}}, odd),
    "JSON value": lambda odd: signed({odd: Shown(odd)}, odd),
    "JSON callable": lambda odd: signed({"func": odd}, odd),
    "callables": lambda odd: SignedJSONSerializer({"a": KEY}, callables=[odd]),
    "callable that is not there": lambda odd: SignedJSONSerializer(
        {"a": KEY}, callables=[f"mod{odd}:f"]
    ).dumps({"func": f"mod{odd}:f"}, store=odd, job_id=odd),
    "pickle": lambda odd: PICKLES.dumps({"args": (Unpicklable(odd),)}, store=odd, job_id=odd),
    "key": lambda odd: SignedPickleSerializer({odd: KEY}),
    "secret": lambda odd: SignedPickleSerializer({"a": odd[:3]}),
    "environment": keys_from_environment,
    "address": SQLAlchemyJobStore,
    "address of a file": shared,
    "dialect of an address": lambda odd: SQLAlchemyJobStore(f"my{odd}sql://host/name"),
    "driver of an address": lambda odd: SQLAlchemyJobStore(f"postgresql+{odd}://host/name"),
    "port of an address": lambda odd: SQLAlchemyJobStore(f"postgresql://host:{odd}/name"),
    "name of a table": lambda odd: SQLAlchemyJobStore("mysql+pymysql://h/n", tablename=odd * 40),
    "lease of a store": lambda odd: SQLAlchemyJobStore("sqlite://", lease=odd),
    "quarantine": lambda odd: raised(QuarantinedJobError(odd, odd)),
}


def messages(exc):
    """Yield what a person may be shown of an exception."""
    yield str(exc), isinstance(exc, CrontabError)
    if isinstance(exc, LookupError):  # its text is the repr of this, or this
        for each in exc.args:
            yield str(each), False


@pytest.mark.parametrize("name", CASES)
def test_no_message_breaks_a_line_or_moves_a_cursor(name):
    seen = 0
    for odd in POISONS:
        try:
            CASES[name](odd)
        except Exception as exc:
            seen += 1
            for text, lines in messages(exc):
                assert is_clean(text, lines=lines), repr(text)
    assert seen


@pytest.mark.parametrize("odd", POISONS)
def test_what_keys_are_read_from_is_shown_in_one_line(tmp_path, odd):
    with pytest.raises(ValueError, match=r"line [0-9] of") as caught:
        from_file(tmp_path, odd)
    assert is_clean(str(caught.value))


COMMANDS = [
    ["next", "cron", "hour={}"],
    ["next", "cron", "{}=1"],
    ["next", "cron", "calendar={}", "{}"],
    ["next", "cron", "{0}=1", "{0}=1"],
    ["next", "date", "{}"],
    ["next", "date", "run_date={}"],
    ["next", "interval", "hours={}"],
    ["next", "crontab", "{}"],
    ["next", "crontab", "@{}"],
    ["next", "rrule", "FREQ={}"],
    ["next", "rrule", "{}"],
    ["next", "{}"],
    ["next", "cron", "hour=1", "--timezone", "{}"],
    ["next", "cron", "hour=1", "--after", "{}"],
    ["next", "cron", "hour=1", "--count", "{}"],
    ["next", "cron", "hour=1", "--locale", "{}"],
    ["next", "cron", "hour=1", "--{}"],
    ["describe", "cron", "hour={}"],
    ["describe", "cron", "hour=1", "--locale", "{}"],
    ["version", "{}"],
    ["--{}"],
    ["{}"],
    ["doctor", "--store", "{}"],
    ["doctor", "--store", "sqlite:///{}"],
    ["adopt", "--store", "{}"],
    ["adopt", "--store", "sqlite:///nowhere/{}"],
    ["adopt", "--store", "mysql+{}://host/name"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_command_says_nothing_that_breaks_a_line_or_moves_a_cursor(command):
    for odd in POISONS[:1] if command[0] == "doctor" else POISONS:  # it looks at everything
        asked = [each.format(odd) for each in command]
        ended = CliRunner().invoke(cli.main, asked)
        assert is_clean(ended.output, lines=True), repr(ended.output)
        assert ended.exception is None or isinstance(ended.exception, SystemExit)
