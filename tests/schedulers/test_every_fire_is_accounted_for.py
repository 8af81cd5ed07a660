"""The promise in one test: each due time of each job ends in exactly one outcome, whatever is done to the jobs."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.testing import FakeClock, ManualScheduler

START = datetime(2030, 3, 31, 0, 59, 50, tzinfo=UTC)  # ten seconds before Berlin's clocks jump
SECONDS = st.integers(min_value=1, max_value=40)


def noop(fail: bool) -> None:
    if fail:
        raise ValueError("as asked")


def due_times(job, now):
    """Return the due times of a job up to now, by the public methods alone."""
    times, moment = [], job.next_run_time
    while moment is not None and moment <= now:
        times.append(moment)
        moment = job.trigger.get_next_fire_time(moment, now)
    return times


class Accounts(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.scheduler = ManualScheduler(
            clock=FakeClock(START),
            timezone="Europe/Berlin",
            jobstores={"default": MemoryJobStore(history=100_000)},
        )
        self.scheduler.start()
        self.names = 0
        self.expected: Counter[str] = Counter()
        self.ran: list[tuple[str, datetime]] = []

    def ids(self):
        return [job.id for job in self.scheduler.get_jobs()]

    @rule(
        seconds=SECONDS,
        coalesce=st.booleans(),
        grace=st.sampled_from([None, 1, 5, 0.5]),
        fail=st.booleans(),
        offset=st.integers(-50, 50),
    )
    def add_interval(self, seconds, coalesce, grace, fail, offset):
        self.names += 1
        self.scheduler.add_job(
            noop,
            "interval",
            args=(fail,),
            seconds=seconds,
            id=str(self.names),
            coalesce=coalesce,
            misfire_grace_time=grace,
            next_run_time=self.scheduler.clock.now() + timedelta(seconds=offset),
        )

    @rule(second=st.sampled_from(["*/7", "0", "13,14", "*"]), coalesce=st.booleans())
    def add_cron(self, second, coalesce):
        self.names += 1
        self.scheduler.add_job(
            noop, "cron", args=(False,), second=second, id=str(self.names), coalesce=coalesce
        )

    @rule(offset=st.integers(-50, 50))
    def add_date(self, offset):
        self.names += 1
        when = self.scheduler.clock.now() + timedelta(seconds=offset)
        self.scheduler.add_job(noop, "date", args=(False,), run_date=when, id=str(self.names))

    @precondition(lambda self: self.ids())
    @rule(data=st.data(), change=st.sampled_from(["pause", "resume", "remove", "move", "faster"]))
    def change(self, data, change):
        job = self.scheduler.get_job(data.draw(st.sampled_from(self.ids())))
        if change == "move":
            offset = timedelta(seconds=data.draw(st.integers(-60, 60)))
            job.modify(next_run_time=self.scheduler.clock.now() + offset)
        elif change == "faster":
            job.reschedule("interval", seconds=data.draw(SECONDS))
        else:
            getattr(job, change)()

    @rule(seconds=st.integers(-30, 400))
    def tick_after(self, seconds):
        """Let the clock jump, as after a suspend or a correction, and look once."""
        clock = self.scheduler.clock
        clock.set(clock.now() + timedelta(seconds=seconds))
        for job in self.scheduler.get_jobs():
            times = due_times(job, clock.now())
            self.expected[job.id] += len(times)
            self.ran += [(job.id, time.astimezone(UTC)) for time in times]
        self.scheduler.tick()

    @invariant()
    def each_due_time_has_one_outcome(self):
        rows = self.scheduler.get_runs(limit=100_000)
        counted: Counter[str] = Counter()
        for row in rows:
            counted[row.job_id] += row.count
        assert counted == +self.expected
        known = Counter(self.ran)
        single = Counter(
            (row.job_id, row.fire_time.astimezone(UTC)) for row in rows if row.count == 1
        )
        assert single <= known

    @invariant()
    def nothing_that_is_due_is_left_behind(self):
        pending = [job for job in self.scheduler.get_jobs() if job.next_run_time is not None]
        assert self.scheduler._jobstores["default"].get_next_run_time() == min(
            (job.next_run_time for job in pending), default=None
        )

    def teardown(self):
        self.scheduler.shutdown()


TestAccounts = Accounts.TestCase
TestAccounts.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, derandomize=True
)
