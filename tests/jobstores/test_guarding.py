"""A store that is a copy of another one is held until somebody adopts it, and what it is, is recorded."""

from __future__ import annotations

import shutil

import pytest
from jobstores.guards import EPOCH, World, why_held
from sqlalchemy.exc import IntegrityError

from apscheduler.cluster import filesystems
from apscheduler.jobstores._sql.guarding import copies as copies_module
from apscheduler.jobstores._sql.guarding import identity
from apscheduler.jobstores._sql.guarding.identity import Identity


def another(world: World) -> None:
    """Have the file be another one than recorded."""
    world.change("UPDATE jobs_state SET text = '{\"file\": \"1\"}' WHERE name = 'identity'")


# -- copies, and adopting them ---------------------------------------------------------------------------------------


def test_the_first_look_records_what_the_database_is(world):
    world.change("INSERT INTO jobs_state (name, number) VALUES ('something else', 77)")
    assert why_held(world.guard()) is None
    number, known = world.recorded
    assert number == 0
    assert set(known.parts) in ({"file"}, {"file", "created"})
    assert why_held(world.guard()) is None
    assert world.recorded == (number, known)


def test_a_copy_is_held_and_told_at_each_look_until_it_is_adopted(world):
    guard, beside = world.guard(), world.guard()
    why_held(guard)
    another(world)
    for each in (guard, beside):
        each._stale = True
        assert "a copy of another store" in why_held(each)
    assert why_held(guard) == world.told[0]
    assert len(world.told) == 3
    guard.adopt()
    assert guard.held is None
    assert [why_held(each) for each in (guard, beside, world.guard())] == [None] * 3
    assert world.recorded[0] == 5000
    assert world.recorded[1].parts["file"] != "1"


def test_a_file_that_was_put_in_the_place_of_the_stores_is_seen_at_the_next_claim(world, tmp_path):
    guard = world.guard()
    assert why_held(guard) is None
    shutil.copy(tmp_path / "jobs.sqlite", tmp_path / "copy.sqlite")
    (tmp_path / "copy.sqlite").replace(tmp_path / "jobs.sqlite")
    assert "the file is another one" in why_held(guard)


@pytest.mark.parametrize("kind", ["vfat", "nfs4"])
def test_a_file_whose_number_is_not_its_own_has_no_identity(world, monkeypatch, kind):
    for module in (identity, filesystems):
        monkeypatch.setattr(module, "kind_of", lambda _: kind)
    assert why_held(world.guard()) is None
    assert world.recorded == (0, Identity({}))


def test_what_is_no_number_in_a_row_says_nothing_of_what_was_committed(world):
    guard = world.guard()
    why_held(guard)
    world.enter_node(3, 3)
    world.enter_run(9)
    world.change("UPDATE jobs_nodes SET beat = 'x', batch = 'y'")
    world.change("UPDATE jobs_runs SET seq = 'z'")
    guard.fenced(EPOCH, 3, 3, lambda: True)
    guard.committed(99)
    assert why_held(guard) is None


def test_a_number_that_cannot_be_read_is_no_adoption_and_none_is_forgotten(world):
    guard = world.guard()
    guard.adopt()
    assert why_held(guard) is None
    for odd in ("NULL", "'x'", "-1", "1e300"):
        world.change(f"UPDATE jobs_state SET number = {odd} WHERE name = 'identity'")
        guard._stale = True
        assert why_held(guard) is None
    world.change("UPDATE jobs_state SET number = 4999 WHERE name = 'identity'")
    guard._stale = True
    assert "adopted since, and does not know of it" in why_held(guard)
    world.change("UPDATE jobs_state SET number = NULL WHERE name = 'identity'")
    guard.adopt()
    assert world.recorded[0] == 5000


def test_each_adoption_is_later_than_the_one_before_whatever_the_clock_says(world):
    guard = world.guard()
    guard.adopt()
    assert world.recorded[0] == 5000
    world.change("UPDATE jobs_state SET number = 90000 WHERE name = 'identity'")
    guard.adopt()
    assert world.recorded[0] == 90001


def test_a_store_that_does_not_know_of_its_adoption_is_held(world):
    guard = world.guard()
    guard.adopt()
    assert why_held(guard) is None
    world.change("UPDATE jobs_state SET number = number - 1 WHERE name = 'identity'")
    guard._stale = True
    assert "adopted since, and does not know of it" in why_held(guard)


