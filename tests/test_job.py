"""Jobs: checked changes, 3.x's wire format, and what other code does with them."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from datetime import UTC, date, datetime, timedelta
from functools import partial
from unittest.mock import Mock
from zoneinfo import ZoneInfo

import pytest

from apscheduler._engine.instants import NEVER, to_us
from apscheduler.calendars import ClosedDays
from apscheduler.job import Job, new_id
from apscheduler.job_options import checked_default
from apscheduler.testing import ManualScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.calendar import CalendarTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

FIRE = datetime(2030, 1, 1, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def plain(a=1, *, k=2):
    pass


def needs_one(a):
    pass


class Owner:
    def __init__(self, name="owner"):
        self.name = name

    def method(self, *args):
        pass

    @classmethod
    def build(cls):
        pass

    @staticmethod
    def still():
        pass

    def __eq__(self, other):
        return isinstance(other, Owner) and self.name == other.name

    __hash__ = None


def make(scheduler=None, id="a", **options):
    options = {"trigger": DateTrigger(FIRE), "func": plain, "args": (), "kwargs": {}, **options}
    options.setdefault("executor", "default")
    return Job(scheduler or Mock(timezone=UTC), id, **options)


def complete(**options):
    """Return a job as it is in a store."""
    defaults = {
        "misfire_grace_time": 1,
        "coalesce": True,
        "max_instances": 1,
        "next_run_time": FIRE,
    }
    return make(**{**defaults, **options})


def shown(job):
    names = ("func", "func_ref", "args", "kwargs", "name", "misfire_grace_time", "coalesce")
    names += ("max_instances", "executor", "timeout", "next_run_time", "id")
    return {name: getattr(job, name) for name in names}


# -- changes ------------------------------------------------------------------------------------------


# Exception types are those that 3.11.3 raises for the same change.
WRONG = [
    ("id", "b", ValueError),
    ("id", "a", ValueError),
    ("id", 5, TypeError),
    ("func", 5, TypeError),
    ("func", "nocolon", ValueError),
    ("func", "nosuchmod:x", LookupError),
    ("func", "math:nosuch", LookupError),
    ("func", needs_one, ValueError),
    ("args", "abc", TypeError),
    ("args", 5, TypeError),
    ("args", None, TypeError),
    ("args", [1, 2, 3], ValueError),
    ("kwargs", 5, TypeError),
    ("kwargs", [1], TypeError),
    ("kwargs", {"zz": 1}, ValueError),
    ("name", "", TypeError),
    ("name", 5, TypeError),
    ("name", None, TypeError),
    ("misfire_grace_time", 0, TypeError),
    ("misfire_grace_time", -1, TypeError),
    ("misfire_grace_time", "5", TypeError),
    ("misfire_grace_time", True, TypeError),
    ("max_instances", 0, TypeError),
    ("max_instances", True, TypeError),
    ("max_instances", -1, TypeError),
    ("max_instances", "3", TypeError),
    ("max_instances", 1.5, TypeError),
    ("max_instances", None, TypeError),
    ("trigger", "date", TypeError),
    ("trigger", None, TypeError),
    ("executor", 5, TypeError),
    ("executor", None, TypeError),
    ("next_run_time", "rubbish", ValueError),
    ("next_run_time", 5, TypeError),
    ("timeout", "5", TypeError),
    ("timeout", 0, ValueError),
    ("timeout", -1, ValueError),
    ("timeout", float("inf"), ValueError),
    ("timeout", float("nan"), ValueError),
    ("misfire_grace_time", float("nan"), TypeError),
    ("nosuch", 1, AttributeError),
    ("_due", 1, AttributeError),
    ("func_ref", "math:sqrt", AttributeError),
]


@pytest.mark.parametrize(("name", "value", "error"), WRONG)
def test_a_wrong_change_is_refused_with_the_exception_of_3_x_and_changes_nothing(
    name, value, error
):
    job = complete()
    before = shown(job)
    with pytest.raises(error) as caught:
        job._modify(executor="other", coalesce=False, **{name: value})
    assert shown(job) == before
    assert str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("func", "math:sqrt", None),
        ("args", [1], [1]),
        ("args", iter([1]), (1,)),
        ("args", {1}, (1,)),
        ("args", {1: 2}, (1,)),
        ("kwargs", {"k": 3}, {"k": 3}),
        ("name", "x", "x"),
        ("misfire_grace_time", None, None),
        ("misfire_grace_time", 5, 5),
        ("misfire_grace_time", 1.5, 1.5),
        ("misfire_grace_time", timedelta(minutes=1), 60.0),
        ("coalesce", "yes", True),
        ("coalesce", 0, False),
        ("max_instances", 3, 3),
        ("executor", "x", "x"),
        ("next_run_time", None, None),
        ("next_run_time", "2030-01-02 00:00:00", FIRE + timedelta(days=1)),
        ("next_run_time", date(2030, 1, 2), FIRE + timedelta(days=1)),
        ("timeout", timedelta(seconds=2), 2.0),
        ("timeout", None, None),
    ],
)
def test_a_right_change_is_made(name, value, found):
    job = complete()
    job._modify(**{name: value}) if name != "func" else job._modify(func=value, args=[4])
    assert name == "func" or getattr(job, name) == found


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"next_run_time": "", "misfire_grace_time": {}}, "TypeError: misfire_grace_time"),
        ({"next_run_time": "", "trigger": 3}, "TypeError: trigger"),
        ({"trigger": 3, "max_instances": "x"}, "TypeError: max_instances"),
        ({"max_instances": "x", "coalesce": object(), "name": ""}, "TypeError: name"),
        ({"colour": 1, "next_run_time": ""}, "ValueError: next_run_time"),
        ({"colour": 1, "executor": "fast"}, "AttributeError: these attributes"),
        ({"next_run_time": "", "func": 3}, "TypeError: func"),
    ],
)
def test_of_several_wrong_changes_that_is_told_which_3_x_meets_first(changes, error):
    with pytest.raises((TypeError, ValueError, AttributeError)) as caught:
        complete()._modify(**changes)
    assert f"{caught.type.__name__}: {caught.value}".startswith(error)
    assert not isinstance(caught.value.__context__, KeyError)


def test_an_empty_id_is_a_new_one():
    assert len(make(id=None).id) == 32
    assert make(id="").id != make(id="").id


def test_ids_are_made_without_repetition():
    assert len({new_id() for _ in range(1000)}) == 1000


def test_a_misspelt_attribute_is_answered_with_the_closest_one():
    with pytest.raises(AttributeError, match="did you mean misfire_grace_time"):
        complete()._modify(misfire_gracetime=5)


def test_a_wall_time_that_does_not_exist_is_shown_as_one_that_does():
    job = complete(next_run_time=datetime(2030, 3, 31, 2, 30, tzinfo=BERLIN))
    assert job.next_run_time.isoformat() == "2030-03-31T03:30:00+02:00"


def test_a_fire_time_is_shown_in_the_zone_it_was_given_in_until_it_moves():
    job = complete(next_run_time=FIRE.astimezone(BERLIN))
    assert job.next_run_time.utcoffset() == timedelta(hours=1)
    job._due += 1_000_000
    assert job.next_run_time == FIRE + timedelta(seconds=1)


def test_the_engines_numbers_follow_the_attributes():
    job = complete(trigger=IntervalTrigger(seconds=5, timezone=UTC), misfire_grace_time=2.5)
    job._refresh()
    assert (job._step, job._grace, job._lane) == (5_000_000, 2_500_000, "default")
    job._modify(misfire_grace_time=None, timeout=3)
    job._refresh()
    assert (job._grace, job._lane) == (NEVER, None)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("coalesce", "true", True),
        ("coalesce", "no", False),
        ("max_instances", "3", 3),
        ("misfire_grace_time", "1.5", 1.5),
        ("misfire_grace_time", "none", None),
        ("timeout", "", None),
    ],
)
def test_defaults_may_be_texts_of_a_configuration_file(name, text, value):
    assert checked_default(name, text) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("max_instances", text) for text in ("x", "1.5", "", "none")),
        ("coalesce", "maybe"),
        ("misfire_grace_time", "soon"),
    ],
)
def test_a_default_that_is_no_value_is_refused(name, value):
    with pytest.raises(ValueError):
        checked_default(name, value)


# -- the life of a job ----------------------------------------------------------------------------------


def test_a_pending_job_has_no_next_run_time_yet():
    job = make()
    assert job.pending
    assert not hasattr(job, "next_run_time")
    assert "pending" in str(job)
    with pytest.raises(AttributeError, match="when the scheduler starts"):
        job.next_run_time  # noqa: B018


def test_a_job_tells_its_state():
    job = complete()
    assert (
        str(job)
        == "plain (trigger: date[2030-01-01 00:00:00 UTC], next run at: 2030-01-01 00:00:00 UTC)"
    )
    job.next_run_time = None
    assert str(job).endswith("paused)")
    assert repr(job) == "<Job (id=a name=plain)>"


def test_a_job_whose_trigger_has_no_text_is_shown_all_the_same():
    class Silent(IntervalTrigger):
        def __str__(self):
            raise RuntimeError("no words")

    job = complete(trigger=Silent(hours=1, start_date=FIRE, timezone=UTC))
    assert str(job).startswith("plain (trigger: a Silent whose text cannot be made, next run at: ")


def test_jobs_are_equal_by_their_id():
    assert make(id="a") == make(id="a", name="other")
    assert make(id="a") != make(id="b")
    assert make() != "a"
    with pytest.raises(TypeError):
        hash(make())


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda job: job.modify(name="x"), ("modify_job", ("a", "store"), {"name": "x"})),
        (
            lambda job: job.reschedule("cron", hour=1),
            ("reschedule_job", ("a", "store", "cron"), {"hour": 1}),
        ),
        (lambda job: job.pause(), ("pause_job", ("a", "store"), {})),
        (lambda job: job.resume(), ("resume_job", ("a", "store"), {})),
        (lambda job: job.remove(), ("remove_job", ("a", "store"), {})),
    ],
    ids=["modify", "reschedule", "pause", "resume", "remove"],
)
def test_a_mock_may_stand_for_the_scheduler(call, expected):
    scheduler = Mock(timezone=UTC)
    job = make(scheduler)
    job._jobstore_alias = "store"
    result = call(job)
    name, args, kwargs = expected
    getattr(scheduler, name).assert_called_once_with(*args, **kwargs)
    assert result is (None if name == "remove_job" else job)


def test_due_times_up_to_an_instant_are_listed():
    job = complete(trigger=IntervalTrigger(seconds=10, start_date=FIRE, timezone=UTC))
    assert job._get_run_times(FIRE - timedelta(seconds=1)) == []
    assert job._get_run_times(FIRE) == [FIRE]
    late = job._get_run_times(FIRE + timedelta(seconds=25))
    assert [(each - FIRE).total_seconds() for each in late] == [0, 10, 20]


def test_due_times_that_calendars_close_are_not_listed():
    every_day = IntervalTrigger(days=1, start_date=FIRE, timezone=UTC)
    trigger = CalendarTrigger(every_day, ClosedDays([date(2030, 1, 2)]))
    due = complete(trigger=trigger)._get_run_times(FIRE + timedelta(days=3))
    assert [each.day for each in due] == [1, 3, 4]


def test_a_paused_job_has_no_due_times():
    assert complete(next_run_time=None)._get_run_times(FIRE) == []


# -- the wire format ------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"timeout": 5}, {"next_run_time": None}], ids=str)
def test_a_job_survives_a_pickle(options):
    job = complete(args=[1], kwargs={"k": [2]}, name="named", **options)
    back = pickle.loads(pickle.dumps(job))
    assert shown(back) == shown(job)
    assert str(back.trigger) == str(job.trigger)
    assert (back._scheduler, back._jobstore_alias) == (None, None)
    assert (back._running, back._busy, back._last) == (0, 0, 0)


def test_the_state_has_the_keys_of_3_x_and_a_timeout_only_where_there_is_one():
    keys = {
        *("version", "id", "func", "trigger", "executor", "args", "kwargs", "name"),
        *("misfire_grace_time", "coalesce", "max_instances", "next_run_time"),
    }
    assert complete().__getstate__().keys() == keys
    assert complete(timeout=5).__getstate__().keys() == keys | {"timeout"}


def test_a_job_is_made_from_a_state_of_3_x_alone():
    state = {**complete().__getstate__(), "args": [1]}
    job = Job.__new__(Job)
    job.__setstate__(state)
    assert (job.id, job.args, job.timeout, job.next_run_time) == ("a", [1], None, FIRE)
    job._refresh()


def test_a_state_of_a_later_version_is_refused():
    job = Job.__new__(Job)
    with pytest.raises(ValueError, match="version 2"):
        job.__setstate__({**complete().__getstate__(), "version": 2})


@pytest.mark.parametrize(
    ("func", "args", "ref", "written"),
    [
        (Owner("x").method, (1,), "Owner.method", (Owner("x"), 1)),
        (Owner.build, (), "Owner.build", ()),
        (Owner.still, (), "Owner.still", ()),
        (Owner, (), "Owner", ()),
    ],
    ids=["method", "classmethod", "staticmethod", "class"],
)
def test_callables_of_classes_are_written_by_reference(func, args, ref, written):
    state = complete(func=func, args=args).__getstate__()
    assert state["func"] == f"{__name__}:{ref}"
    assert state["args"] == written


@pytest.mark.parametrize("func", [lambda: None, partial(plain)], ids=["lambda", "partial"])
def test_a_callable_without_a_name_runs_in_memory_and_cannot_be_written(func):
    job = complete(func=func)
    assert job.func_ref is None
    with pytest.raises(ValueError, match="cannot be written down"):
        job.__getstate__()


def test_a_reference_is_kept_as_it_was_given():
    assert complete(func="os.path:join", args=("a",)).__getstate__()["func"] == "os.path:join"


# -- what other code does with jobs -----------------------------------------------------------------------


def test_subclasses_may_add_attributes_and_survive_a_pickle():
    job = Special(
        Mock(timezone=UTC), "a", trigger=DateTrigger(FIRE), func=plain, args=(), kwargs={}
    )
    job._modify(
        misfire_grace_time=1, coalesce=True, max_instances=1, executor="x", next_run_time=FIRE
    )
    job.extra = 5
    assert job.extra == 5
    assert type(pickle.loads(pickle.dumps(job))) is Special


class Special(Job):
    pass


def test_jobs_can_be_referred_to_weakly():
    job = make()
    reference = weakref.ref(job)
    assert reference() is job
    del job
    gc.collect()
    assert reference() is None


def test_jobs_take_no_attributes_of_their_own():
    with pytest.raises(AttributeError):
        make().nosuch = 1


def test_each_slot_of_a_live_job_can_be_read():
    scheduler = ManualScheduler()
    scheduler.start()
    job = scheduler.add_job(plain, "interval", seconds=5, id="a")
    for name in Job.__slots__:
        getattr(job, name)
    assert {"_scheduler", "_jobstore_alias", "next_run_time", "__weakref__"} <= set(Job.__slots__)


def test_a_job_can_be_copied():
    job = complete()
    assert shown(copy.copy(job)) == shown(job)


class InNoZone(BaseTrigger):
    """A trigger of someone else's, without a zone of its own."""

    def get_next_fire_time(self, previous_fire_time, now):
        return now


def test_fire_times_of_a_foreign_trigger_are_shown_in_the_schedulers_zone():
    job = complete(scheduler=Mock(timezone=BERLIN), trigger=InNoZone())
    assert job._at(to_us(FIRE)).utcoffset() == timedelta(hours=1)


def test_a_list_of_arguments_stays_one_when_it_is_changed():
    scheduler = ManualScheduler()
    job = scheduler.add_job(print, "interval", hours=1, args=[1])
    assert job.args == (1,)
    assert job.modify(args=[2]).args == [2]
    assert job.modify(args=(3,)).args == (3,)
