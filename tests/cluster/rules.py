"""Each rule of the protocol as a scenario, and the same rule taken out of the code: the scenario must notice.

A scenario plays two nodes in one process, step by step; nothing is left to chance or to the clock. ``mutant`` names
what to replace while it runs; with it, the scenario must fail.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest.mock import patch

from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from apscheduler._engine.instants import SECOND
from apscheduler.cluster import lease as lease_module
from apscheduler.cluster import membership as membership_module
from apscheduler.cluster import points
from apscheduler.cluster.hostclock import process_us as host_now
from apscheduler.cluster.lease import Lease
from apscheduler.cluster.membership import Membership
from apscheduler.cluster.nodes import Watch
from apscheduler.cluster.offset import Offset
from apscheduler.executors.debug import DebugExecutor
from apscheduler.history.outcomes import Outcome
from apscheduler.jobstores._sql.changing.editing import Editing
from apscheduler.jobstores._sql.changing.exchange import Exchange, Seen
from apscheduler.jobstores._sql.changing.loading import Loader, Unloadable
from apscheduler.jobstores._sql.claiming.beyond import Beyond
from apscheduler.jobstores._sql.claiming.catching_up import CatchUps
from apscheduler.jobstores._sql.claiming.chains import Chains
from apscheduler.jobstores._sql.claiming.claims import StoreClaim
from apscheduler.jobstores._sql.claiming.committing import Committing
from apscheduler.jobstores._sql.claiming.doubt import Doubts
from apscheduler.jobstores._sql.claiming.free_runs import FreeRuns
from apscheduler.jobstores._sql.claiming.outbox import Outbox
from apscheduler.jobstores._sql.claiming.passes import Claiming
from apscheduler.jobstores._sql.claiming.rights import Rights
from apscheduler.jobstores._sql.claiming.transaction import Writing
from apscheduler.jobstores._sql.connection.database import Database
from apscheduler.jobstores._sql.membership.nodes import SQLRoll
from apscheduler.jobstores.base import ClaimBatch, ClaimRequest
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.jobstores.standing import first_after
from apscheduler.testing import ManualScheduler
from apscheduler.testing import _contract_jobs as contract
from apscheduler.testing._contract_jobs import INTERVAL, NOW, claim, make_job, moment, once
from apscheduler.triggers.interval import IntervalTrigger

LEASE = 60.0


class Clock:
    """The clock that trust and observation go by."""

    def __init__(self) -> None:
        self.now = 1_000 * SECOND

    def __call__(self) -> int:
        return self.now


class Node:
    """One scheduler's store, stepped by hand."""

    def __init__(self, place) -> None:
        self.scheduler = ManualScheduler()
        self.scheduler.add_executor(DebugExecutor(), "default")
        self.store = place.store(lease=LEASE)
        self.store.start(self.scheduler, "default")

    @property
    def epoch(self) -> int:
        return self.store._session.membership.lease.epoch

    def claim(self, now: int = NOW, **options):
        return claim(self.store, now, **options)

    def add(self, job_id: str, **options):
        self.store.add_job(make_job(self.scheduler, job_id, options.pop("due", NOW), **options))

    def sweep(self) -> None:
        self.store._session.membership.sweep()
        self.store._session.claiming.look_for_free_runs()

    def close(self) -> None:
        self.store.shutdown()


class Stage:
    """Two nodes on one store."""

    def __init__(self, place) -> None:
        self.place = place
        self.clock = Clock()
        self.a = Node(place)
        self.b = Node(place)

    def rows(self, job_id: str = "job") -> list[tuple[int, int, int]]:
        """Return (state, token, attempt) of a job's runs, by fire time."""
        found = self.place.rows(
            "SELECT state, token, attempt FROM {t}_runs WHERE job_id = :id ORDER BY fire_us",
            id=job_id,
        )
        return [tuple(row) for row in found]

    def lease_ends(self, node: Node) -> None:
        """Let a node's lease be over by the store's clock."""
        self.place.change("UPDATE {t}_nodes SET lease_until = 0 WHERE epoch = :e", e=node.epoch)

    def bury(self, dead: Node, by: Node) -> None:
        """Have a node declared dead, by both clocks, and recovered."""
        self.lease_ends(dead)
        by.claim(NOW - INTERVAL)  # it joins
        by.sweep()
        self.clock.now += int(LEASE * SECOND) + 1
        by.store._session.membership.beat()

    def close(self) -> None:
        points.hook = None
        for node in (self.a, self.b):
            # Claims that a failed assertion still holds would keep a node draining beyond its test.
            node.store._session.open.clear()
            node.store._session.outbox._waiting.clear()
            node.close()