def test_what_was_adopted_before_the_first_look_is_no_news(world):
    world.guard().adopt()
    guard = world.guard()
    assert why_held(guard) is None
    guard.fenced(EPOCH, 3, 3, lambda: True)
    assert "vanished" in why_held(guard), "not adopted as it is since"


def test_a_store_that_another_process_has_adopted_is_taken_as_it_is(world):
    guard, other = world.guard(), world.guard()
    assert why_held(guard) is None
    guard.fenced(EPOCH, 3, 3, lambda: True)
    guard.committed(99)
    assert "vanished" in why_held(guard)
    other.adopt()
    assert why_held(guard) is None
    guard._stale = True
    assert why_held(guard) is None, "what was missed is forgotten"


def test_what_was_missed_is_forgotten_by_ones_own_adoption(world):
    guard = world.guard()
    why_held(guard)
    guard.fenced(EPOCH, 3, 3, lambda: True)
    guard.committed(99)
    why_held(guard)
    guard.adopt()
    assert guard._stale, "it looks again"
    assert why_held(guard) is None


def test_a_store_without_an_identity_cannot_be_adopted(world):
    world.tables.additions = frozenset()
    guard = world.guard()
    with pytest.raises(LookupError, match="'jobs' keeps no identity"):
        guard.adopt()
    assert why_held(guard) is None


# -- what a server says of itself ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recorded", "present", "kept"),
    [
        (Identity({"file": "1"}, 5), Identity({"file": "1"}, 5), None),
        (Identity({"file": "1"}, 5), Identity({}, 5), None),
        (Identity({"file": "1"}, 5), Identity({"file": "1"}, None), None),
        (Identity({"table": "2"}, 5), Identity({"file": "1"}, 5), ({"file": "1", "table": "2"}, 5)),
        (Identity({"file": "1"}), Identity({"file": "1"}, 5), ({"file": "1"}, 5)),
    ],
    ids=["the same", "less", "no timeline", "more", "a timeline"],
)
def test_what_is_told_now_and_was_not_then_is_added(world, monkeypatch, recorded, present, kept):
    guard = world.guard()
    guard.write(recorded, 3)
    monkeypatch.setattr(copies_module, "identity_of_file", lambda *_: present)
    assert why_held(guard) is None
    number, found = world.recorded
    parts, timeline = (recorded.parts, recorded.timeline) if kept is None else kept
    assert (number, found.parts, found.timeline) == (3, parts, timeline)
    assert world.told == []


def test_a_promotion_is_told_and_left_to_who_is_told(world, monkeypatch):
    guard = world.guard()
    recorded, present = Identity({"file": "1"}, 4), Identity({"file": "1"}, 5)
    guard.write(recorded, 3)
    monkeypatch.setattr(copies_module, "identity_of_file", lambda *_: present)
    assert why_held(guard) is None
    ((was, now),) = world.told
    assert (was.timeline, now.timeline) == (4, 5)
    assert world.recorded[1].timeline == 4


# -- writing it ------------------------------------------------------------------------------------------------------------


def test_who_writes_is_told_whether_it_was_done(world):
    guard, one, two = world.guard(), Identity({"file": "1"}), Identity({"file": "2"})
    assert guard.write(one, None, was=two) is True, "nothing was there"
    assert world.recorded[0] == 0
    assert guard.write(two, 0) is False, "another process was first"
    assert guard.write(two, None, was=two) is False
    assert world.recorded[1].parts == {"file": "1"}
    assert guard.write(two, 8, was=one) is True
    assert guard.write(one, None) is True
    assert (world.recorded[0], world.recorded[1].parts) == (8, {"file": "1"})


def test_the_row_that_another_process_has_inserted_meanwhile_is_used(world, monkeypatch):
    write, tries = copies_module.write_identity, []

    def second(*given, **options):
        tries.append(given)
        if len(tries) == 1:
            raise IntegrityError("", {}, Exception("UNIQUE constraint failed"))
        return write(*given, **options)

    monkeypatch.setattr(copies_module, "write_identity", second)
    assert world.guard().write(Identity({"file": "1"}), 4) is True
    assert (len(tries), world.recorded[0]) == (2, 4)
