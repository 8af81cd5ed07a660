"""What one pass claims of a queue, what it leaves, and when it comes again."""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import patch

import pytest
from jobstores.stages import (
    Unwritable,
    add,
    ask,
    numbered,
)
from sqlalchemy.exc import DataError

from apscheduler._engine.instants import NEVER, SECOND
from apscheduler.jobstores._sql.claiming.passes import Claiming
from apscheduler.jobstores._sql.guarding.strangers import Strangers
from apscheduler.testing._contract_jobs import INTERVAL, NOW

# -- how much -----------------------------------------------------------------------------------------------------


def test_a_queue_that_is_claimed_whole_leaves_nothing_to_look_at(node):
    add(node, "a", "b")
    with patch.object(Strangers, "met") as met:
        claimed = ask(node, 10)
    assert claimed.ids == ["a", "b"]
    assert not claimed.batch.more
    assert not node.store._session.claiming.left.starved
    assert node.store.next_due() is None
    ((rows,),) = (call.args for call in met.call_args_list)
    assert [row[0] for row in rows] == ["a", "b"], "a stranger's doings are seen in these"


def test_of_a_queue_as_much_is_claimed_as_there_are_slots_for(node):
    add(node, *numbered(5))
    claimed = ask(node, 3)
    assert claimed.ids == numbered(3)
    assert node.store._session.claiming.left.starved
    assert not claimed.batch.more


def test_of_a_queue_no_more_is_claimed_than_the_limit_and_the_rest_at_once(node):
    add(node, *numbered(5))
    first = ask(node, 10, limit=3)
    assert first.ids == numbered(3)
    assert first.batch.more
    assert not node.store._session.claiming.left.starved
    assert ask(node, 10).ids == numbered(5)[3:]


def test_what_is_due_is_told_by_the_stores_time(node):
    add(node, *numbered(20))
    add(node, "later", due=NOW + INTERVAL)
    claiming = node.store._session.claiming
    claiming._membership.alive, claiming.queue.apart = 2, 5
    assert list(claiming.due(NOW)) == numbered(20)
    node.store._session.membership.offset = SimpleNamespace(us=INTERVAL)
    assert list(claiming.due(NOW)) == [*numbered(20), "later"]
    assert claiming.due(NOW)["later"][1] == (NOW + INTERVAL) / SECOND


# -- one's own part of a long queue ---------------------------------------------------------------------------------


@pytest.fixture
def apart(node):
    """The node as one of two, and the ids of its own part of a queue."""
    add(node, *numbered(200))
    node.store._session.membership.ensure()
    membership = node.store._session.membership
    membership.alive, membership.place = 2, 0
    own = {row[0] for row in node.store._session.claiming.queue.read(NOW, 1000, apart=True)}
    assert 64 < len(own) < 136
    return own


def test_who_lost_rows_to_others_reads_its_own_part_as_long_as_that_fills_a_page(node, apart):
    node.store._session.claiming.queue.apart = 9
    first = ask(node, 40)
    assert set(first.ids) <= apart
    assert node.store._session.claiming.queue.apart == 8
    second = ask(node, 1000)
    assert sorted(first.ids + second.ids) == numbered(200)
    assert node.store._session.claiming.queue.apart == 0, "its own part was done"


def test_who_lost_no_rows_reads_in_everybodys_order(node, apart):
    node.store._session.claiming.queue.apart = 0
    assert ask(node, 40).ids == numbered(40)
    assert node.store._session.claiming.queue.apart == 0


def test_who_is_alone_reads_in_everybodys_order(node, apart):
    node.store._session.membership.alive = 1
    node.store._session.claiming.queue.apart = 2
    assert ask(node, 40).ids == numbered(40)
    assert node.store._session.claiming.queue.apart == 2


def test_the_last_of_the_passes_apart_is_one_too(node, apart):
    node.store._session.claiming.queue.apart = 1
    assert set(ask(node, 40).ids) <= apart
    assert node.store._session.claiming.queue.apart == 0


def test_an_own_part_that_is_stuck_hides_nothing(node):
    names = numbered(300)
    add(node, *names, executor="elsewhere")
    add(node, "mine", due=NOW + 1)
    node.store._session.membership.ensure()
    membership = node.store._session.membership
    membership.alive, membership.place = 2, 0
    node.store._session.claiming.queue.apart = 200
    assert ask(node, 2, now=NOW + 1).ids == ["mine"]
    assert node.store._session.claiming.queue.apart == 0


