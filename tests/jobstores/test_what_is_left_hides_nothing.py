"""What this node cannot take never hides what it can, at any number: among due jobs, and among free runs.

A node claims as a scheduler with two free slots does, so it reads small pages.
"""

from __future__ import annotations

import pytest
from databases import SHARED, Place
from sqlalchemy import text

from apscheduler._engine.instants import NEVER, SECOND
from apscheduler._engine.planning import plan
from apscheduler.executors.debug import DebugExecutor
from apscheduler.jobstores._sql.changing.loading import Loader
from apscheduler.jobstores.base import ClaimRequest
from apscheduler.testing import ManualScheduler
from apscheduler.testing._contract_jobs import (
    INTERVAL,
    NOW,
    Claimed,
    ContractSink,
    RaisingTrigger,
    make_job,
    once,
    repeating,
)

PLACES = ("sqlite-memory", *(pytest.param(name, marks=pytest.mark.slow) for name in SHARED))
MANY = 1400
"""More than a pass read when it stopped there."""
MORE = 6000
FREE = {"default": 2}


class Node:
    """One scheduler's store, asked by hand."""

    def __init__(self, place) -> None:
        self.scheduler = ManualScheduler()
        self.scheduler.add_executor(DebugExecutor(), "default")
        self.store = place.store(lease=600)
        self.store.start(self.scheduler, "default")

    @property
    def claiming(self):
        return self.store._session.claiming

    def add(self, *ids: str, due: int = NOW, step: int = 0, **options) -> None:
        """Add jobs that are due one after the other, the last of them at ``due``."""
        first = due - step * (len(ids) - 1)
        options.setdefault("trigger", once(due + 3600 * SECOND))
        self.store.add_jobs(
            [
                make_job(self.scheduler, job_id, first + step * at, **options)
                for at, job_id in enumerate(ids)
            ]
        )

    def add_stuck(self, count: int = MANY, *, due: int = NOW, step: int = 5000, **options) -> None:
        ids = [f"stuck {number:05d}" for number in range(count)]
        self.add(*ids, due=due, step=step, **{"executor": "elsewhere", **options})

    def ask(self, now: int = NOW, slots: dict[str, int] | None = None) -> Claimed:
        """Claim once."""
        slots = FREE if slots is None else slots

        def planned(job, due, now):
            grace = None if job._grace == NEVER else job._grace
            return plan(job._series(), due, now, coalesce=False, grace=grace, limit=100)

        request = ClaimRequest(
            now,
            2000,
            {},
            slots.__contains__,
            planned,
            lambda fire, grace: None,
            ContractSink(self.store),
            slots,
        )
        return Claimed(request, self.store.claim_due(request))

    def ask_on(self, now: int = NOW, slots: dict[str, int] | None = None) -> list[str]:
        """Claim as long as there is more, as the loop does in one pass; return the ids."""
        ids = []
        for _ in range(100):
            claimed = self.ask(now, slots)
            ids += [job_id for job_id, _ in claimed.fires]
            claimed.finish()
            if not claimed.batch.more:
                return ids
        raise AssertionError("there is more for ever")

    def close(self) -> None:
        self.store._session.open.clear()  # what a failed assertion still holds
        self.store.shutdown()


@pytest.fixture(params=PLACES)
def place(request, tmp_path):
    place = Place(request.param, tmp_path)
    yield place
    place.close()


@pytest.fixture
def nodes(place):
    made = []

    def open_one() -> Node:
        made.append(Node(place))
        return made[-1]

    yield open_one
    for each in made:
        each.close()


@pytest.fixture
def node(nodes):
    return nodes()


@pytest.fixture
def looked_at(monkeypatch):
    """Count the rows that are looked at."""
    rows = []
    load = Loader.load_for_claim
    monkeypatch.setattr(
        Loader, "load_for_claim", lambda self, *row: rows.append(row[0]) or load(self, *row)
    )
    return rows


def spoil(node: Node) -> None:
    node.add_stuck(executor="default")
    table = node.store._parts.tables.name
    with node.store.engine.begin() as connection:
        connection.execute(
            text(f"UPDATE {table} SET job_state = :junk WHERE id LIKE 'stuck%'"), {"junk": b"junk"}
        )


def raising(node: Node) -> None:
    node.add_stuck(executor="default", trigger=RaisingTrigger())


def busy(node: Node) -> None:
    node.add_stuck(executor="busy")


def refused(node: Node) -> None:
    node.add_stuck(due=NOW - 61 * SECOND)


LEFT = {
    "nobody took it for a minute": (refused, FREE),
    "its executor is not here": (Node.add_stuck, FREE),
    "its executor has no slot": (busy, {"busy": 0, **FREE}),
    "it cannot be loaded": (spoil, FREE),
    "its trigger raises": (raising, FREE),
    "they are all due at once": (lambda node: node.add_stuck(3000, step=0), FREE),
}