@contextmanager
def at(point: str, action: Callable[[], Any]):
    """Do something when this process comes to a named point for the first time."""
    left = [action]

    def hook(name: str) -> None:
        if name == point and left:
            left.pop()()

    points.hook = hook
    try:
        yield
    finally:
        points.hook = None
    assert not left, f"the point {point} was not reached"


def settle(claimed, outcome: Outcome = Outcome.EXECUTED) -> None:
    claimed.finish(outcome)


# -- the scenarios -----------------------------------------------------------------------------------------


def a_fire_with_a_row_is_not_claimed_again(stage: Stage) -> None:
    stage.a.add("job")
    settle(stage.a.claim())
    stage.a.store._session.outbox.flush()
    stage.place.change("UPDATE {t} SET next_run_time = :due", due=NOW / SECOND)
    assert stage.b.claim().fires == []


def a_late_word_changes_nothing(stage: Stage) -> None:
    stage.a.add("job", delivery="at_least_once", trigger=once(NOW))
    first = stage.a.claim()
    stage.bury(stage.a, by=stage.b)
    second = stage.b.claim()
    assert [each.attempt for each in second.batch.claims] == [2]
    settle(first, Outcome.FAILED)
    stage.a.store._session.outbox.flush()
    assert stage.rows() == [(1, 3, 2)]
    settle(second)
    stage.b.store._session.outbox.flush()
    assert [state for state, _, _ in stage.rows()] == [10]


def nothing_is_started_without_trust_in_the_lease(stage: Stage) -> None:
    stage.a.add("job")
    (only,) = stage.a.claim().batch.claims
    assert only.may_start()
    stage.clock.now += int(LEASE * SECOND)
    assert not only.may_start()


def trust_counts_from_before_the_heartbeat_was_sent(stage: Stage) -> None:
    stage.a.add("job")
    stage.a.claim(NOW - INTERVAL)
    sent = stage.clock.now
    beat = stage.a.store._session.roll.beat

    def slow(*args):
        stage.clock.now += int(LEASE * SECOND) // 2
        return beat(*args)

    with patch.object(stage.a.store._session.roll, "beat", slow):
        stage.a.store._session.membership.beat()
    stage.clock.now = sent + int(LEASE * SECOND) - stage.a.store._session.membership.lease.margin
    assert not stage.a.store._session.membership.lease.trusted()


def a_node_that_was_buried_meanwhile_commits_no_claim(stage: Stage) -> None:
    stage.a.add("job")
    stage.a.claim(NOW - INTERVAL)

    def bury() -> None:
        stage.bury(stage.a, by=stage.b)

    try:
        with at("claim.planned", bury):
            claimed = stage.a.claim().fires
    except RuntimeError:
        claimed = []
    assert claimed == []
    assert stage.rows() == []


def a_node_is_not_dead_before_it_was_watched_for_a_lease(stage: Stage) -> None:
    stage.a.add("job")
    stage.a.claim()
    stage.lease_ends(stage.a)
    stage.b.claim(NOW - INTERVAL)
    stage.b.sweep()
    assert stage.rows() == [(1, 1, 1)]


def a_node_is_not_dead_while_the_store_says_it_lives(stage: Stage) -> None:
    stage.a.add("job")
    stage.a.claim()
    stage.b.claim(NOW - INTERVAL)
    stage.b.sweep()
    stage.clock.now += int(LEASE * SECOND) + 1
    stage.b.store._session.membership.beat()
    assert stage.rows() == [(1, 1, 1)]


def _cut(*_: Any) -> None:
    raise OperationalError("", {}, Exception("gone"), connection_invalidated=True)


def what_was_not_committed_is_not_run(stage: Stage) -> None:
    stage.a.add("job")
    try:
        with at("claim.sealed", _cut):
            claimed = stage.a.claim().fires
    except OperationalError:
        claimed = []
    assert stage.rows() == []
    assert claimed == []


def what_was_committed_is_run_though_the_answer_was_lost(stage: Stage) -> None:
    stage.a.add("job")
    try:
        with at("claim.committed", _cut):
            claimed = stage.a.claim().fires
    except OperationalError:
        claimed = stage.a.claim().fires
    assert claimed == [("job", NOW)]


