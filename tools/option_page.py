"""Writes docs/reference/options.md from the docstrings and signatures of the source.

``python3 dev.py pages`` renews it; a test says so where the page is not what this makes.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from tools import ROOT
from tools.docstrings import Described, Option, described

if TYPE_CHECKING:
    from collections.abc import Iterable

PAGE = ROOT / "docs/reference/options.md"
EVERY_SCHEDULER = "apscheduler.schedulers.base:BaseScheduler"
SCHEDULERS = (
    "apscheduler.schedulers.blocking:BlockingScheduler",
    "apscheduler.schedulers.background:BackgroundScheduler",
    "apscheduler.schedulers.asyncio:AsyncIOScheduler",
    "apscheduler.schedulers.gevent:GeventScheduler",
    "apscheduler.schedulers.tornado:TornadoScheduler",
    "apscheduler.schedulers.twisted:TwistedScheduler",
    "apscheduler.schedulers.qt:QtScheduler",
)
ADD_JOB = "apscheduler.schedulers._api.adding:JobAdding"
FUTURES = "apscheduler.executors.futures:FuturesExecutor"
JOB_DEFAULTS = {
    "misfire_grace_time": "1",
    "coalesce": "True",
    "max_instances": "1",
    "timeout": "None",
    "delivery": "'at_most_once'",
}
"""What jobs have that are given none, and whose scheduler is given none."""
CHANGEABLE = frozenset(
    {
        *("func", "args", "kwargs", "name", "misfire_grace_time", "coalesce", "max_instances"),
        *("next_run_time", "executor", "trigger", "timeout", "delivery"),
    }
)
"""What ``modify_job`` takes."""

_INTRODUCTION = """\
<!-- Made by `python3 dev.py pages` from the docstrings and signatures of the source: change them, not this page. -->
# Options

Every option of schedulers, jobs, triggers, job stores and executors. **Added in 1.0** marks what APScheduler 3 has not; all others
mean what they mean there. How to choose a schedule is a page of its own: [date, interval and cron](../how-to/schedules.md).