@pytest.mark.parametrize("kind", LEFT)
def test_due_jobs_that_are_left_hide_none_behind_them(node, kind):
    make, slots = LEFT[kind]
    make(node)
    node.add("zz wanted")
    assert node.ask_on(slots=slots) == ["zz wanted"]
    assert node.ask_on(slots=slots) == []


def test_among_many_that_are_due_at_one_instant_all_that_can_be_are_taken(node):
    node.add_stuck(3000, step=0)
    wanted = [f"stuck {number:05d} wanted" for number in range(0, 3000, 100)]
    node.add(*wanted)
    found = []
    for _ in range(len(wanted)):  # a pass has two slots
        found += node.ask_on()
    assert sorted(found) == wanted


def test_a_pass_looks_at_so_many_and_the_loop_at_all_of_them_once(node, looked_at):
    node.add_stuck(MORE)
    head = node.ask()
    assert head.batch.more
    assert MANY > len(looked_at) > 1000
    node.ask_on()
    assert set(looked_at) == {f"stuck {number:05d}" for number in range(MORE)}
    assert len(looked_at) < MORE * 1.2
    assert node.store.next_due() <= NOW + SECOND, "it looks again by itself"

    for _ in range(10):
        looked_at.clear()
        assert not node.ask(NOW + 1).batch.more
        assert len(looked_at) <= 70, "passes in quick succession look at the head, and for new ones"
    looked_at.clear()
    node.ask_on(NOW + SECOND)
    assert 1000 < len(looked_at) < MANY, "after a second some are looked at again"


def test_what_becomes_due_later_is_taken_at_once(node):
    node.add_stuck(MORE, due=NOW)
    node.ask_on()
    node.add("wanted", due=NOW + 1000)
    assert node.ask_on(NOW + 1000) == ["wanted"]


def until_found(node: Node, wanted: str, slots: dict[str, int] | None = None) -> int:
    """Return after how many seconds a job is claimed."""
    for seconds in range(1, 20):
        if wanted in node.ask_on(NOW + seconds * SECOND, slots):
            return seconds
    raise AssertionError(f"{wanted} was not claimed")


def test_what_comes_before_those_that_were_looked_at_is_found_in_turn(node):
    node.add_stuck(MORE)
    node.ask_on()
    node.add("wanted", due=NOW - 5 * 5000 * 100)
    assert until_found(node, "wanted") <= 7


