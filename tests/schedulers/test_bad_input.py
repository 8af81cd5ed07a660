"""Wrong arguments: refused with what was given and the closest right name, and nothing is left half done."""

from __future__ import annotations

import copy
import pickle
import re
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from apscheduler import events as ev
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.testing import ManualScheduler
from apscheduler.triggers.interval import IntervalTrigger

BEGIN = datetime(2030, 1, 1, tzinfo=UTC)
HOURLY = {"trigger": "interval", "hours": 1}


def do_nothing():
    pass


def takes(a, b=2, *, c):
    pass


def takes_any(**named):
    pass


class Owner:
    def method(self, a):
        pass


@pytest.fixture(params=[False, True], ids=["pending", "running"])
def scheduler(request):
    """A scheduler before and after its start; whatever the test does, nothing was added."""
    made = ManualScheduler()
    if request.param:
        made.start()
    seen = []
    made.add_listener(seen.append, ev.EVENT_EVERYTHING)
    yield made
    assert made.get_jobs() == []
    assert made._pending_jobs == []
    assert seen == []


def refused(scheduler, error, words, *args, **options):
    with pytest.raises(error, match=words):
        scheduler.add_job(*(args or (do_nothing,)), **options)


# -- unknown names --------------------------------------------------------------------------------------------


def test_an_unknown_trigger_is_refused_with_the_closest_name(scheduler):
    refused(scheduler, LookupError, r"'intervall'.*did you mean 'interval'", trigger="intervall")


def test_a_trigger_like_none_of_the_known_is_refused_with_their_list(scheduler):
    refused(scheduler, LookupError, r"known are: .*cron, crontab, date, interval", trigger="zzz")


@pytest.mark.parametrize(
    ("trigger", "typo", "meant"),
    [
        ("interval", "minute", "minutes"),
        ("interval", "second", "seconds"),
        ("interval", "star_date", "start_date"),
        ("cron", "hours", "hour"),
        ("cron", "dayofweek", "day_of_week"),
        ("cron", "misfire_grace_tim", "misfire_grace_time"),
        ("date", "rundate", "run_date"),
        ("calendarinterval", "month", "months"),
    ],
)
def test_a_typo_in_a_triggers_argument_is_a_type_error_with_the_closest_name(
    scheduler, trigger, typo, meant
):
    words = f"'{trigger}' trigger.*'{typo}'.*did you mean '{meant}'"
    refused(scheduler, TypeError, words, trigger=trigger, **{typo: 1})


def test_each_argument_that_is_not_known_is_named(scheduler):
    refused(scheduler, TypeError, r"'zzz'.*'minute'", trigger="interval", zzz=1, minute=1)


@pytest.mark.parametrize(
    ("kind", "option", "add"),
    [("executor", "executor", "add_executor"), ("job store", "jobstore", "add_jobstore")],
)
def test_an_unknown_alias_is_refused_by_a_running_scheduler_with_the_closest_name(
    kind, option, add
):
    scheduler = ManualScheduler()
    scheduler.start()
    getattr(scheduler, add)({"executor": "debug", "jobstore": "memory"}[option], "reports")
    words = f"no {kind}.*'report'.*did you mean 'reports'"
    refused(scheduler, KeyError, words, **HOURLY, **{option: "report"})
    assert scheduler.get_jobs() == []


def test_an_unknown_store_of_a_pending_job_is_reported_at_the_start():
    scheduler = ManualScheduler()
    scheduler.add_job(do_nothing, **HOURLY, id="lost", jobstore="archiv")
    scheduler.add_job(do_nothing, **HOURLY, id="fine")
    scheduler.add_jobstore("memory", "archive")
    with pytest.raises(KeyError, match=r"'archiv'.*did you mean 'archive'"):
        scheduler.start()
    assert not scheduler.running
    assert [job.id for job in scheduler.get_jobs()] == ["lost"]  # it waits for a store
    scheduler.add_jobstore("memory", "archiv")
    scheduler.start()
    assert sorted(job.id for job in scheduler.get_jobs()) == ["fine", "lost"]


@pytest.mark.trap(6)
def test_a_pending_job_of_an_unknown_executor_is_kept_and_its_runs_are_errors():
    scheduler = ManualScheduler()
    told = []
    scheduler.add_listener(told.append, ev.EVENT_JOB_ERROR)
    scheduler.add_job(do_nothing, **HOURLY, id="a", executor="archiv")
    scheduler.start()
    scheduler.advance(3600)
    assert [event.job_id for event in told] == ["a"]
    assert str(told[0].exception).startswith("there is no executor 'archiv'; add_executor() it")
    assert scheduler.get_job("a").next_run_time == BEGIN + timedelta(hours=2)


