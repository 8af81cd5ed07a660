"""What a SQL store does with its claims between their hand-over and their end, and when it asks to be asked again."""

from __future__ import annotations

from types import SimpleNamespace
from weakref import WeakSet

import pytest
from jobstores.stages import CopiedPlace, add, ask

from apscheduler._engine.instants import SECOND
from apscheduler.history.outcomes import Outcome
from apscheduler.jobstores import sqlalchemy as module
from apscheduler.runs.claims import ALL, Claim, Result
from apscheduler.testing._contract_jobs import INTERVAL, NOW, repeating


def claimed(node, *names: str, slots: int = 100) -> dict:
    add(node, *names)
    return {each.job.id: each for each in ask(node, slots).batch.claims}


def due(node, job_id: str, count: int) -> list[int]:
    fires = [NOW - back * INTERVAL for back in range(count - 1, -1, -1)]
    add(node, job_id, due=fires[0], trigger=repeating(fires[0]))
    return fires


def foreign() -> Claim:
    """A claim of some other store."""
    return Claim(SimpleNamespace(id="foreign"), [NOW], None)


# -- settled, released, given back ----------------------------------------------------------------------------------


def test_a_claim_of_another_store_is_neither_settled_nor_given_back(node):
    with pytest.raises(TypeError, match="was not claimed from this store"):
        node.store.settle(foreign(), Result(NOW, Outcome.EXECUTED, NOW, NOW))
    assert node.store.give_back(foreign()) is False
    node.store.release(foreign())


def test_what_is_given_back_is_free_and_released(stage, node):
    one = claimed(node, "a", "b")["a"]
    assert node.store.give_back(one) is True
    assert one not in node.store._session.open.alive()
    node.store._session.outbox.flush()
    assert (stage.rows("a"), stage.rows("b")) == ([(0, 2, 1)], [(1, 1, 1)])
    assert one.take_release() is False


def test_free_slots_have_the_loop_look_once_half_of_what_was_full_has_ended(node):
    add(node, *"abcde")
    claims = ask(node, 4).batch.claims
    wakeups = []
    node.scheduler.wakeup = lambda: wakeups.append("look")
    counts = []
    for each in claims:
        node.store.release(each)
        counts.append(len(wakeups))
    assert counts == [0, 0, 1, 1]


def test_free_slots_are_no_news_where_nothing_was_left_for_want_of_one(node):
    claims = claimed(node, "a", "b")
    wakeups = []
    node.scheduler.wakeup = lambda: wakeups.append("look")
    for each in claims.values():
        node.store.release(each)
    assert wakeups == []


def test_signing_off_gives_back_what_has_not_begun(stage, node):
    for name in ("catch-up", "unknown catch-up"):
        due(node, name, 3)
    claims = claimed(node, "idle", "begun", "unknown")
    claims["begun"].begun = NOW
    claims["unknown"].begun = claims["unknown catch-up"].begun = ALL
    claims["catch-up"].begun = claims["catch-up"].fires[0]
    node.store.withdraw()
    assert not any(each.may_start() for each in claims.values())
    node.store._session.outbox.flush()
    assert stage.rows("idle") == [(0, 2, 1)]
    assert stage.rows("begun") == stage.rows("unknown") == [(1, 1, 1)]
    for name in ("catch-up", "unknown catch-up"):
        assert stage.rows(name) == [(1, 1, 1), (0, 2, 1), (0, 2, 1)]
    alive = {each.job.id for each in node.store._session.open.alive()}
    assert alive == set(claims) - {"idle"}


def test_a_store_that_was_never_started_has_nothing_to_give_back_and_no_last_word(tmp_path, tables):
    store = CopiedPlace(tables, tmp_path).store()
    store.withdraw()
    store.last_word()


def test_the_last_word_names_what_goes_on_writes_what_waits_and_signs_off(stage, node, caplog):
    claims = claimed(node, "a", "b", "c")
    node.store._session.outbox.close()
    node.store._session.outbox._flush_reported = lambda: False
    claims["c"].take(NOW)
    node.store.settle(claims["c"], Result(NOW, Outcome.EXECUTED, NOW, NOW))
    del node.store._session.outbox._flush_reported
    node.store.last_word()
    assert "The process ends while jobs run: called (a), called (b)." in caplog.text
    assert stage.rows("c") == [(10, 1, 1)]
    assert stage.rows("a") == stage.rows("b") == [(16, 1, 1)]
    assert stage.place.rows("SELECT * FROM {t}_nodes") == []


def test_a_store_with_nothing_at_work_ends_without_a_word(stage, node, caplog):
    node.claim(NOW - INTERVAL)
    node.store.last_word()
    assert "The process ends" not in caplog.text
    assert stage.place.rows("SELECT * FROM {t}_nodes") == []


def test_each_store_has_its_last_word_though_another_one_fails(monkeypatch):
    class Store:
        def __init__(self, *, fails: bool = False) -> None:
            self.fails, self.done, self.told = fails, [], []
            self._troubles = SimpleNamespace(tell=lambda text, exc: self.told.append(text))

        def last_word(self) -> None:
            self.done.append("last word")
            if self.fails:
                raise OSError("gone")

        def forked(self) -> None:
            self.done.append("forked")

    stores = [Store(fails=True), Store(), Store(fails=True)]
    monkeypatch.setattr(module, "_living", WeakSet(stores))
    module._last_words()
    module._forked()
    assert [each.done for each in stores] == [["last word", "forked"]] * 3
    assert [len(each.told) for each in stores] == [1, 0, 1]


def test_a_store_that_does_not_answer_at_the_shutdown_is_given_up(node, monkeypatch, caplog):
    ends = []
    monkeypatch.setattr(module, "in_time", lambda end, *_: ends.append(end) and False)
    node.store.shutdown()
    assert node.store._database.watch._hurries
    assert "did not answer within 10 s at the shutdown" in caplog.text
    (end,) = ends
    end()


# -- when to ask again ------------------------------------------------------------------------------------------------


def test_a_store_that_is_held_is_asked_again_in_a_second(node):
    add(node, "a", due=NOW + INTERVAL)
    ask(node, 10)
    assert node.store.next_due() == NOW + INTERVAL
    node.store._session.guard.held = "a copy"
    assert node.store.next_due() == NOW + SECOND
    node.store._session.guard.held = None


def test_what_waits_for_a_pass_is_asked_for_at_once(node):
    due(node, "catch-up", 3)
    batch = ask(node, 10)
    assert node.store.next_due() == NOW + INTERVAL
    (first,) = batch.batch.claims
    batch._finish_one(first, Outcome.EXECUTED)
    assert node.store.next_due() == NOW


def test_a_row_without_a_time_is_told_though_no_claim_reads_it(stage, node):
    add(node, "a", "b")
    stage.place.change("UPDATE {t} SET next_run_time = 'soon' WHERE id = 'a'")
    assert ask(node, 10).ids == ["b"]
    assert "next_run_time in the table is 'soon'" in node.store._parts.loader.reason("a")
