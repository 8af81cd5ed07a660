"""Two nodes on one real store, in any order of steps and faults that hypothesis comes up with.

The steps are those of the explicit model in ``cluster/model``, made by the product's code. No thread runs: heartbeats,
sweeps and the writing of outcomes are steps too. A judge reads the tables after each step, from outside.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from threading import current_thread
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest
from cluster.rules import LEASE, Clock, Node, Stage, at
from databases import Place
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from apscheduler._engine.instants import SECOND
from apscheduler.cluster import lease as lease_module
from apscheduler.cluster import membership as membership_module
from apscheduler.cluster import points
from apscheduler.history.outcomes import Outcome
from apscheduler.history.states import FINAL, LOST, RUNNING, STATES
from apscheduler.jobstores import sqlalchemy as sqlalchemy_module
from apscheduler.jobstores._sql.changing.loading import from_float
from apscheduler.jobstores._sql.claiming.rights import LeaseOverError
from apscheduler.jobstores._sql.schema.tables import AT_MOST_ONCE
from apscheduler.runs.claims import Result
from apscheduler.testing._contract_jobs import INTERVAL, NOW, make_job, moment, once, repeating

LEASE_US = int(LEASE * SECOND)
ROUNDS = 12
"""So often the nodes act fairly in the end; after as many attempts a run that no node survives is given up."""

SIDES = st.sampled_from("AB")
IDS = st.sampled_from(("x", "y"))
DELIVERIES = st.sampled_from(("at_most_once", "at_least_once"))
CLAIM_POINTS = ("claim.begun", "claim.checked", "claim.committed", "free.taken", "free.committed")
SETTLE_POINTS = ("settle.begun", "settle.written", "settle.committed")
MEANWHILE = ("claim", "bury", "reschedule", "replace")


class Killed(BaseException):
    """The process ends here."""


class Key(NamedTuple):
    """A fire: what one row is about."""

    job_id: str
    generation: int
    fire: int


class Row(NamedTuple):
    """A fire's row."""

    state: int
    token: int
    node: int
    delivery: int
    count: int
    last: int | None
    late_word: int


class Series(NamedTuple):
    """The fire times of one generation of a job.

    :ivar first: the first of them, ``None`` while the job is paused
    :ivar step: the distance of them, 0 if there is one only
    :ivar following: the first of them that is not passed
    """

    first: int | None
    step: int
    following: int | None

    def passed(self) -> list[int]:
        """Return the fire times that have to have a row."""
        if self.first is None or self.following is None or self.following <= self.first:
            return []
        return list(range(self.first, self.following, self.step or INTERVAL))


class Work:
    """A claim in a process: its fire times run one after another."""

    def __init__(self, request, claim) -> None:
        self.request = request
        self.claim = claim
        self.started: int | None = None

    def key(self, fire: int) -> Key:
        return Key(self.claim.job.id, self.claim.generation, fire)


class Process(Node):
    """A node without threads, and the claims it holds."""

    def __init__(self, place) -> None:
        super().__init__(place)
        self.store._session.outbox._news.set()  # told already: no thread starts to write outcomes
        self.store._session.membership._thread = current_thread()  # and none to beat
        self.works: list[Work] = []
        self.done: list[tuple[Key, int]] = []

    def take(self, now: int):
        """Claim what is due, pending runs too, and hold it."""
        self.store._session.claiming.look_for_free_runs()
        claimed = self.claim(now)
        self.works += [Work(claimed.request, each) for each in claimed.batch.claims]
        return claimed

    def close(self) -> None:
        """End without a word: what waits to be written is lost, and no row is signed off."""
        self.store._ready = False
        sqlalchemy_module._living.discard(self.store)  # it has no last word when this process ends
        self.store._parts.listener.stop()
        self.store._session.roll.finish()
        self.store.engine.dispose()  # as the kernel closes what a dead process had open


def _cut() -> None:
    raise OperationalError("", {}, Exception("gone"), connection_invalidated=True)


def _kill() -> None:
    raise Killed


FAULTS = {"cut": _cut, "kill": _kill}


