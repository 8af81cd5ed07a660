"""``@reboot``: once at each start of a scheduler, whatever store the job is in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from databases import SHARED, Place

from apscheduler.calendars import ClosedDays
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.testing import DictStore, FakeClock, ManualScheduler
from apscheduler.triggers.calendar import CalendarTrigger
from apscheduler.triggers.combining import AndTrigger, OrTrigger
from apscheduler.triggers.crontab import CrontabTrigger

NOW = datetime(2030, 1, 1, tzinfo=UTC)
runs: list[str] = []


def note(name: str) -> None:
    runs.append(name)


@pytest.fixture(autouse=True)
def no_runs():
    runs.clear()


@pytest.fixture(params=SHARED)
def place(request, tmp_path):
    found = Place(request.param, tmp_path)
    yield found
    found.close()


@pytest.fixture(params=[*SHARED, "plain"])
def store(request, tmp_path):
    """Return what gives the store of one start after another, all on the same jobs."""
    if request.param == "plain":
        kept = DictStore()
        yield lambda: kept
    else:
        found = Place(request.param, tmp_path)
        yield found.store
        found.close()


def started(jobstore: object, *, paused: bool = False) -> ManualScheduler:
    scheduler = ManualScheduler(jobstores={"default": jobstore})
    scheduler.start(paused=paused)
    return scheduler


def later(scheduler: ManualScheduler) -> None:
    """Look now and in a year (a shared store polls, so the clock jumps instead of advancing)."""
    scheduler.tick()
    scheduler.clock.advance(timedelta(days=365))
    scheduler.tick()


def test_it_runs_once_at_the_first_start_in_memory():
    scheduler = ManualScheduler(jobstores={"default": MemoryJobStore()})
    scheduler.add_job(note, "crontab", "@reboot", kwargs={"name": "hello"})
    scheduler.start()
    later(scheduler)
    assert runs == ["hello"]
    (job,) = scheduler.get_jobs()
    assert "waits for the next start" in str(job)
    scheduler.shutdown()


def test_it_runs_once_at_each_start(store):
    scheduler = started(store())
    scheduler.add_job(note, "crontab", "@reboot", id="a", kwargs={"name": "a"})
    later(scheduler)
    assert runs == [], "added after the start"
    scheduler.shutdown()
    for count in (1, 2, 3):
        scheduler = started(store())
        later(scheduler)
        assert len(runs) == count
        scheduler.shutdown()


def test_it_waits_while_a_start_is_paused(store):
    scheduler = started(store())
    scheduler.add_job(note, "crontab", "@reboot", id="a", kwargs={"name": "a"})
    scheduler.shutdown()
    scheduler = started(store(), paused=True)
    scheduler.clock.advance(timedelta(hours=1))
    scheduler.tick()
    assert runs == []
    for _ in range(2):
        scheduler.resume()
        later(scheduler)
        scheduler.pause()
    assert runs == ["a"]
    scheduler.shutdown()


def test_a_paused_job_stays_paused(store):
    scheduler = started(store())
    scheduler.add_job(note, "crontab", "@reboot", id="a", kwargs={"name": "a"})
    scheduler.pause_job("a")
    scheduler.shutdown()
    scheduler = started(store())
    later(scheduler)
    assert runs == []
    scheduler.resume_job("a")
    later(scheduler)
    assert runs == [], "resumed after the start"
    scheduler.shutdown()
    scheduler = started(store())
    later(scheduler)
    assert runs == ["a"]
    scheduler.shutdown()


def test_each_of_several_processes_makes_it_due_at_its_start(place):
    store = place.store
    first = started(store())
    first.add_job(note, "crontab", "@reboot", id="a", kwargs={"name": "a"})
    second, third = started(store()), started(store())  # before anybody looked: one run
    for scheduler in (first, second, third):
        scheduler.tick()
    assert runs == ["a"]
    fourth = started(store())
    for scheduler in (first, second, third, fourth):
        scheduler.tick()
    assert runs == ["a", "a"]
    for scheduler in (first, second, third, fourth):
        scheduler.shutdown()


def test_a_store_that_fails_at_the_start_is_reported_and_the_others_go_on(caplog):
    class Failing(DictStore):
        def get_all_jobs(self):
            raise OSError("away")

    scheduler = ManualScheduler(jobstores={"default": MemoryJobStore(), "theirs": Failing()})
    scheduler.add_job(note, "crontab", "@reboot", kwargs={"name": "a"})
    scheduler.start()
    scheduler.tick()
    assert runs == ["a"]
    assert "job store 'theirs' do not run at this start" in caplog.text
    scheduler.shutdown()


class Reachable(DictStore):
    """Can be reached, or cannot."""

    away = False

    def asked(self, method):
        if self.away:
            raise ConnectionRefusedError(111, "Connection refused")


def test_in_a_store_that_is_away_at_the_start_it_runs_once_when_that_answers(caplog):
    store = Reachable()
    scheduler = started(store)
    scheduler.add_job(note, "crontab", "@reboot", id="a", kwargs={"name": "a"})
    scheduler.shutdown()
    store.away = True
    scheduler.start()
    scheduler.tick()
    assert "'default' is not reachable (Connection refused); its jobs wait" in caplog.text
    assert "@reboot" not in caplog.text
    scheduler.shutdown()
    scheduler.start()
    scheduler.tick()
    store.away = False
    scheduler.advance(30)
    assert runs == ["a"]
    scheduler.advance(30)
    assert runs == ["a"]
    scheduler.shutdown()


def under_calendar() -> CalendarTrigger:
    return CalendarTrigger(CrontabTrigger("@reboot", timezone="UTC"), ClosedDays([NOW.date()]))


@pytest.mark.parametrize("make", [lambda: CrontabTrigger("@reboot"), under_calendar])
@pytest.mark.parametrize("kind", [OrTrigger, AndTrigger])
def test_it_cannot_be_combined_with_fire_times(kind, make):
    with pytest.raises(ValueError, match="give it a job of its own"):
        kind([CrontabTrigger("@daily"), make()])


def test_the_trigger_alone_has_no_fire_times():
    trigger = CrontabTrigger("@reboot", timezone="UTC")
    for each in (trigger, under_calendar()):
        assert each.get_next_fire_time(None, NOW) is None
        assert each.get_next_fire_time(NOW, NOW) is None
    assert trigger.get_previous_fire_time(None, NOW) is None
    assert list(trigger.fire_times(NOW)) == []


def test_under_a_calendar_it_runs_at_each_start_on_an_open_day():
    closed = [NOW.date() + timedelta(days=1)]
    kept = DictStore()
    scheduler = started(kept)
    trigger = CalendarTrigger(CrontabTrigger("@reboot"), [ClosedDays(closed)])
    assert trigger.at_start
    scheduler.add_job(note, trigger, id="a", kwargs={"name": "a"})
    scheduler.shutdown()
    outcomes = []
    for day in range(3):
        scheduler = ManualScheduler(
            jobstores={"default": kept}, clock=FakeClock(NOW + timedelta(days=day, hours=1))
        )
        scheduler.start()
        later(scheduler)
        outcomes += [(str(run.outcome), run.reason) for run in scheduler.get_runs()]
        scheduler.shutdown()
    assert runs == ["a", "a"]
    assert [outcome for outcome, _ in outcomes] == ["executed", "skipped", "executed"]
    assert "2030-01-02" in outcomes[1][1]


def test_a_named_calendar_decides_at_each_start_and_a_drop_is_recorded_with_its_reason(store):
    starts = [NOW + timedelta(days=400 * number) for number in range(4)]
    outcomes = []
    for number, begun in enumerate(starts):
        scheduler = ManualScheduler(jobstores={"default": store()}, clock=FakeClock(begun))
        scheduler.add_calendar("works", ClosedDays({starts[2].date(): "inventory"}))
        scheduler.start()
        if not number:
            trigger = CalendarTrigger(CrontabTrigger("@reboot", timezone="UTC"), "works")
            scheduler.add_job(note, trigger, id="a", kwargs={"name": "a"})
        later(scheduler)
        outcomes.append([(run.outcome, run.reason) for run in scheduler.get_runs(since=begun)])
        scheduler.shutdown()
    why = "closed by calendar 'works': 2032-03-11 is inventory"
    assert outcomes == [[], [("executed", None)], [("skipped", why)], [("executed", None)]]
    assert runs == ["a", "a"]


def test_a_calendar_cannot_move_it():
    with pytest.raises(ValueError, match="has none of its own; it can only be dropped"):
        CalendarTrigger(CrontabTrigger("@reboot"), [ClosedDays([NOW.date()])], closed="next")