@pytest.mark.parametrize(("method", "name"), [("add_executor", "debu"), ("add_jobstore", "memor")])
def test_an_unknown_plugin_is_refused_with_the_closest_name_and_the_alias_stays_free(method, name):
    scheduler = ManualScheduler()
    with pytest.raises(LookupError, match=f"'{name}'.*did you mean '{name}"):
        getattr(scheduler, method)(name, "new")
    getattr(scheduler, method)({"debu": "debug", "memor": "memory"}[name], "new")


def test_a_plugin_that_refuses_its_options_leaves_the_alias_free():
    scheduler = ManualScheduler()
    with pytest.raises(TypeError):
        scheduler.add_executor("debug", "new", max_wrokers=3)
    scheduler.add_executor("debug", "new")


# -- wrong types and values -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "value", "error"),
    [
        ("trigger", 4, TypeError),
        ("trigger", IntervalTrigger, TypeError),
        ("args", 4, TypeError),
        ("args", "text", TypeError),
        ("kwargs", 4, TypeError),
        ("kwargs", "x", ValueError),
        ("kwargs", [1], TypeError),
        ("kwargs", [("a", 1, 2)], ValueError),
        ("id", 4, TypeError),
        ("name", 4, TypeError),
        ("name", "", TypeError),
        ("misfire_grace_time", 0, TypeError),
        ("misfire_grace_time", -1, TypeError),
        ("misfire_grace_time", "soon", TypeError),
        ("max_instances", 0, TypeError),
        ("max_instances", 1.5, TypeError),
        ("max_instances", True, TypeError),
        ("next_run_time", 4, TypeError),
        ("next_run_time", "tomorrow", ValueError),
        ("executor", 4, TypeError),
        ("timeout", -1, ValueError),
        ("timeout", "1", TypeError),
    ],
)
def test_an_option_of_the_wrong_kind_is_refused_by_its_name_and_value(
    scheduler, option, value, error
):
    refused(scheduler, error, option, **{**HOURLY, option: value})


@pytest.mark.parametrize("given", [None, {}, [], "", {"c": 3}, [("c", 3)]])
def test_named_arguments_are_what_dict_takes(given):
    alone = ManualScheduler().add_job(takes_any, kwargs=given, **HOURLY)
    (among,) = ManualScheduler().add_jobs([{"func": takes_any, "kwargs": given, **HOURLY}])
    assert alone.kwargs == among.kwargs == dict(given or {})


@pytest.mark.parametrize(("given", "error"), [("x", ValueError), ([1], TypeError), (4, TypeError)])
def test_named_arguments_of_several_jobs_are_refused_alike(scheduler, given, error):
    with pytest.raises(error, match="kwargs must be a mapping"):
        scheduler.add_jobs([{"func": takes_any, "kwargs": given, **HOURLY}])


@pytest.mark.parametrize("alias", [[], {}, ["x"], {"x"}])
def test_an_alias_that_is_no_text_is_refused_at_once(scheduler, alias):
    with pytest.raises(TypeError):
        scheduler.add_job(do_nothing, jobstore=alias, **HOURLY)


@pytest.mark.parametrize("job_id", ["", "b", "a"])
def test_no_text_can_become_the_id_of_a_job_that_has_one(job_id):
    scheduler = ManualScheduler()
    scheduler.add_job(print, id="a", **HOURLY)
    with pytest.raises(ValueError, match="the id of a job cannot be changed"):
        scheduler.modify_job("a", id=job_id)


@pytest.mark.parametrize(
    ("func", "error"),
    [
        (4, TypeError),
        (None, TypeError),
        ("os", ValueError),
        ("nosuchmodule:function", LookupError),
        ("os:nosuchfunction", LookupError),
    ],
)
def test_what_cannot_be_called_is_refused(scheduler, func, error):
    refused(scheduler, error, str(func), func, **HOURLY)


@pytest.mark.trap(67)
@pytest.mark.parametrize("hours", [-1, -0.001])
def test_a_negative_interval_is_refused(scheduler, hours):
    refused(scheduler, ValueError, "negative", trigger="interval", hours=hours)


@pytest.mark.trap(61)
@pytest.mark.parametrize(
    "fields",
    [
        {"hour": 25},
        {"hour": "*/0"},
        {"hour": "*/100"},
        {"day_of_week": 7},
        {"day": "6th mon"},
        {"minute": "soon"},
    ],
)
def test_a_cron_field_out_of_range_is_refused(scheduler, fields):
    (value,) = fields.values()
    refused(scheduler, ValueError, re.escape(str(value)), trigger="cron", **fields)