class Cluster(RuleBasedStateMachine):
    """The machine. ``place`` is where the tables are; they are emptied for each example."""

    def __init__(self, place, engine) -> None:
        super().__init__()
        self.place = place
        self.engine = engine
        self.clock = Clock()
        self.patches = [
            patch.object(module, "boot_us", self.clock)
            for module in (lease_module, membership_module)
        ]
        for each in self.patches:
            each.start()
        self.now = NOW
        self.nodes = {side: Process(place) for side in "AB"}
        for table in ("", "_meta", "_runs", "_nodes"):
            self._sql(f"DELETE FROM {{t}}{table}")
        for node in self.nodes.values():
            node.store._session.membership.beat()  # it joins
        self.series: dict[Key | tuple[str, int], Series] = {}
        self.passed: dict[tuple[str, int], list[int]] = defaultdict(list)  # before it was moved
        self.present: dict[str, int] = {}
        self.rows: dict[Key, Row] = {}
        self.starts: Counter[Key] = Counter()
        self.ends: Counter[tuple[Key, int]] = Counter()  # by token too

    # -- the tables, from outside ---------------------------------------------------------------------------

    def _sql(self, statement: str, **values: Any) -> list[Any]:
        with self.engine.begin() as connection:
            result = connection.execute(text(statement.format(t=self.place.table)), values)
            return list(result) if result.returns_rows else []

    def _read_rows(self) -> list[tuple[Key, Row]]:
        found = self._sql(
            "SELECT job_id, generation, fire_us, state, token, node, delivery, count, last_us, late_word "
            "FROM {t}_runs"
        )
        return [(Key(*row[:3]), Row(*row[3:])) for row in found]

    def _read_jobs(self) -> dict[str, tuple[int, int | None]]:
        """Return generation and next fire time of the jobs that are there."""
        found = self._sql(
            "SELECT j.id, COALESCE(m.generation, 0), j.next_run_time FROM {t} j "
            "LEFT JOIN {t}_meta m ON m.job_id = j.id"
        )
        return {
            job_id: (number, None if at is None else from_float(at)) for job_id, number, at in found
        }

    # -- editing ----------------------------------------------------------------------------------------------

    def _begun(self, id: str, first: int | None, step: int) -> None:
        """Take note that a job has a new schedule: its generation is one that no row knows."""
        generation, due = self._read_jobs()[id]
        assert due == first
        assert not [key for key, _ in self._read_rows() if key[:2] == (id, generation)]
        self.series[id, generation] = Series(first, step, first)
        self.present[id] = generation

    def _add(self, node: Process, id: str, delivery: str, late: int, *, repeats, coalesce) -> None:
        first = self.now - late * INTERVAL
        trigger = repeating(first) if repeats else once(first)
        options = {"delivery": delivery, "coalesce": coalesce, "max_instances": 2}
        node.store.add_job(make_job(node.scheduler, id, first, trigger=trigger, **options))
        self._begun(id, first, INTERVAL if repeats else 0)

    @initialize(delivery=DELIVERIES, repeats=st.booleans())
    def there_is_a_job(self, delivery, repeats):
        self._add(self.nodes["A"], "x", delivery, 0, repeats=repeats, coalesce=False)

    @rule(
        side=SIDES,
        id=IDS,
        delivery=DELIVERIES,
        late=st.integers(0, 2),
        repeats=st.booleans(),
        coalesce=st.booleans(),
    )
    def add_or_replace(self, side, id, delivery, late, repeats, coalesce):
        node = self.nodes[side]
        if id in self.present:
            self._remove(node, id)
        self._add(node, id, delivery, late, repeats=repeats, coalesce=coalesce)

    def _remove(self, node: Process, id: str) -> None:
        node.store.remove_job(id)
        del self.present[id]

    @precondition(lambda self: self.present)
    @rule(side=SIDES, which=st.integers(0, 1))
    def remove(self, side, which):
        self._remove(self.nodes[side], self._some_job(which))

    def _some_job(self, which: int) -> str:
        return sorted(self.present)[which % len(self.present)]

    def _modify(self, side: str, id: str, approved: dict[str, Any], first, step) -> None:
        store = self.nodes[side].store
        before = self.present[id]
        store.modify_job(store.lookup_job(id), approved)
        generation, due = self._read_jobs()[id]
        assert due == first
        if generation != before:
            self._begun(id, first, step)
            return
        known = self.series[id, generation]
        assert known.step == step, "another schedule has the generation of the old one"
        rows = [key.fire for key, _ in self._read_rows() if key[:2] == (id, generation)]
        assert first is None or first > max(rows, default=0), "a fire time with a row is due again"
        self.passed[id, generation] += known.passed()
        self.series[id, generation] = Series(first, step, first)

    @precondition(lambda self: self.present)
    @rule(side=SIDES, which=st.integers(0, 1))
    def pause(self, side, which):
        job_id = self._some_job(which)
        step = self.series[job_id, self.present[job_id]].step
        self._modify(side, job_id, {"next_run_time": None}, None, step)

    @precondition(lambda self: self.present)
    @rule(side=SIDES, which=st.integers(0, 1), shift=st.integers(-1, 1))
    def reschedule_or_resume(self, side, which, shift):
        first = self.now + shift * INTERVAL + SECOND
        changes = {"trigger": repeating(first), "next_run_time": moment(first)}
        self._modify(side, self._some_job(which), changes, first, INTERVAL)

    # -- time and faults ----------------------------------------------------------------------------------------

    @rule(share=st.sampled_from((0.5, 0.95, 1.0)))
    def the_nodes_clock_goes_on(self, share):
        self.clock.now += int(share * LEASE_US) + 1

    @rule(side=SIDES)
    def a_lease_ends_in_the_store(self, side):
        self._end_lease(self.nodes[side].epoch)

    def _end_lease(self, epoch: int) -> None:
        self._sql("UPDATE {t}_nodes SET lease_until = 0 WHERE epoch = :e", e=epoch)

    @rule(side=SIDES, signs_off=st.booleans())
    def end(self, side, signs_off):
        """End a process, in whatever it does, and start another one."""
        node = self.nodes[side]
        if signs_off:
            node.store._session.roll.leave(node.epoch)
        node.close()
        self.nodes[side] = Process(self.place)
        self.nodes[side].store._session.membership.beat()  # it joins

    @rule(side=SIDES)
    def beat(self, side):
        self.nodes[side].store._session.membership.beat()

    @rule(side=SIDES, share=st.sampled_from((0.5, 0.95)))
    def beat_and_hear_late(self, side, share):
        beat = self.nodes[side].store._session.membership.beat
        self._with_fault(side, "beat.committed", lambda: self.the_nodes_clock_goes_on(share), beat)

    @rule(side=SIDES, share=st.sampled_from((0, 0.5, 1)), ends=st.booleans())
    def watch_the_other(self, side, share, ends):
        """Part or all of what it takes to declare a living node dead: random steps seldom find the way."""
        other = self.nodes["B" if side == "A" else "A"]
        self.nodes[side].store._session.membership.beat()
        self.nodes[side].sweep()
        if ends:
            self._end_lease(other.epoch)
        self.clock.now += int(share * LEASE_US) + 1
        self.nodes[side].store._session.membership.beat()

    # -- claiming and running -------------------------------------------------------------------------------------

    def _with_fault(self, side: str, point: str | None, action, act) -> None:
        """Act, with something happening at a named point."""
        left = [action]

        def hook(name: str) -> None:
            if name == point and left:
                left.pop()()

        points.hook = hook if point is not None else None
        try:
            act()
        except Killed:
            self.end(side, signs_off=False)
        except (LeaseOverError, OperationalError) as exc:
            note(f"it raised {type(exc).__name__}")
        finally:
            points.hook = None

    def _take(self, side: str) -> None:
        claimed = self.nodes[side].take(self.now)
        if isinstance(claimed.batch.error, Killed):
            raise claimed.batch.error

    @precondition(lambda self: self.present)
    @rule(side=SIDES, later=st.integers(0, 2), starts=st.booleans())
    def claim(self, side, later, starts):
        self.now += later * INTERVAL
        self._with_fault(side, None, None, lambda: self._take(side))
        for work in self._startable(side) if starts else ():
            self._start(work)

    @precondition(lambda self: self.present)
    @rule(side=SIDES, point=st.sampled_from(CLAIM_POINTS), fault=st.sampled_from(sorted(FAULTS)))
    def claim_with_a_fault(self, side, point, fault):
        self._with_fault(side, point, FAULTS[fault], lambda: self._take(side))

    @precondition(lambda self: self.present)
    @rule(
        side=SIDES,
        point=st.sampled_from(("claim.read", "claim.planned")),
        meanwhile=st.sampled_from(MEANWHILE),
    )
    def claim_while_the_other_acts(self, side, point, meanwhile):
        other = "B" if side == "A" else "A"
        actions = {
            "claim": lambda: self._other_takes(other),
            "bury": lambda: self.watch_the_other(other, 1, ends=True),
            "reschedule": lambda: self._reschedule_all(other),
            "replace": lambda: self._replace_all(other),
        }
        self._with_fault(side, point, actions[meanwhile], lambda: self._take(side))

    def _reschedule_all(self, side: str) -> None:
        for which in range(len(self.present)):
            self.reschedule_or_resume(side, which, 0)

    def _replace_all(self, side: str) -> None:
        """Remove each job and add another one of its id, which is due at the same instant."""
        node = self.nodes[side]
        for job_id, generation in list(self.present.items()):
            following = self.series[job_id, generation].following
            late = 0 if following is None else (self.now - following) // INTERVAL
            self._remove(node, job_id)
            self._add(node, job_id, "at_most_once", late, repeats=True, coalesce=False)

    def _other_takes(self, other: str) -> None:
        try:
            self._take(other)
        except LeaseOverError:
            note("the other has no lease")

    def _startable(self, side: str) -> list[Work]:
        return [each for each in self.nodes[side].works if each.started is None]

    def _running(self, side: str) -> list[Work]:
        return [each for each in self.nodes[side].works if each.started is not None]

    @precondition(lambda self: self._startable("A") or self._startable("B"))
    @rule(side=SIDES, which=st.integers(0, 9))
    def start(self, side, which):
        works = self._startable(side)
        if works:
            self._start(works[which % len(works)])

    def _start(self, work: Work) -> None:
        """Call the function, if it may be called: the row has to say so then."""
        if not work.claim.may_start():
            return
        work.started = work.claim.unsettled[0]
        key = work.key(work.started)
        row = dict(self._read_rows())[key]
        assert (row.state, row.token, row.node) == (RUNNING, work.claim.token, work.claim.epoch)
        self.starts[key] += 1
        assert self.starts[key] == 1 or row.delivery != AT_MOST_ONCE, f"started again: {key}"

    @precondition(lambda self: self._running("A") or self._running("B"))
    @rule(side=SIDES, which=st.integers(0, 9), good=st.booleans(), writes=st.booleans())
    def finish(self, side, which, good, writes):
        works = self._running(side)
        if works:
            self._finish(self.nodes[side], works[which % len(works)], good=good)
        if writes:
            self.write_outcomes(side)

    def _finish(self, node: Process, work: Work, *, good: bool) -> None:
        """Come to an end, early or late; the outcome waits to be written."""
        outcome = Outcome.EXECUTED if good else Outcome.FAILED
        result = Result(work.started, outcome, self.now, self.now + 1000)
        assert work.request.sink.settle(work.claim, result)
        word = (work.key(work.started), work.claim.token)
        self.ends[word] += 1
        node.done.append(word)
        work.started = None
        if not work.claim.unsettled:
            work.request.sink.release(work.claim)
            node.works.remove(work)

    @precondition(lambda self: self._startable("A") or self._startable("B"))
    @rule(side=SIDES, which=st.integers(0, 9))
    def give_back(self, side, which):
        works = self._startable(side)
        if works:
            self._give_back(self.nodes[side], works[which % len(works)])

    def _give_back(self, node: Process, work: Work) -> None:
        node.store.give_back(work.claim)
        node.works.remove(work)

    @rule(side=SIDES)
    def write_outcomes(self, side):
        self.nodes[side].store._session.outbox.flush()

    @rule(side=SIDES, point=st.sampled_from(SETTLE_POINTS), fault=st.sampled_from(sorted(FAULTS)))
    def write_outcomes_with_a_fault(self, side, point, fault):
        flush = self.nodes[side].store._session.outbox.flush
        self._with_fault(side, point, FAULTS[fault], flush)

    # -- the judge ------------------------------------------------------------------------------------------------

    @invariant()
    def each_fire_has_one_row_and_keeps_its_outcome(self):
        found = self._read_rows()
        rows = dict(found)
        assert len(found) == len(rows)
        for key, old in self.rows.items():
            new = rows[key]
            assert new.token >= old.token + (new.node != old.node), f"{key}: {old} became {new}"
            if old.state >= FINAL and new != old:
                assert (old.state, new.late_word) == (LOST, 1), f"{key}: {old} became {new}"
        listed = {epoch for (epoch,) in self._sql("SELECT epoch FROM {t}_nodes")}
        for key, row in rows.items():
            if row.state == RUNNING and (key not in self.rows or self.rows[key].node != row.node):
                assert row.node in listed, f"{key} was claimed by a node that is buried"
            if row.state == STATES[Outcome.EXECUTED]:
                assert self.ends[key, row.token], f"its owner did not run {key}: {row}"
        self.rows = rows

    @invariant()
    def the_next_time_never_moves_back(self):
        jobs = self._read_jobs()
        for which in list(self.present.items()):
            job_id, generation = which
            known = self.series[which]
            if job_id not in jobs:
                assert known.step == 0, f"{job_id} is gone, though it fires again"
                self.series[which] = known._replace(following=known.first + 1)
                del self.present[job_id]
                continue
            number, following = jobs[job_id]
            assert number == generation
            assert known.following == following or known.following < following
            self.series[which] = known._replace(following=following)
        assert set(jobs) == set(self.present)

    def _late_words_were_heard(self) -> None:
        for node in self.nodes.values():
            for key, token in node.done:
                row = self.rows[key]
                assert row.state != LOST or row.token != token, f"{key} is not lost: it was run"

    def _accounted(self) -> None:
        """Each fire time that was passed is spoken of by one row, and no row speaks of others."""
        spoken: Counter[Key] = Counter()
        for key, row in self.rows.items():
            assert row.state >= FINAL, f"{key} has no outcome: {row}"
            for number in range(row.count):
                spoken[key._replace(fire=key.fire + number * INTERVAL)] += 1
        due = [
            Key(*which, fire)
            for which, each in self.series.items()
            for fire in (*self.passed[which], *each.passed())
        ]
        assert spoken == Counter(due)

    def _fair_round(self) -> None:
        """Let each node do what it has to."""
        for side, node in self.nodes.items():
            node.store._session.membership.beat()
            self._with_fault(side, None, None, lambda side=side: self._take(side))
            for work in list(node.works):
                while work in node.works:
                    if work.started is None:
                        self._start(work)
                    if work.started is None:
                        self._give_back(node, work)
                    else:
                        self._finish(node, work, good=True)
            node.store._session.outbox.flush()
        self.each_fire_has_one_row_and_keeps_its_outcome()
        self.the_next_time_never_moves_back()

    def _bury_the_dead(self) -> None:
        alive = {node.epoch for node in self.nodes.values()}
        for (epoch,) in self._sql("SELECT epoch FROM {t}_nodes"):
            if epoch not in alive:
                self._end_lease(epoch)
        self.clock.now += LEASE_US + 1

    def _run_to_the_end(self) -> None:
        for _ in range(ROUNDS):
            self._fair_round()
            self._bury_the_dead()
            if all(row.state >= FINAL for row in self.rows.values()) and self._nothing_due():
                break
        assert self._nothing_due()
        self._accounted()
        self._late_words_were_heard()

    def _nothing_due(self) -> bool:
        return all(at is None or at > self.now for _, at in self._read_jobs().values())

    def teardown(self):
        try:
            if sys.exc_info()[1] is None:
                self._run_to_the_end()
        finally:
            points.hook = None
            for node in self.nodes.values():
                node.close()
            for each in self.patches:
                each.stop()


