"""Who is told which events, in which order, and what a listener may do."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import pytest

from apscheduler import events as ev
from apscheduler.executors.debug import DebugExecutor
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.testing import FakeClock, ManualScheduler

HOUR = timedelta(hours=1)
PATIENCE = 20


def do_nothing():
    pass


def fail():
    raise RuntimeError("the job's own")


@pytest.fixture
def scheduler():
    made = ManualScheduler()
    made.start()
    return made


@pytest.fixture
def background():
    made = BackgroundScheduler(timezone=UTC)
    made.start()
    yield made
    if made.running:
        made.shutdown()


def codes(scheduler, mask=ev.EVENT_EVERYTHING):
    seen = []
    scheduler.add_listener(lambda event: seen.append(event.code), mask)
    return seen


# -- masks ------------------------------------------------------------------------------------------------


@pytest.mark.trap(99)
def test_a_listener_is_told_the_codes_of_its_mask(scheduler):
    added = codes(scheduler, ev.EVENT_JOB_ADDED)
    both = codes(scheduler, ev.EVENT_JOB_ADDED | ev.EVENT_JOB_REMOVED)
    none = codes(scheduler, 0)
    scheduler.add_job(do_nothing, "interval", hours=1).remove()
    assert added == [ev.EVENT_JOB_ADDED]
    assert both == [ev.EVENT_JOB_ADDED, ev.EVENT_JOB_REMOVED]
    assert none == []


@pytest.mark.trap(99)
def test_without_a_mask_a_listener_is_told_every_code_of_3x(scheduler):
    seen = []
    scheduler.add_listener(lambda event: seen.append(event.code))
    for bit in range(20):
        scheduler._dispatch_event(ev.SchedulerEvent(1 << bit))
    assert seen == [1 << bit for bit in range(17)]
    assert sum(seen) == ev.EVENT_ALL


@pytest.mark.parametrize(
    "code", [ev.EVENT_JOB_COALESCED, ev.EVENT_JOB_CANCELLED, ev.EVENT_JOBSTORE_ERROR]
)
def test_a_new_code_reaches_only_those_who_ask_for_it(scheduler, code):
    old, new = codes(scheduler, ev.EVENT_ALL), codes(scheduler, code)
    scheduler._dispatch_event(ev.SchedulerEvent(code))
    assert (old, new) == ([], [code])


def test_a_coalesced_run_is_told_to_those_who_ask(scheduler):
    old, new = codes(scheduler, ev.EVENT_ALL), codes(scheduler, ev.EVENT_EVERYTHING)
    scheduler.add_job(do_nothing, "interval", hours=1, coalesce=True, misfire_grace_time=None)
    scheduler.clock.advance(5 * HOUR)
    scheduler.tick()
    assert ev.EVENT_JOB_COALESCED in new
    assert [code for code in new if code <= ev.EVENT_JOB_MAX_INSTANCES] == old


# -- adding and removing ------------------------------------------------------------------------------------


def test_what_cannot_be_called_is_no_listener(scheduler):
    with pytest.raises(TypeError, match="'print'"):
        scheduler.add_listener("print")


def test_a_removed_listener_is_told_nothing_more(scheduler):
    seen = []
    listener = seen.append
    scheduler.add_listener(listener, ev.EVENT_JOB_ADDED)
    scheduler.add_listener(listener, ev.EVENT_JOB_REMOVED)
    others: list[object] = []
    scheduler.add_listener(others.append, ev.EVENT_JOB_REMOVED)
    scheduler.add_listener(listener)
    scheduler.remove_listener(listener)  # it was added three times, twice of them in a row
    scheduler.add_job(do_nothing, "interval", hours=1).remove()
    assert seen == []
    assert len(others) == len(scheduler._listeners) == 1


def test_removing_a_listener_that_is_none_does_nothing(scheduler):
    scheduler.remove_listener(do_nothing)


@pytest.mark.trap(99)
def test_a_listener_may_remove_itself_and_others_while_being_told(scheduler):
    seen = []

    def first(event):
        seen.append("first")
        scheduler.remove_listener(first)
        scheduler.remove_listener(second)

    def second(event):
        seen.append("second")

    def third(event):
        seen.append("third")

    for listener in (first, second, third):
        scheduler.add_listener(listener, ev.EVENT_JOB_ADDED)
    scheduler.add_job(do_nothing, "interval", hours=1)
    scheduler.add_job(do_nothing, "interval", hours=1)
    assert seen == ["first", "second", "third", "third"]  # an event is told to who listened then


@pytest.mark.trap(99)
def test_a_listener_added_while_being_told_is_told_from_the_next_event_on(scheduler):
    late = []

    def adder(event):
        scheduler.remove_listener(adder)
        scheduler.add_listener(late.append, ev.EVENT_JOB_ADDED)

    scheduler.add_listener(adder, ev.EVENT_JOB_ADDED)
    scheduler.add_job(do_nothing, "interval", id="a", hours=1)
    scheduler.add_job(do_nothing, "interval", id="b", hours=1)
    assert [event.job_id for event in late] == ["b"]


# -- listeners that raise ---------------------------------------------------------------------------------------


@pytest.mark.trap(99)
@pytest.mark.parametrize("error", [RuntimeError, SystemExit, GeneratorExit, asyncio.CancelledError])
def test_a_listener_that_raises_disturbs_nobody(scheduler, error, caplog):
    def raising(event):
        raise error("the listener's own")

    ran = []
    scheduler.add_listener(raising, ev.EVENT_ALL)
    after = codes(scheduler, ev.EVENT_ALL)
    scheduler.add_job(ran.append, "interval", [1], hours=1)
    scheduler.advance(2 * HOUR)
    assert ran == [1, 1]
    assert after.count(ev.EVENT_JOB_EXECUTED) == 2
    assert "the listener's own" in caplog.text
    assert "raising" in caplog.text


@pytest.mark.trap(99)
@pytest.mark.parametrize("error", [RuntimeError, SystemExit, KeyboardInterrupt])
def test_a_listener_that_raises_in_the_schedulers_thread_does_not_end_it(background, error):
    done = Event()

    def raising(event):
        raise error

    background.add_listener(raising, ev.EVENT_JOB_SUBMITTED | ev.EVENT_JOB_EXECUTED)
    background.add_job(do_nothing)
    background.add_job(done.set, "interval", seconds=0.01)
    assert done.wait(PATIENCE)
    assert background._thread.is_alive()


def test_a_users_interrupt_in_the_main_thread_goes_through(scheduler):
    def interrupted(event):
        raise KeyboardInterrupt

    scheduler.add_listener(interrupted, ev.EVENT_JOB_ADDED)
    with pytest.raises(KeyboardInterrupt):
        scheduler.add_job(do_nothing, "interval", hours=1)
    assert len(scheduler.get_jobs()) == 1


# -- async listeners -----------------------------------------------------------------------------------------------


@pytest.mark.trap(91)
def test_an_async_listener_runs_to_its_end(scheduler):
    seen = []

    async def listener(event):
        await asyncio.sleep(0)
        seen.append(event.job_id)

    scheduler.add_listener(listener, ev.EVENT_JOB_EXECUTED)
    scheduler.add_job(do_nothing, id="a")
    scheduler.tick()
    assert seen == ["a"]


@pytest.mark.trap(91)
def test_an_async_listener_runs_in_the_event_loop_of_the_thread_that_tells_it(scheduler):
    seen = []

    async def main():
        told = asyncio.Event()

        async def listener(event):
            await asyncio.sleep(0)
            seen.append(asyncio.get_running_loop() is loop)
            told.set()

        loop = asyncio.get_running_loop()
        scheduler.add_listener(listener, ev.EVENT_JOB_ADDED)
        scheduler.add_job(do_nothing, "interval", hours=1)
        await asyncio.wait_for(told.wait(), PATIENCE)

    asyncio.run(main())
    assert seen == [True]


@pytest.mark.trap(91)
def test_an_async_listener_that_raises_is_reported(scheduler, caplog):
    async def listener(event):
        raise RuntimeError("the async listener's own")

    scheduler.add_listener(listener, ev.EVENT_JOB_ADDED)
    scheduler.add_job(do_nothing, "interval", hours=1)
    assert "the async listener's own" in caplog.text


@pytest.mark.trap(91)
def test_an_async_listener_that_raises_in_a_running_loop_is_reported(scheduler, caplog):
    async def listener(event):
        raise RuntimeError("the async listener's own")

    async def main():
        scheduler.add_listener(listener, ev.EVENT_JOB_ADDED)
        scheduler.add_job(do_nothing, "interval", hours=1)
        for _ in range(5):
            await asyncio.sleep(0)
        assert "the async listener's own" in caplog.text

    asyncio.run(main())


# -- listeners that call the scheduler -------------------------------------------------------------------------------


@pytest.mark.trap(21)
def test_a_listener_may_call_the_scheduler(scheduler):
    def busy(event):
        scheduler.get_jobs()
        scheduler.modify_job("other", name="seen")
        scheduler.add_job(do_nothing, "date", id=f"next {event.code}", replace_existing=True)
        scheduler.remove_job(f"next {event.code}")

    scheduler.add_job(do_nothing, "interval", id="other", hours=9)
    scheduler.add_listener(busy, ev.EVENT_JOB_EXECUTED | ev.EVENT_JOB_SUBMITTED)
    scheduler.add_job(do_nothing, id="a")
    scheduler.tick()
    assert scheduler.get_job("other").name == "seen"
    assert [job.id for job in scheduler.get_jobs()] == ["other"]


@pytest.mark.trap(21)
@pytest.mark.parametrize(
    "code",
    [ev.EVENT_JOB_ADDED, ev.EVENT_JOB_SUBMITTED, ev.EVENT_JOB_EXECUTED, ev.EVENT_JOB_REMOVED],
)
def test_a_listener_may_wait_for_another_thread_that_calls_the_scheduler(background, code):
    """No lock is held while listeners are told: else this would end only by the patience."""
    done = Event()
    ended = []

    def listener(event):
        if event.job_id != "a":
            return
        other = Thread(
            target=lambda: background.add_job(do_nothing, "interval", id="b", hours=1), daemon=True
        )
        other.start()
        other.join(PATIENCE)
        ended.append(not other.is_alive())
        done.set()

    background.add_listener(listener, code)
    background.add_job(do_nothing, id="a")
    assert done.wait(2 * PATIENCE)
    assert ended == [True]


@pytest.mark.trap(74)
def test_a_listener_may_shut_the_scheduler_down(background):
    ended = Event()

    def stop(event):
        background.shutdown(wait=False)
        ended.set()

    background.add_listener(stop, ev.EVENT_JOB_SUBMITTED)
    background.add_job(do_nothing)
    assert ended.wait(PATIENCE)
    assert not background.running


# -- order ------------------------------------------------------------------------------------------------------------------


JOB_CODES = (
    ev.EVENT_JOB_EXECUTED | ev.EVENT_JOB_ERROR | ev.EVENT_JOB_REMOVED | ev.EVENT_JOB_SUBMITTED
)


@pytest.mark.parametrize(
    ("func", "outcome"), [(do_nothing, ev.EVENT_JOB_EXECUTED), (fail, ev.EVENT_JOB_ERROR)]
)
def test_with_the_debug_executor_the_outcome_comes_before_removed_and_submitted(func, outcome):
    scheduler = ManualScheduler(executor=DebugExecutor())
    scheduler.start()
    seen = codes(scheduler, JOB_CODES)
    scheduler.add_job(func)
    scheduler.tick()
    assert seen == [outcome, ev.EVENT_JOB_REMOVED, ev.EVENT_JOB_SUBMITTED]


@pytest.mark.trap(98)
def test_with_threads_submitted_comes_before_executed_for_every_run():
    scheduler = ManualScheduler(executor=ThreadPoolExecutor(4))
    done = Event()
    order = {}

    def note(event):
        order.setdefault(event.job_id, []).append(event.code)
        executed = sum(ev.EVENT_JOB_EXECUTED in each for each in list(order.values()))
        if executed == 200:
            done.set()

    scheduler.add_listener(note, ev.EVENT_JOB_EXECUTED | ev.EVENT_JOB_SUBMITTED)
    scheduler.start()
    for number in range(200):
        scheduler.add_job(do_nothing, id=str(number), misfire_grace_time=None)
    scheduler.tick()
    assert done.wait(PATIENCE)
    scheduler.shutdown()
    expected = [ev.EVENT_JOB_SUBMITTED, ev.EVENT_JOB_EXECUTED]
    assert all(each == expected for each in order.values())


def test_with_threads_removed_comes_before_submitted_and_executed_last(background):
    done = Event()
    seen = codes(background, JOB_CODES)
    background.add_listener(lambda _: done.set(), ev.EVENT_JOB_EXECUTED)
    background.add_job(do_nothing)
    assert done.wait(PATIENCE)
    assert seen == [ev.EVENT_JOB_REMOVED, ev.EVENT_JOB_SUBMITTED, ev.EVENT_JOB_EXECUTED]


def test_listeners_are_told_in_the_order_they_were_added(scheduler):
    seen = []
    for number in range(3):
        scheduler.add_listener(lambda _, number=number: seen.append(number), ev.EVENT_JOB_ADDED)
    scheduler.add_job(do_nothing, "interval", hours=1)
    assert seen == [0, 1, 2]


def test_a_listener_that_pauses_the_scheduler_keeps_further_stores_from_being_asked():
    clock = FakeClock(datetime(2030, 1, 1, tzinfo=UTC))
    stores = {"default": MemoryJobStore(), "second": MemoryJobStore()}
    scheduler = ManualScheduler(clock=clock, jobstores=stores, timezone=UTC)
    ran = []
    scheduler.start()
    for alias in stores:
        scheduler.add_job(ran.append, "interval", [alias], seconds=10, jobstore=alias)
    scheduler.add_listener(lambda _: scheduler.pause(), ev.EVENT_JOB_SUBMITTED)
    clock.advance(10)
    scheduler.tick()
    assert ran == ["default"]
    scheduler.resume()
    scheduler.tick()
    assert ran == ["default", "second"]
    scheduler.shutdown()
