"""The part that a plain store of someone else's does not have: edits beside claims, several jobs at once."""

from __future__ import annotations

from datetime import UTC

import pytest
from schedulers.test_loop_survives import TheirStore

from apscheduler._engine.instants import SECOND
from apscheduler.jobstores._plain.claims import PlainStore
from apscheduler.jobstores.base import ConflictingIdError, JobLookupError
from apscheduler.testing import ManualScheduler
from apscheduler.testing._contract_jobs import INTERVAL, NOW, claim, make_job, moment


@pytest.fixture
def theirs():
    return TheirStore()


@pytest.fixture
def plain(theirs):
    return PlainStore(theirs, "default", UTC)


@pytest.fixture
def job(plain):
    """Return a job that is in the store."""
    made = make_job(ManualScheduler(), "job")
    plain.add_job(made)
    return made


def newer(**options):
    return make_job(ManualScheduler(), "job", **options)


class Restless:
    """Somebody else, who moves the job each time that an edit is computed, so many times."""

    def __init__(self, theirs, times):
        self.theirs, self.times, self.seen = theirs, times, []

    def move(self):
        if self.times:
            self.times -= 1
            stored = self.theirs.rows["job"]
            moved = newer(due=stored._due + SECOND)
            self.theirs.rows["job"] = moved

    def change(self, standing):
        self.seen.append((standing.job._due, standing.claimed))
        self.move()
        return {"name": f"edit {len(self.seen)}"}

    def revise(self, standing):
        self.change(standing)


# -- edits ----------------------------------------------------------------------------------------------


def test_an_edit_is_computed_again_where_the_job_was_moved_meanwhile(plain, theirs, job):
    other = Restless(theirs, 2)
    assert plain.edit_job(job, other.change) is True
    assert other.seen == [(NOW, 0), (NOW + SECOND, 0), (NOW + 2 * SECOND, 0)]
    assert theirs.rows["job"].name == "edit 3"


def test_an_edit_of_a_job_that_never_stands_still_is_given_up(plain, theirs, job):
    with pytest.raises(RuntimeError, match="'job' is being changed by others all the time"):
        plain.edit_job(job, Restless(theirs, 1000).change)
    assert "edit" not in theirs.rows["job"].name


def test_an_edit_that_changes_nothing_says_so(plain, theirs, job):
    assert plain.edit_job(job, lambda standing: None) is False
    assert "update_job" not in theirs.calls


def test_a_job_that_is_gone_is_not_edited(plain, job):
    plain.remove_job("job")
    with pytest.raises(JobLookupError, match="'job'"):
        plain.edit_job(job, lambda standing: {})


# -- replacing ------------------------------------------------------------------------------------------


def test_who_replaces_a_job_sees_what_was_claimed_of_it(plain, theirs, job):
    other = Restless(theirs, 0)
    plain.replace_job(newer(name="first"), other.revise)
    claim(plain, NOW)
    later = newer(name="second")
    plain.replace_job(later, other.revise)
    assert other.seen == [(NOW, 0), (NOW + INTERVAL, NOW)]
    assert theirs.rows["job"] is later


def test_a_job_that_was_moved_meanwhile_is_replaced_all_the_same(plain, theirs, job):
    other = Restless(theirs, 2)
    later = newer(name="new")
    plain.replace_job(later, other.revise)
    assert [due for due, _ in other.seen] == [NOW, NOW + SECOND, NOW + 2 * SECOND]
    assert theirs.rows["job"] is later


def test_a_job_that_never_stands_still_is_not_replaced(plain, theirs, job):
    with pytest.raises(RuntimeError, match="'job' is being changed by others all the time"):
        plain.replace_job(newer(name="new"), Restless(theirs, 1000).revise)
    assert theirs.rows["job"].name != "new"


def test_a_job_that_cannot_be_restored_is_replaced_unseen(plain, theirs, job, monkeypatch):
    monkeypatch.setattr(theirs, "lookup_job", lambda job_id: None)
    other, later = Restless(theirs, 0), newer(name="new")
    plain.replace_job(later, other.revise)
    assert theirs.rows["job"] is later
    assert other.seen == []


def test_a_job_that_is_not_there_is_not_replaced(plain):
    with pytest.raises(JobLookupError):
        plain.replace_job(newer(), lambda standing: None)


def test_a_job_that_goes_while_it_is_replaced_is_told(plain, theirs, job):
    with pytest.raises(JobLookupError, match="'job'"):
        plain.replace_job(newer(), lambda standing: theirs.rows.clear())
    assert theirs.rows == {}


# -- adding ---------------------------------------------------------------------------------------------


def several(*ids, **options):
    return [make_job(ManualScheduler(), each, **options) for each in ids]


def test_a_job_that_is_added_runs_by_what_its_attributes_say_then(plain, theirs):
    (job,) = several("job")
    job.misfire_grace_time = 5
    plain.add_job(job)
    assert theirs.rows["job"]._grace == 5 * SECOND


def test_several_jobs_are_added(plain, theirs):
    plain.add_jobs(several("a", "b"))
    assert sorted(theirs.rows) == ["a", "b"]


def test_where_an_id_is_taken_none_of_several_is_added(plain, theirs, job):
    with pytest.raises(ConflictingIdError, match="'job'"):
        plain.add_jobs(several("a", "b", "job", "c"))
    assert theirs.rows == {"job": job}


def test_several_jobs_replace_others_and_pass_what_was_claimed_of_them(plain, theirs, job):
    claim(plain, NOW)
    fresh = newer(due=NOW)
    fresh._shown = None  # nobody said when it runs first
    plain.add_jobs([*several("a"), fresh], replace=True)
    assert sorted(theirs.rows) == ["a", "job"]
    assert theirs.rows["job"] is fresh
    assert fresh.next_run_time == moment(NOW + INTERVAL)


def test_what_was_replaced_stays_where_a_later_one_cannot_be_added(plain, theirs, job):
    theirs.fail["add_job"] = 0
    fresh, *others = [newer(), *several("a", "b")]
    really_add = theirs.add_job

    def add(each):
        if each.id == "b":
            raise OSError("full")
        really_add(each)

    theirs.add_job = add
    with pytest.raises(OSError, match="full"):
        plain.add_jobs([fresh, *others], replace=True)
    assert theirs.rows == {"job": fresh}


def test_nobody_takes_what_is_given_back(plain, job):
    (only,) = claim(plain, NOW).batch.claims
    assert plain.give_back(only) is False


def test_the_view_of_a_job_that_was_changed_shows_the_change_and_the_fire_time_of_the_store(
    plain, theirs, job
):
    theirs.rows["job"] = newer(due=NOW + INTERVAL)  # it was claimed since
    plain.modify_job(job, job._checked({"name": "another"}))
    assert theirs.rows["job"].name == job.name == "another"
    assert job.next_run_time == moment(NOW + INTERVAL)