# -- what is left, and when it is looked at again -------------------------------------------------------------------


def test_what_this_node_has_no_executor_for_is_looked_at_again_in_a_second(node):
    add(node, "a", executor="elsewhere")
    assert ask(node, 10).ids == []
    assert node.store.next_due() == NOW + SECOND


def test_what_does_not_load_is_looked_at_again_in_a_second(stage, node):
    add(node, "a", "b")
    stage.place.change("UPDATE {t} SET job_state = :blob WHERE id = 'a'", blob=b"?")
    assert ask(node, 10).ids == ["b"]
    assert node.store.next_due() == NOW + SECOND


def test_a_job_of_an_odd_generation_is_left(stage, node):
    add(node, "a", "b")
    stage.place.change("INSERT INTO {t}_meta (job_id, generation, born) VALUES ('a', -1, 0)")
    assert ask(node, 10).ids == ["b"]
    assert node.store.next_due() == NOW + SECOND


def test_of_several_times_to_look_again_the_first_counts(node):
    claiming = node.store._session.claiming
    assert claiming.left.waiting_until == NEVER
    for at in (NOW + 5, NOW + 3, NOW + 7):
        claiming.left.look_again(at)
    assert claiming.left.waiting_until == NOW + 3


def refusing(*names: str):
    """Return a commit by a database that takes no value of these jobs."""
    commit = Claiming._commit

    def refuses(claiming, found, current) -> None:
        if not {each.job.id for each in found}.isdisjoint(names):
            raise DataError("", {}, Exception("out of range"))
        commit(claiming, found, current)

    return patch.object(Claiming, "_commit", refuses)


def test_a_value_that_the_database_refuses_costs_its_own_job_only(node):
    add(node, *numbered(7))
    with refusing("job 002", "job 005"):
        claimed = ask(node, 100)
        assert claimed.ids == [f"job 00{number}" for number in (0, 1, 3, 4, 6)]
        told = [(job.id, type(exc)) for job, exc in claimed.batch.broken]
        assert told == [("job 002", DataError), ("job 005", DataError)]
        assert node.store.next_due() == NOW + SECOND
        assert ask(node, 100, now=NOW + SECOND - 1).batch.broken == []
    assert ask(node, 100, now=NOW + SECOND).ids == ["job 002", "job 005"]


def test_a_job_that_is_put_off_waits_by_the_stores_time(node):
    add(node, "a")
    node.store._session.membership.ensure()
    node.store._session.membership.offset = SimpleNamespace(us=5 * SECOND, slack=0)
    with refusing("a"):
        ask(node, 10)
        assert node.store.next_due() == NOW + SECOND
        assert ask(node, 10, now=NOW + SECOND - 1).batch.broken == []
        assert len(ask(node, 10, now=NOW + SECOND).batch.broken) == 1


def test_a_trigger_that_cannot_be_written_down_is_tried_later_and_forgotten_when_it_can(
    node, monkeypatch
):
    add(node, "a", trigger=Unwritable())
    add(node, "b")
    monkeypatch.setattr(Unwritable, "refuses", True)
    claimed = ask(node, 10)
    assert claimed.ids == ["b"]
    ((job, exc),) = claimed.batch.broken
    assert job.id == "a"
    assert "cannot be written down" in str(exc)
    assert ask(node, 10, now=NOW + SECOND - 1).batch.broken == []
    monkeypatch.setattr(Unwritable, "refuses", False)
    assert ask(node, 10, now=NOW + SECOND).ids == ["a"]
    assert node.store._session.claiming.planner._broken == {}


def test_a_ctrl_c_while_a_job_is_planned_waits_behind_the_claims_and_ends_the_pass(node):
    add(node, *numbered(130))
    planned = []

    def interrupted(job) -> None:
        planned.append(job.id)
        if len(planned) == 100:
            raise KeyboardInterrupt

    claimed = ask(node, 120, during=interrupted)
    assert isinstance(claimed.batch.error, KeyboardInterrupt)
    assert (claimed.ids, len(planned)) == ([], 100)
    assert ask(node, 200).ids == numbered(130)
