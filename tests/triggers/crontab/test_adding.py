"""The crontab trigger as users reach it: by name, through stores and pickles."""

from __future__ import annotations

import io
import pickle
from datetime import UTC, datetime
from itertools import islice

import pytest
import pytz
from dateutil.tz import gettz

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.crontab import CrontabTrigger

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def work(*args: object) -> None:
    pass


@pytest.fixture
def scheduler():
    scheduler = BackgroundScheduler(timezone="Europe/Berlin")
    scheduler.start(paused=True)
    yield scheduler
    scheduler.shutdown()


def test_the_third_positional_argument_is_the_expression(scheduler):
    job = scheduler.add_job(work, "crontab", "0 10 * * 1-5", id="a")
    assert job.trigger.expression == "0 10 * * 1-5"
    assert str(job.trigger.timezone) == "Europe/Berlin"
    assert job.args == ()


def test_the_expression_may_be_named_and_args_be_args(scheduler):
    job = scheduler.add_job(work, "crontab", [1], expression="@daily", dst="ocps")
    assert job.args == (1,)
    assert (job.trigger.expression, job.trigger.dst) == ("@daily", "ocps")


def test_an_option_that_does_not_exist_is_named_with_the_closest_one(scheduler):
    with pytest.raises(TypeError, match="did you mean 'lenient'"):
        scheduler.add_job(work, "crontab", "@daily", leniant=True)


def test_the_decorator_takes_the_expression_too(scheduler):
    scheduler.scheduled_job("crontab", "5 4 * * sun", id="deco")(work)
    assert scheduler.get_job("deco").trigger.expression == "5 4 * * sun"


def test_h_is_the_jobs_own_and_stable(scheduler):
    made = CrontabTrigger("H H * * *", timezone="UTC")
    jobs = [scheduler.add_job(work, made, id=f"job {number}") for number in range(20)]
    times = {job.trigger.get_next_fire_time(None, NOW).time() for job in jobs}
    assert len(times) > 15
    again = made.for_job("job 7")
    assert again.get_next_fire_time(None, NOW) == jobs[7].trigger.get_next_fire_time(None, NOW)
    assert again.get_next_fire_time(None, NOW) == datetime(2026, 1, 1, 16, 56, tzinfo=UTC)


def test_h_follows_a_job_through_rescheduling_and_combining(scheduler):
    job = scheduler.add_job(work, "crontab", "H 3 * * *", id="x")
    job.reschedule("crontab", expression="H 4 * * *")
    assert scheduler.get_job("x").trigger.job_id == "x"
    both = OrTrigger([CrontabTrigger("H 3 * * *"), CrontabTrigger("@daily")])
    job.modify(trigger=both)
    assert [t.job_id for t in scheduler.get_job("x").trigger.triggers] == ["x", None]


def test_exported_jobs_come_back_with_their_triggers(scheduler):
    for number, expression in enumerate(["H(0-29)/10 3 * * *", "0 0 L * *", "@reboot"]):
        scheduler.add_job(work, "crontab", expression, id=str(number), dst="ocps")
    file = io.StringIO()
    scheduler.export_jobs(file)
    times = {job.id: (repr(job.trigger), job.next_run_time) for job in scheduler.get_jobs()}
    scheduler.remove_all_jobs()
    scheduler.import_jobs(io.StringIO(file.getvalue()))
    assert {job.id: (repr(job.trigger), job.next_run_time) for job in scheduler.get_jobs()} == times
    assert len(times) == 3


def test_an_equal_schedule_keeps_its_time_on_request_and_another_does_not(scheduler):
    def added(expression: str, **options: object) -> datetime:
        job = scheduler.add_job(
            work, "crontab", expression, id="k", replace_existing=True, **options
        )
        return job.next_run_time

    scheduler.add_job(work, "crontab", "0 3 * * *", id="k", next_run_time=NOW)
    assert added("0 3 * * *", keep_next_run_time=True) == NOW
    assert added("0 3 * * *", keep_next_run_time=True, dst="ocps") != NOW


def test_h_without_a_job_says_what_to_do():
    made = CrontabTrigger("H * * * *")
    for ask in (made.get_next_fire_time, made.get_previous_fire_time):
        with pytest.raises(ValueError, match="for_job"):
            ask(None, NOW)


@pytest.mark.parametrize(
    "made",
    [
        CrontabTrigger("0 10 * * 1-5", timezone="Europe/Berlin"),
        CrontabTrigger("0 22-2 L-3 * *", timezone="UTC", lenient=True),
        CrontabTrigger("H(0-29)/10 * * * *", timezone="UTC", jitter=3, dst="ocps").for_job("j"),
        CrontabTrigger("@daily", "Asia/Tokyo", "2026-01-05", "2026-03-05", dst="utc-line"),
        CrontabTrigger("@reboot", timezone="UTC"),
    ],
)
def test_what_is_pickled_comes_back_the_same(made):
    copy = pickle.loads(pickle.dumps(made))
    assert repr(copy) == repr(made)
    assert copy.__getstate__() == made.__getstate__()
    assert copy.previous_us(10**15) == made.previous_us(10**15)


@pytest.mark.trap(46)
@pytest.mark.trap(47)
@pytest.mark.parametrize("dst", ["debian", "ocps", "utc-line"])
def test_zones_of_other_libraries_fire_alike(dst):
    zones = ["Europe/Berlin", pytz.timezone("Europe/Berlin"), gettz("Europe/Berlin")]
    start = datetime(2026, 3, 28, tzinfo=UTC)
    found = [
        [fire.astimezone(UTC) for fire in islice(made.fire_times(start), 400)]
        for made in (CrontabTrigger("30 2,3 * * *", zone, dst=dst) for zone in zones)
    ]
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 400