def _fails(*_: Any) -> None:
    raise RuntimeError("whatever raises here")


def _claimed_in_the_end(stage: Stage, now: int = NOW) -> list[tuple[str, int]]:
    """Return what a pass that fails and the one after it hand over."""
    try:
        first = stage.a.claim(now).fires
    except RuntimeError:
        first = []
    return first + stage.a.claim(now).fires


def what_was_committed_is_run_though_something_raised_after_it(stage: Stage) -> None:
    stage.a.add("job")
    with at("claim.committed", _fails):
        assert _claimed_in_the_end(stage) == [("job", NOW)]


def what_was_committed_is_run_though_the_next_read_raised(stage: Stage) -> None:
    stage.a.add("job", trigger=once(NOW))
    (only,) = stage.a.claim().batch.claims
    stage.a.store.give_back(only)
    stage.a.store._session.outbox.flush()
    stage.a.store._session.claiming.look_for_free_runs()
    with at("claim.read", _fails):
        assert _claimed_in_the_end(stage) == [("job", NOW)]


def the_last_run_of_a_job_keeps_its_definition(stage: Stage) -> None:
    stage.a.add("job", trigger=once(NOW))
    (only,) = stage.a.claim().batch.claims
    stage.a.store.give_back(only)
    stage.a.store._session.outbox.flush()
    stage.b.store._session.claiming.look_for_free_runs()
    assert stage.b.claim().fires == [("job", NOW)]


def a_job_that_ends_leaves_its_definition_to_what_runs(stage: Stage) -> None:
    last = NOW + INTERVAL
    twice = IntervalTrigger(
        seconds=INTERVAL // SECOND, start_date=moment(NOW), end_date=moment(last), timezone="UTC"
    )
    stage.a.add("job", delivery="at_least_once", trigger=twice)
    stage.a.claim()
    stage.b.claim(last)  # skipped: an instance runs; there is no further fire
    stage.bury(stage.a, by=stage.b)
    assert stage.b.claim(last).fires == [("job", NOW)]


def a_job_that_was_moved_meanwhile_is_not_claimed(stage: Stage) -> None:
    stage.a.add("job")

    def move() -> None:
        stage.place.change("UPDATE {t} SET next_run_time = :due", due=(NOW + INTERVAL) / SECOND)

    with at("claim.planned", move):
        assert stage.a.claim().fires == []


def an_edit_compares_what_it_was_computed_from(stage: Stage) -> None:
    """A computes a next fire time, B claims it, A writes: A's clock lags, so what it computes again is asked too."""
    stage.a.add("job")

    def fire_time(standing):
        first = first_after(standing.job.trigger, NOW - SECOND, standing, same=True)
        return {"next_run_time": moment(first)}

    claimed: list[tuple[str, int]] = []
    with at("edit.computed", lambda: claimed.extend(stage.b.claim().fires)):
        stage.a.store.edit_job(stage.a.store.lookup_job("job"), fire_time)
    assert claimed == [("job", NOW)]
    assert stage.a.store.lookup_job("job")._due == NOW + INTERVAL
    assert stage.a.claim().fires == []