@pytest.mark.parametrize(
    ("trigger", "options", "error"),
    [
        ("interval", {"hours": "1"}, TypeError),
        ("interval", {"hours": 1, "jitter": -1}, ValueError),
        ("interval", {"hours": 1, "timezone": "Europe/Berln"}, LookupError),
        ("interval", {"hours": 1, "start_date": "soon"}, ValueError),
        ("date", {"run_date": "soon"}, ValueError),
        ("date", {"run_date": 7}, TypeError),
    ],
)
def test_a_triggers_argument_of_the_wrong_kind_is_refused(scheduler, trigger, options, error):
    *_, value = options.values()
    refused(scheduler, error, re.escape(str(value)), trigger=trigger, **options)


# -- callables that do not take the arguments -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("func", "args", "kwargs", "words"),
    [
        (takes, [], {"c": 3}, "not given: a"),
        (takes, [1], {}, "not given: c"),
        (takes, [1, 2, 3], {"c": 3}, "at most 2"),
        (takes, [1], {"c": 3, "d": 4}, "not taken by name: d"),
        (takes, [1], {"a": 1, "c": 3}, "a"),
        (do_nothing, [1], {}, "at most 0"),
        (Owner().method, [], {}, "not given: a"),
        (Owner.method, [1], {}, "not given: a"),
        (partial(takes, 1), [2, 3], {"c": 3}, "at most 1"),
        ("calendar:isleap", [], {}, "not given: year"),
    ],
)
def test_arguments_that_the_callable_does_not_take_are_refused(
    scheduler, func, args, kwargs, words
):
    refused(scheduler, ValueError, words, func, args=args, kwargs=kwargs, **HOURLY)


def test_a_builtin_without_a_signature_is_taken_as_it_is():
    scheduler = ManualScheduler()
    scheduler.add_job(max, args=[1, 2], **HOURLY)
    assert len(scheduler.get_jobs()) == 1


def test_arguments_that_an_existing_job_does_not_take_change_nothing():
    scheduler = ManualScheduler()
    scheduler.start()
    job = scheduler.add_job(takes, args=[1], kwargs={"c": 3}, **HOURLY)
    with pytest.raises(ValueError, match="not given: a"):
        job.modify(args=[], name="changed")
    with pytest.raises(ValueError, match="not taken"):
        job.modify(func=do_nothing)
    assert (job.func, job.args, job.name) == (takes, (1,), "takes")


def test_rescheduling_with_a_wrong_trigger_changes_nothing():
    scheduler = ManualScheduler()
    scheduler.start()
    job = scheduler.add_job(do_nothing, **HOURLY, id="a")
    before = job.trigger
    for trigger, options in [("intervall", {}), ("interval", {"hour": 1}), (4, {})]:
        with pytest.raises((LookupError, TypeError)):
            job.reschedule(trigger, **options)
    assert (job.trigger, job.next_run_time) == (before, BEGIN + timedelta(hours=1))


def test_a_wrong_argument_of_the_decorator_is_refused_where_the_function_is_decorated(scheduler):
    decorate = scheduler.scheduled_job("interval", minute=5)
    with pytest.raises(TypeError, match="did you mean 'minutes'"):
        decorate(do_nothing)


@pytest.mark.parametrize(("limit", "outcome"), [(0, None), (-1, None), (1, "no such outcome")])
def test_a_wrong_question_to_the_ledger_is_a_value_error(limit, outcome):
    with pytest.raises(ValueError, match=r"limit|no such outcome"):
        ManualScheduler().get_runs(limit=limit, outcome=outcome)


# -- pickling -----------------------------------------------------------------------------------------------------------


@pytest.mark.trap(104)
@pytest.mark.parametrize("write", [pickle.dumps, copy.copy, copy.deepcopy])
@pytest.mark.parametrize("host", [ManualScheduler, BackgroundScheduler, BlockingScheduler])
def test_a_scheduler_is_not_pickled_or_copied(host, write):
    with pytest.raises(TypeError, match="schedulers cannot be pickled"):
        write(host(timezone=UTC))


@pytest.mark.trap(104)
def test_a_job_with_its_scheduler_among_its_arguments_is_not_pickled():
    scheduler = ManualScheduler()
    scheduler.start()
    job = scheduler.add_job(print, args=[scheduler], **HOURLY)
    with pytest.raises(TypeError, match="schedulers cannot be pickled"):
        pickle.dumps(job)


@pytest.mark.parametrize("wrong", [5, None, "print"])
def test_what_cannot_be_called_is_no_listener(wrong):
    with pytest.raises(TypeError, match="listener must be callable"):
        ManualScheduler().add_listener(wrong)