def test_what_this_node_can_take_by_now_is_found_in_turn(node):
    node.add_stuck(MORE // 2, due=NOW - 20 * SECOND)
    node.add("later", due=NOW - 19 * SECOND, executor="later")
    node.add(*(f"more {number}" for number in range(MORE // 2)), executor="elsewhere")
    assert node.ask_on() == []
    assert until_found(node, "later", {"later": 1, **FREE}) <= 7


def test_slots_that_are_free_again_are_used_at_once_wherever_the_jobs_stand(node):
    node.add_stuck(MORE // 2, due=NOW - 20 * SECOND)
    ids = [f"wanted {number:03d}" for number in range(100)]
    node.add(*ids, due=NOW - 10 * SECOND, step=1000, executor="busy")
    node.add(*(f"more {number}" for number in range(MORE // 2)), executor="elsewhere")
    assert node.ask_on(slots={"busy": 0, **FREE}) == []
    found = []
    for number in range(50):
        found += node.ask_on(NOW + number, {"busy": 2, **FREE})
        assert node.ask_on(NOW + number, {"busy": 0, **FREE}) == []
    assert found == ids


def test_marks_whose_rows_are_gone_lead_on(place, node):
    node.add_stuck(3000, due=NOW)
    node.add("wanted", due=NOW + 1)
    assert node.ask().batch.more
    if place.kind == "sqlite-memory":
        node.store.remove_all_jobs()
        node.add("wanted", due=NOW + 1)
    else:
        place.change("DELETE FROM {t} WHERE id LIKE 'stuck%'")
    assert node.ask_on(NOW + 1) == ["wanted"]


def test_after_a_clock_that_was_set_back_all_are_looked_at(node):
    node.add_stuck(MANY, due=NOW + 100 * SECOND)
    assert node.ask_on(NOW + 100 * SECOND) == []
    node.add_stuck(0)
    node.add(*(f"early {number}" for number in range(MANY)), executor="elsewhere", due=NOW - 1)
    node.add("wanted", due=NOW)
    assert node.ask_on(NOW) == ["wanted"]


def test_several_nodes_take_each_job_behind_them_once(place, nodes):
    if place.kind == "sqlite-memory":
        pytest.skip("nobody shares it")
    one, two = nodes(), nodes()
    one.add_stuck(2000)
    wanted = [f"wanted {number:02d}" for number in range(20)]
    one.add(*wanted, due=NOW + 100)
    for each in (one, two):
        each.ask()
    for each in (one, two):
        each.store._session.membership.sweep()
        each.claiming.queue.apart = 5  # it lost rows to the other one
    found = []
    for _ in range(10):
        for each in (one, two):
            found += each.ask_on(NOW + 100)
    assert sorted(found) == wanted


def test_after_each_round_another_one_begins(node):
    node.add_stuck(MANY)
    node.ask_on()
    for seconds in range(1, 6):
        assert node.ask_on(NOW + seconds * SECOND) == []
    node.add("wanted", due=NOW - 1000 * 5000)
    later = [node.ask_on(NOW + seconds * SECOND) for seconds in range(6, 10)]
    assert ["wanted"] in later


def test_after_an_empty_queue_a_new_one_is_looked_at_from_its_head_on(node):
    node.add_stuck(MANY)
    node.ask_on()
    node.store.remove_all_jobs()
    assert node.ask_on() == []
    node.add_stuck(MANY, due=NOW - 20 * SECOND)
    node.add("wanted", due=NOW - 19 * SECOND)
    assert node.ask_on() == ["wanted"]


def test_what_is_refused_takes_no_room_in_a_pass(node):
    refused(node)
    node.add("wanted")
    found = node.ask().fires + node.ask().fires
    assert found == [("wanted", NOW)]


def test_where_jobs_wait_for_slots_the_rest_is_looked_at_again_by_itself(node):
    busy(node)
    node.ask_on(slots={"busy": 0, **FREE})
    assert node.store.next_due() <= NOW + SECOND


# -- free runs ---------------------------------------------------------------------------------------------------


def free(node: Node, *ids: str, **options) -> None:
    """Have runs of these jobs given back, in their order."""
    slots = {"default": 4000, "elsewhere": 4000}
    node.add(*ids, step=1000, trigger=once(NOW), **options)
    claimed = []
    while len(claimed) < len(ids):
        claimed += node.ask(NOW, slots).batch.claims
    for claim in claimed:
        node.store.give_back(claim)
    node.store._session.outbox.flush()


def free_runs_taken(node: Node, looks: int, slots: dict[str, int] | None = None) -> list[str]:
    found = []
    for _ in range(looks):
        node.claiming.look_for_free_runs()
        found += node.ask_on(slots=slots)
    return found


def test_free_runs_that_are_left_hide_none_behind_them(node):
    free(node, *(f"stuck {number:04d}" for number in range(500)), executor="elsewhere")
    free(node, "wanted")
    assert free_runs_taken(node, 1) == ["wanted"]


def test_free_runs_at_any_number_hide_none_for_long(node):
    free(node, *(f"stuck {number:04d}" for number in range(2500)), executor="elsewhere")
    free(node, "wanted")
    assert free_runs_taken(node, 4) == ["wanted"]
    slots = {"elsewhere": 1000, **FREE}
    found = free_runs_taken(node, 10, slots)
    assert sorted(found) == [f"stuck {number:04d}" for number in range(2500)]


def test_a_look_for_free_runs_is_made_again_while_some_are_left(node):
    free(node, "stuck", executor="elsewhere")
    node.claiming.look_for_free_runs()
    node.ask()
    assert node.store.next_due() <= NOW + SECOND


def test_free_runs_of_one_instant_and_number_are_all_found(place, node):
    free(node, *(f"stuck {number:04d}" for number in range(900)), executor="elsewhere")
    free(node, "zz wanted")
    with node.store.engine.begin() as connection:
        connection.execute(text(f"UPDATE {node.store._parts.tables.name}_runs SET seq = 7"))
    assert free_runs_taken(node, 2) == ["zz wanted"]


def test_no_more_free_runs_are_taken_than_there_are_slots(node):
    free(node, *(f"few {number}" for number in range(5)))
    free(node, "other", executor="elsewhere")
    node.claiming.look_for_free_runs()
    slots = {"elsewhere": 100, **FREE}
    assert node.ask(slots=slots).ids == ["few 0", "few 1", "other"]
    assert slots == {"elsewhere": 100, **FREE}


def test_free_runs_are_gone_through_again_and_again(node):
    free(node, *(f"stuck {number:04d}" for number in range(600)), executor="elsewhere")
    node.add("wanted", trigger=once(NOW), executor="later")
    (claimed,) = node.ask(slots={"later": 1}).batch.claims
    free(node, *(f"stuck {number:04d}" for number in range(600, 1200)), executor="elsewhere")
    node.store.give_back(claimed)
    node.store._session.outbox.flush()
    assert free_runs_taken(node, 4) == []
    assert free_runs_taken(node, 3, {"later": 1, **FREE}) == ["wanted"]


def test_of_a_job_with_several_free_runs_one_can_be_taken_by_itself(nodes, place):
    one = nodes()
    two = one if place.kind == "sqlite-memory" else nodes()
    at = [NOW - (2 - number) * INTERVAL for number in range(3)]
    one.add("job", due=at[0], trigger=repeating(at[0]), max_instances=3)
    for claim in [one.ask(instant).batch.claims[0] for instant in at]:
        one.store.give_back(claim)
    one.store._session.outbox.flush()
    found = []
    for node in (one, two, one):
        node.claiming.look_for_free_runs()
        claimed = node.ask(at[-1], {"default": 1})
        found += claimed.fires
        claimed.finish()
        node.store._session.outbox.flush()
    assert found == [("job", instant) for instant in at]
    assert not one.store.live_runs()