def several_edits_in_a_row_hand_out_nothing_again(stage: Stage) -> None:
    """Each makes another schedule, and so a generation without a row, on a host whose clock lags by a second."""
    stage.a.add("job")
    settle(stage.a.claim())

    def change(standing):
        step = (
            2 * INTERVAL
            if standing.job.trigger.interval.total_seconds() * SECOND == INTERVAL
            else INTERVAL
        )
        trigger = IntervalTrigger(seconds=step // SECOND, start_date=moment(NOW), timezone="UTC")
        first = first_after(trigger, NOW - SECOND, standing, same=False)
        return {"trigger": trigger, "next_run_time": moment(first)}

    for _ in range(3):
        stage.b.store.edit_job(stage.b.store.lookup_job("job"), change)
        assert stage.b.store.lookup_job("job")._due > NOW
    assert stage.b.claim().fires == []


def an_edit_goes_by_the_stores_clock(stage: Stage) -> None:
    """Of a host whose clock is an hour ahead, whether it has joined or not."""
    ahead = 3600 * SECOND
    for node, joins in ((stage.a, False), (stage.b, True)):
        if joins:
            node.store._session.membership.ensure()
        with patch.object(
            node.store._session.membership.offset, "_clock", lambda: host_now() + ahead
        ):
            assert abs(node.store.clock_offset() + ahead) < SECOND


def an_edit_of_the_same_schedule_begins_no_generation(stage: Stage) -> None:
    stage.a.add("job", max_instances=2)
    settle(stage.a.claim())
    job = stage.b.store.lookup_job("job")
    stage.b.store.edit_job(job, lambda _: job._checked({"next_run_time": moment(NOW)}))
    assert stage.b.claim().fires == []


def a_job_that_is_set_back_by_its_user_runs_again(stage: Stage) -> None:
    stage.a.add("other", due=NOW + INTERVAL)
    stage.a.add("job")
    settle(stage.a.claim())
    stage.a.store._session.outbox.flush()
    job = stage.b.store.lookup_job("job")
    stage.b.store.modify_job(job, job._checked({"next_run_time": moment(NOW)}))
    assert stage.b.claim().fires == [("job", NOW)]


def instances_are_counted_over_all_nodes(stage: Stage) -> None:
    stage.a.add("job")
    stage.a.claim()
    second = stage.b.claim(NOW + INTERVAL)
    assert second.fires == []
    assert len(second.batch.skipped) == 1


def a_node_claims_what_it_can_start(stage: Stage) -> None:
    for number in range(5):
        stage.a.add(f"job-{number}")
    from apscheduler.jobstores.base import ClaimRequest

    request = ClaimRequest

    def with_slots(*args):
        return request(*args[:-1], {"default": 2})

    with patch("apscheduler.testing._contract_jobs.ClaimRequest", with_slots):
        assert len(stage.a.claim().fires) == 2
    assert len(stage.b.claim().fires) == 3


def what_a_node_cannot_take_hides_nothing(stage: Stage) -> None:
    jobs = [
        make_job(stage.a.scheduler, f"other {number:04d}", NOW - SECOND, executor="elsewhere")
        for number in range(1300)
    ]
    stage.a.store.add_jobs(jobs)
    stage.a.add("job")
    request = ClaimRequest

    def with_slots(*args):
        return request(*args[:-1], {"default": 2})

    claimed: list[tuple[str, int]] = []
    with patch("apscheduler.testing._contract_jobs.ClaimRequest", with_slots):
        for _ in range(3):
            claimed += stage.b.claim().fires
    assert claimed == [("job", NOW)]


def what_a_node_cannot_take_hides_no_free_run(stage: Stage) -> None:
    for number in range(250):
        stage.a.add(f"other {number:03d}", executor="elsewhere", trigger=once(NOW))
    stage.a.add("job", due=NOW + 1, trigger=once(NOW + 1))
    for each in stage.a.claim(NOW + 1, executors=("default", "elsewhere")).batch.claims:
        stage.a.store.give_back(each)
    stage.a.store._session.outbox.flush()
    stage.b.store._session.claiming.look_for_free_runs()
    assert stage.b.claim(NOW + 1).fires == [("job", NOW + 1)]


def a_draining_node_keeps_its_lease(stage: Stage) -> None:
    stage.a.add("job")
    kept = stage.a.claim()
    epoch = stage.a.epoch
    stage.a.store.shutdown()
    assert epoch in {row[0] for row in stage.place.rows("SELECT epoch FROM {t}_nodes")}
    settle(kept)


def transactions_are_bounded_by_the_server(stage: Stage) -> None:
    database = stage.a.store._database
    question = {
        "postgresql": "SELECT setting::int FROM pg_settings WHERE name = 'statement_timeout'",
        "mysql": "SELECT @@SESSION.innodb_lock_wait_timeout * 1000",
    }.get(database.kind)
    if question is None:
        assert stage.a.store.engine.dialect.name == "sqlite"
        return
    stage.a.store.engine.dispose()  # on MariaDB a connection that was bounded earlier stays so
    with database.transaction() as connection:
        limit = int(connection.scalar(text(question)))
    assert 0 < limit <= LEASE * 1000 / 2


def a_late_word_about_a_lost_run_is_the_truth(stage: Stage) -> None:
    stage.a.add("job", trigger=once(NOW))
    first = stage.a.claim()
    stage.bury(stage.a, by=stage.b)
    assert stage.rows() == [(16, 1, 1)]
    settle(first)
    stage.a.store._session.outbox.flush()
    assert stage.rows() == [(10, 1, 1)]


def what_cannot_be_loaded_stays(stage: Stage) -> None:
    stage.a.add("job")
    stage.place.change("UPDATE {t} SET job_state = :junk", junk=b"junk")
    assert stage.a.claim().fires == []
    assert [tuple(row) for row in stage.place.rows("SELECT id FROM {t}")] == [("job",)]


def runs_of_a_node_that_is_not_listed_are_recovered(stage: Stage) -> None:
    stage.a.add("job", trigger=once(NOW))
    stage.a.claim()
    stage.place.change("DELETE FROM {t}_nodes")
    stage.b.claim(NOW - INTERVAL)
    stage.b.sweep()
    assert stage.rows() == [(16, 1, 1)]


def a_run_taken_from_the_dead_changes_its_token(stage: Stage) -> None:
    stage.a.add("job", delivery="at_least_once", trigger=once(NOW))
    stage.a.claim()
    stage.bury(stage.a, by=stage.b)
    assert stage.rows() == [(0, 2, 2)]


def a_free_run_is_taken_by_one(stage: Stage) -> None:
    stage.a.add("job", delivery="at_least_once", trigger=once(NOW))
    (only,) = stage.a.claim().batch.claims
    stage.b.claim(NOW - INTERVAL)  # it joins
    stage.a.store.give_back(only)
    stage.a.store._session.outbox.flush()
    assert _taken_at_the_same_time(stage) == [("job", NOW)]


def _taken_at_the_same_time(stage: Stage) -> list[tuple[str, int]]:
    """Have A read what is free, B take it, and A take what it has read; return what both claim."""
    taken: list[Any] = []

    def other_takes_it() -> None:
        stage.b.store._session.claiming.look_for_free_runs()
        taken.extend(stage.b.claim().fires)

    stage.a.store._session.claiming.look_for_free_runs()
    read = FreeRuns._job

    def reads_and_waits(self, *args):
        job = read(self, *args)
        if self is stage.a.store._session.claiming._free_runs and not taken:
            other_takes_it()
        return job

    with patch.object(FreeRuns, "_job", reads_and_waits):
        mine = stage.a.claim().fires
    return sorted(taken + mine)


def _claims_by_its_clock(node: Node, now: int) -> list[tuple[str, int]]:
    """Have a node claim as a scheduler does whose time is the host's clock."""
    real = partial(ClaimRequest, is_real=True)
    with patch.object(contract, "ClaimRequest", real):
        return node.claim(now).fires


def a_claim_ahead_of_the_stores_clock_is_refused(stage: Stage) -> None:
    now = host_now()
    due = now + 30 * SECOND
    stage.a.add("job", due=due)
    stage.a.store._session.membership.ensure()  # it joins
    offset = stage.a.store._session.membership.offset
    offset._base += 60 * SECOND  # the server that was asked was another one, an hour ahead, say
    assert _claims_by_its_clock(stage.a, now) == []
    assert stage.rows() == []
    assert abs(offset.us) < SECOND, "a refusal measures again"
    assert _claims_by_its_clock(stage.a, now) == []


def a_clock_that_is_set_between_heartbeats_changes_nothing(stage: Stage) -> None:
    now = host_now()
    stage.a.add("job", due=now + 30 * SECOND)
    stage.a.store._session.membership.ensure()  # it joins
    ahead = 60 * SECOND
    with patch.object(
        stage.a.store._session.membership.offset, "_clock", lambda: host_now() + ahead
    ):
        assert _claims_by_its_clock(stage.a, now + ahead) == []
    assert stage.rows() == []


def a_node_that_is_provably_gone_is_recovered_at_once(stage: Stage) -> None:
    stage.a.add("job")
    stage.a.claim()
    with patch.object(membership_module, "is_gone", lambda *_: True):
        stage.b.store._session.membership.ensure()  # it joins
    assert stage.rows() == [(16, 1, 1)]


def a_node_that_was_taken_for_gone_and_beats_is_not_buried(stage: Stage) -> None:
    stage.a.add("job")
    claimed = stage.a.claim()

    def gone(*_) -> bool:
        stage.a.store._session.roll.beat(stage.a.epoch, int(LEASE * SECOND))
        return True

    with patch.object(membership_module, "is_gone", gone):
        stage.b.store._session.membership.ensure()
    assert stage.rows() == [(1, 1, 1)]
    settle(claimed)


def _catch_up(stage: Stage, **options: Any) -> list[int]:
    """Add a job that has ten fire times due to node A's store, and return them."""
    stage.a.add("job", due=NOW - 9 * INTERVAL, **options)
    return [NOW - back * INTERVAL for back in range(9, -1, -1)]


def a_crash_costs_a_portion_of_a_catch_up(stage: Stage) -> None:
    fires = _catch_up(stage)
    (first,) = stage.a.claim().batch.claims
    assert first.fires == fires[:1]
    stage.bury(stage.a, by=stage.b)
    assert stage.rows() == [(16, 1, 1)] + [(0, 2, 1)] * 9
    claimed = stage.b.claim()
    assert claimed.fires == [("job", fire) for fire in fires[1:]]
    assert len(claimed.batch.claims) == 1
    settle(claimed)
    stage.b.store._session.outbox.flush()
    assert stage.rows() == [(16, 1, 1)] + [(10, 3, 1)] * 9


def what_a_node_was_permitted_nobody_else_starts(stage: Stage) -> None:
    fires = _catch_up(stage)
    claimed = stage.a.claim()
    (first,) = claimed.batch.claims
    (second,) = claimed.follow(first)
    assert second.fires == fires[1:]
    stage.bury(stage.a, by=stage.b)
    assert stage.b.claim().fires == []
    assert stage.rows() == [(10, 1, 1)] + [(16, 1, 1)] * 9


def a_node_that_was_buried_is_permitted_nothing(stage: Stage) -> None:
    fires = _catch_up(stage)
    claimed = stage.a.claim()
    (first,) = claimed.batch.claims
    stage.bury(stage.a, by=stage.b)
    assert stage.b.claim().fires == [("job", fire) for fire in fires[1:]]
    assert claimed.follow(first) == []


def a_free_catch_up_is_taken_by_one(stage: Stage) -> None:
    fires = _catch_up(stage)
    (first,) = stage.a.claim().batch.claims
    stage.b.claim(NOW - INTERVAL)  # it joins
    stage.a.store.give_back(first)
    stage.a.store._session.outbox.flush()
    assert _taken_at_the_same_time(stage) == [("job", fire) for fire in fires]


# -- the rules taken out ---------------------------------------------------------------------------------------


def _settles_whatever_is_there(self, connection, item):
    runs = self._statements.tables.runs
    connection.execute(
        runs.update()
        .where(runs.c.job_id == item.claim.job.id, runs.c.fire_us == item.fire)
        .values(state=10)
    )


def _dead_by_the_stores_clock_alone(self, rows, store_now, own_now):
    return [row for row in rows if row.lease_until <= store_now]


def _dead_by_the_own_clock_alone(self, rows, store_now, own_now):
    for row in rows:
        row.lease_until = 0
    return _watched(self, rows, store_now, own_now)


_watched = Watch.dead


def _reaps_what_it_is_told(self, dead, own_epoch):
    with self._transaction() as connection:
        self._take_from(connection, dead.epoch, dead.name, [])
    return True


def _reaps_also_what_beats(self, dead, own_epoch):
    nodes = self._statements.tables.nodes
    lock = select(nodes.c.epoch, nodes.c.lease_until).where(nodes.c.epoch == dead.epoch)
    self._reap(lock, dead, own_epoch, [])
    return True


def _leaves_at_once(self, may_leave):
    _close_membership(self, lambda: True)


_close_membership = Membership.close


def _no_slots(self, current):
    current.slots, current.left = dict.fromkeys(current.slots, 1 << 30), 1 << 20
    _pages(self, current)


_pages = Claiming._claim_pages


def _reads_the_first_page_alone(self, after):
    return _read_free(self, after) if after is None else []


_read_free = FreeRuns._read


def _removes_what_it_cannot_load(self, job_id, blob, moment):
    try:
        return _load(self, job_id, blob, moment)
    except Unloadable:
        raise_after = Editing._removing
        raise_after(job_id)
        raise


_load = Loader.load_for_claim


def _keeps_the_token(self, connection, epoch, name, closed):
    freed = _take(self, connection, epoch, name, closed)
    runs = self._statements.tables.runs
    connection.execute(runs.update().where(runs.c.state == 0).values(token=1))
    return freed


_take = SQLRoll._take_from


def _takes_what_it_read(self, connection, row, request, epoch, number):
    return _take_one(self, connection, row, request, epoch, number) or True


_take_one = FreeRuns._take


def _locks_nothing(self, connection):
    return self._found


def _counts_nobody(self, connection, free):
    for each in free:
        self.running.append(each)
    return free


def _believes_its_commit(self, doubt):
    return doubt.batch


def _drops_what_it_has_claimed(self, request):
    batch = ClaimBatch()
    self._claim_into(batch, request)
    return batch


def _keeps_no_last_definition(self, connection):
    _insert(self, connection)
    runs = self._statements.tables.runs
    connection.execute(runs.update().where(runs.c.batch == self.number).values(job_state=None))


_insert = Writing._insert


def _ends_a_job_alone(self, connection, free):
    self._at_work = {}
    _move(self, connection, free)


_move = Writing._move


def _renewed_from_now(self, asked_at, epoch):
    _renewed(self, lease_module.boot_us(), epoch)


_renewed = Lease.renewed


def _compares_the_bytes_alone(self, connection, seen, values, **options):
    _write(self, connection, seen, values, **{**options, "computed": False})


_write = Exchange.write


def _begins_a_generation(self, connection, seen, values, **options):
    _write(self, connection, seen, values, **{**options, "new_schedule": True})


def _takes_a_catch_up_as_it_read_it(self, connection, key, owner):
    runs = self._tables.runs
    these = (runs.c.job_id == key[0], runs.c.lead == key[3])
    fires = connection.scalars(select(runs.c.fire_us).where(*these).order_by(runs.c.fire_us))
    found = list(fires)
    connection.execute(runs.update().where(*these).values(state=1, token=3, **owner))
    return found, 2, 1


def _permits_in_memory_alone(self, connection, found, rows):
    return found


def _permits_whatever_is_there(self, connection, found, rows):
    self._statements.permit(connection, rows)
    return found


_claimed = Exchange.claimed


def _knows_this_generation_alone(self, connection, seen, until):
    return _claimed(
        self, connection, Seen(seen.id, seen.blob, None, seen.generation, seen.generation), until
    )


@dataclass(frozen=True)
class Rule:
    """One rule: its number in the protocol, the scenario that needs it, and what takes it out."""

    number: int
    scenario: Callable[[Stage], None]
    target: Any
    name: str
    mutant: Any
    also: tuple[Any, str, Any] | None = None

    @contextmanager
    def taken_out(self):
        with ExitStack() as patches:
            patches.enter_context(patch.object(self.target, self.name, self.mutant))
            if self.also is not None:
                patches.enter_context(patch.object(*self.also))
            yield

    def __str__(self) -> str:
        return f"rule {self.number}: {self.scenario.__name__}"


RULES = (
    Rule(1, a_fire_with_a_row_is_not_claimed_again, Writing, "_find_conflicts", lambda *_: None),
    Rule(
        *(1, an_edit_compares_what_it_was_computed_from),
        *(Exchange, "write", _compares_the_bytes_alone),
    ),
    Rule(
        *(1, several_edits_in_a_row_hand_out_nothing_again),
        *(Exchange, "claimed", _knows_this_generation_alone),
    ),
    Rule(
        *(16, an_edit_goes_by_the_stores_clock),
        *(SQLAlchemyJobStore, "clock_offset", lambda _: 0),
    ),
    Rule(
        *(1, an_edit_of_the_same_schedule_begins_no_generation),
        *(Exchange, "write", _begins_a_generation),
    ),
    Rule(
        *(8, a_job_that_is_set_back_by_its_user_runs_again),
        *(Exchange, "_is_set_back", lambda *_: False),
    ),
    Rule(2, a_late_word_changes_nothing, Outbox, "_resolve", _settles_whatever_is_there),
    Rule(2, a_free_run_is_taken_by_one, FreeRuns, "_take", _takes_what_it_read),
    Rule(2, a_run_taken_from_the_dead_changes_its_token, SQLRoll, "_take_from", _keeps_the_token),
    Rule(
        *(2, what_was_committed_is_run_though_something_raised_after_it),
        *(Doubts, "settle", lambda *_: False),
    ),
    Rule(
        *(2, what_was_committed_is_run_though_the_next_read_raised),
        *(Claiming, "claim_due", _drops_what_it_has_claimed),
    ),
    Rule(3, nothing_is_started_without_trust_in_the_lease, StoreClaim, "may_start", lambda _: True),
    Rule(4, trust_counts_from_before_the_heartbeat_was_sent, Lease, "renewed", _renewed_from_now),
    Rule(
        *(5, a_node_that_was_buried_meanwhile_commits_no_claim),
        *(Rights, "check", lambda *_: None),
    ),
    Rule(
        *(6, a_node_is_not_dead_before_it_was_watched_for_a_lease),
        *(Watch, "dead", _dead_by_the_stores_clock_alone),
    ),
    Rule(
        *(6, a_node_is_not_dead_while_the_store_says_it_lives),
        *(Watch, "dead", _dead_by_the_own_clock_alone),
        also=(SQLRoll, "reap", _reaps_what_it_is_told),
    ),
    Rule(
        *(6, a_node_that_is_provably_gone_is_recovered_at_once),
        *(Membership, "_gone", lambda *_: []),
    ),
    Rule(
        *(6, a_node_that_was_taken_for_gone_and_beats_is_not_buried),
        *(SQLRoll, "reap", _reaps_also_what_beats),
    ),
    Rule(
        *(6, runs_of_a_node_that_is_not_listed_are_recovered),
        *(SQLRoll, "adopt_orphans", lambda *_: None),
    ),
    Rule(7, what_was_not_committed_is_not_run, Doubts, "_resolve", _believes_its_commit),
    Rule(8, a_job_that_was_moved_meanwhile_is_not_claimed, Writing, "_lock", _locks_nothing),
    Rule(9, instances_are_counted_over_all_nodes, Writing, "_sorted_by_fate", _counts_nobody),
    Rule(10, a_node_claims_what_it_can_start, Claiming, "_claim_pages", _no_slots),
    Rule(
        *(10, what_a_node_cannot_take_hides_nothing),
        *(Beyond, "go_on", lambda *_: False),
    ),
    Rule(
        *(10, what_a_node_cannot_take_hides_no_free_run),
        *(FreeRuns, "_read", _reads_the_first_page_alone),
    ),
    Rule(11, a_draining_node_keeps_its_lease, Membership, "close", _leaves_at_once),
    Rule(12, transactions_are_bounded_by_the_server, Database, "_bound", lambda *_: None),
    Rule(13, a_late_word_about_a_lost_run_is_the_truth, Outbox, "_resolve", lambda *_: None),
    Rule(14, what_cannot_be_loaded_stays, Loader, "load_for_claim", _removes_what_it_cannot_load),
    Rule(
        *(14, the_last_run_of_a_job_keeps_its_definition),
        *(Writing, "_insert", _keeps_no_last_definition),
    ),
    Rule(
        *(14, a_job_that_ends_leaves_its_definition_to_what_runs),
        *(Writing, "_move", _ends_a_job_alone),
    ),
    Rule(
        *(15, what_was_committed_is_run_though_the_answer_was_lost),
        *(Doubts, "_resolve", lambda *_: None),
    ),
    Rule(
        *(16, a_claim_ahead_of_the_stores_clock_is_refused),
        *(Committing, "_latest", lambda *_: 0),
    ),
    Rule(
        *(16, a_clock_that_is_set_between_heartbeats_changes_nothing),
        *(Offset, "us", property(lambda _: 0)),
        also=(Committing, "_latest", lambda *_: 0),
    ),
    Rule(
        *(17, a_crash_costs_a_portion_of_a_catch_up),
        *(SQLRoll, "_free_unstarted", lambda *_: 0),
    ),
    Rule(
        *(17, what_a_node_was_permitted_nobody_else_starts),
        *(CatchUps, "_written", _permits_in_memory_alone),
    ),
    Rule(
        *(17, a_free_catch_up_is_taken_by_one),
        *(Chains, "take", _takes_a_catch_up_as_it_read_it),
    ),
    Rule(
        *(17, a_node_that_was_buried_is_permitted_nothing),
        *(CatchUps, "_written", _permits_whatever_is_there),
    ),
)


def play(rule: Rule, place, *, taken_out: bool) -> None:
    """Play a rule's scenario, with the rule or without."""
    stage = Stage(place)
    clocks = (
        patch.object(lease_module, "boot_us", stage.clock),
        patch.object(membership_module, "boot_us", stage.clock),
    )
    with clocks[0], clocks[1]:
        Editing._removing = staticmethod(stage.a.store._parts.editing.remove)
        try:
            if taken_out:
                with rule.taken_out():
                    rule.scenario(stage)
            else:
                rule.scenario(stage)
        finally:
            del Editing._removing
            stage.close()