- [The scheduler](#the-scheduler)
- [A job](#a-job)
- [Triggers](#triggers)
- [Job stores](#job-stores)
- [Executors](#executors)
"""
_SCHEDULER = """\
## The scheduler

Options are given by name, `BackgroundScheduler(timezone="UTC")`, or in a configuration of texts, whose keys begin with
`apscheduler.` and whose dots make groups:

```python
from apscheduler.schedulers.background import BackgroundScheduler

scheduler = BackgroundScheduler(
    {
        "apscheduler.timezone": "Europe/Berlin",
        "apscheduler.executors.default": {"type": "threadpool", "max_workers": "20"},
        "apscheduler.executors.heavy": {"type": "processpool", "max_workers": "2"},
        "apscheduler.jobstores.default": {"type": "memory"},
        "apscheduler.job_defaults.coalesce": "false",
        "apscheduler.job_defaults.max_instances": "3",
    }
)
```

`type` is an alias of the sections below, or `class` a reference such as `mypackage.stores:MyStore`; what stands beside it is
what that class takes, and another name there a `TypeError`. A name of a scheduler's option or of a job default that nothing
reads is an `UnknownOptionWarning`. Both say the closest name that there is.

### Every scheduler
"""
_STANDALONE = """\
`standalone`, an option of APScheduler 2, is accepted and does nothing.
"""
_JOB = """\
## A job

What `add_job(…)` takes; `add_jobs([{…}, {…}])` takes mappings of it. The decorator `@scheduled_job(trigger, …)` takes the same
but `replace_existing`, which is a `TypeError` there: it always replaces. Those marked so may stand in the scheduler's `job_defaults`,
and the default is theirs where these say nothing. `modify_job(id, …)` and `job.modify(…)` change those that are marked so,
`trigger` by an object only, such as `CronTrigger(hour=6)`; `reschedule_job(id, …)` and `job.reschedule(…)` take another
trigger by its name too.
"""
_TRIGGERS = """\
## Triggers

The name is what `add_job(function, "cron", …)` takes; the trigger's options stand beside the job's.
[crontab](crontab.md) and [calendars](../how-to/holidays-and-freezes.md) have pages of their own.
"""
_STORES = """\
## Job stores

`memory` is the default. `sqlalchemy` is the one that processes can [share](../explanation/sharing-a-store.md); the others are
[for one process](../how-to/stores-for-one-process.md).
"""
_EXECUTORS = """\
## Executors

Without one, a scheduler makes that of its host: `threadpool` for those with threads, else the one of its own name.
"""


def page() -> str:
    """Return the whole page."""
    parts = [_INTRODUCTION, _SCHEDULER, _plain_table(EVERY_SCHEDULER), _STANDALONE]
    parts += [_host(where) for where in SCHEDULERS]
    parts += [_JOB, _job_table(described(ADD_JOB, method="add_job").options)]
    for introduction, group in (
        (_TRIGGERS, "triggers"),
        (_STORES, "jobstores"),
        (_EXECUTORS, "executors"),
    ):
        parts.append(introduction)
        parts += [_section(f"`{alias}`", where) for alias, where in plugins(group).items()]
    parts.append(_section("Any pool", FUTURES))
    return "\n".join(parts)


def plugins(group: str) -> dict[str, str]:
    """Return the classes of a group of entry points by alias, the memory store and simple triggers first."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    found: dict[str, str] = project["entry-points"][f"apscheduler.{group}"]
    first = ["date", "interval", "cron", "crontab", "memory", "sqlalchemy", "threadpool"]
    order = {alias: place for place, alias in enumerate([*first, "processpool"])}
    return dict(sorted(found.items(), key=lambda each: (order.get(each[0], 99), each[0])))


def write() -> None:
    """Write the page anew."""
    PAGE.write_text(page(), "utf-8")


def _section(title: str, where: str) -> str:
    found = described(where)
    table = _table(found.options) if found.options else "No options of its own.\n"
    return f"### {title}\n\n{_where(where, found)}\n\n{table}"


def _where(where: str, found: Described) -> str:
    module, _, name = where.partition(":")
    return f"`from {module} import {name}`. {found.summary}"


def _host(where: str) -> str:
    table = _plain_table(where) if described(where).options else "No options of its own.\n"
    return f"### {where.partition(':')[2]}\n\n{_where(where, described(where))}\n\n{table}"


def _plain_table(where: str) -> str:
    """Return the options of a scheduler, whose defaults stand in their meanings."""
    rows = ["| option | meaning |", "| --- | --- |"]
    rows += [
        f"| `{each.name}` | {each.meaning} |" for each in described(where).options if each.meaning
    ]
    return "\n".join(rows) + "\n"


def _table(options: Iterable[Option]) -> str:
    rows = ["| option | default | meaning |", "| --- | --- | --- |"]
    rows += [f"| `{_shown(each)}` | {_default(each)} | {each.meaning} |" for each in options]
    return "\n".join(rows) + "\n"


def _job_table(options: Iterable[Option]) -> str:
    rows = [
        "| option | default | `job_defaults` | `modify_job` | meaning |",
        "| --- | --- | --- | --- | --- |",
    ]
    for each in options:
        default = f"`{JOB_DEFAULTS[each.name]}`" if each.name in JOB_DEFAULTS else _default(each)
        marks = ["yes" if each.name in names else "" for names in (JOB_DEFAULTS, CHANGEABLE)]
        cells = (f"`{_shown(each)}`", default, *marks, each.meaning)
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def _shown(option: Option) -> str:
    return f"**{option.name}" if option.name.endswith("_args") else option.name


def _default(option: Option) -> str:
    if option.default is None:
        return ""
    return "its trigger's" if option.default == "undefined" else f"`{option.default}`"