def _play(kind: str, folder, examples: int, steps: int) -> None:
    place = Place(kind, folder)
    engine = place.engine()
    chosen = settings(
        max_examples=examples * settings.default.max_examples // 50,
        stateful_step_count=steps,
        deadline=None,
        derandomize=False,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(lambda: Cluster(place, engine), settings=chosen)
    finally:
        place.close()


@pytest.mark.slow
@pytest.mark.timeout(600)  # of a failure: hypothesis makes it small first
def test_any_order_of_steps_and_faults_keeps_the_promises_on_sqlite(tmp_path):
    _play("sqlite", tmp_path, 26, 30)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_any_order_of_steps_and_faults_keeps_the_promises_on_postgresql(tmp_path):
    _play("postgresql", tmp_path, 6, 25)


@pytest.fixture
def stage(tmp_path):
    place = Place("sqlite", tmp_path)
    stage = Stage(place)
    yield stage
    stage.close()
    place.close()


def test_a_job_replaced_between_read_and_commit_of_a_claim_keeps_its_new_schedule(stage):
    stage.a.add("job", trigger=once(NOW))

    def replace() -> None:
        stage.b.store.remove_job("job")
        stage.b.add("job", trigger=repeating(NOW))

    with at("claim.planned", replace):
        stage.a.claim()
    assert [job.id for job in stage.b.store.get_all_jobs()] == ["job"]
