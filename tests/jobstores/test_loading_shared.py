"""Jobs that claims share, and jobs that someone else's method restores."""

from __future__ import annotations

import pickle
from types import SimpleNamespace

import pytest
from jobstores.loaders import DUE, Loading

from apscheduler._engine.instants import SECOND
from apscheduler.job import Job
from apscheduler.jobstores._sql.changing import loading
from apscheduler.jobstores._sql.changing.loading import Loader, is_shareable
from apscheduler.serializers import SignedPickleSerializer
from apscheduler.testing import ManualScheduler
from apscheduler.testing._contract_jobs import INTERVAL, NOW, ForeignTrigger, make_job


@pytest.fixture
def made():
    return Loading()


def test_claims_share_a_job_whose_bytes_have_not_changed(made):
    blob = made.blob()
    first = made.loader.load_for_claim("a", blob, DUE)
    again = made.loader.load_for_claim("a", blob, DUE + 10)
    assert again is first
    assert again._due == NOW + INTERVAL
    assert made.loader.load_for_claim("a", made.blob(name="new"), DUE).name == "new"
    assert made.loader.load("a", blob, DUE) is not first, "who asked has one of his own"


@pytest.mark.parametrize("forget", [lambda loader: loader.forget("a"), Loader.forget_all])
def test_a_job_that_is_forgotten_is_loaded_anew(made, forget):
    blob = made.blob()
    first = made.loader.load_for_claim("a", blob, DUE)
    forget(made.loader)
    assert made.loader.load_for_claim("a", blob, DUE) is not first


def test_nothing_is_kept_while_someone_elses_method_restores(made):
    blob = made.blob()
    first = made.loader.load_for_claim("a", blob, DUE)
    made.loader.is_asked = True
    second = made.loader.load_for_claim("a", blob, DUE)
    assert second is not first
    made.loader.is_asked = False
    assert made.loader.load_for_claim("a", blob, DUE) is first


def test_only_so_many_jobs_are_kept(made, monkeypatch):
    monkeypatch.setattr(loading, "_KEPT", 2)
    blobs = {each: made.blob(each) for each in "abc"}
    first = {each: made.loader.load_for_claim(each, blobs[each], DUE) for each in "ab"}
    for each, job in first.items():
        assert made.loader.load_for_claim(each, blobs[each], DUE) is job
    made.loader.load_for_claim("c", blobs["c"], DUE)
    assert made.loader.load_for_claim("a", blobs["a"], DUE) is not first["a"]


class Mine:
    """Something with a method."""

    def call(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize(
    ("options", "shareable"),
    [
        ({}, True),
        ({"args": (1, "x", None, b"y"), "kwargs": {"a": 2.5}}, True),
        ({"args": (1, [])}, False),
        ({"kwargs": {"a": {}}}, False),
        ({"args": (1,), "kwargs": {"a": {}}}, False),
        ({"args": ([],), "kwargs": {"a": 1}}, False),
        ({"trigger": ForeignTrigger()}, False),
        ({"func": Mine().call}, False),
    ],
    ids=[
        *("plain", "constants", "a list", "a mapping", "a mapping beside", "a list beside"),
        *("a user's trigger", "a method"),
    ],
)
def test_a_job_is_shared_only_where_no_run_can_change_it(options, shareable):
    assert is_shareable(make_job(ManualScheduler(), "a", **options)) is shareable


# -- what someone else's methods restore ------------------------------------------------------------------------------


def test_someone_elses_method_restores_what_is_loaded_and_may_ask_ours(made):
    seen = []

    def restore(blob: bytes) -> Job:
        state = made.loader.state_of(blob)
        seen.append(state["id"])
        job = Job.__new__(Job)
        job.__setstate__({**state, "name": "theirs"})
        return job

    made.loader.restorer = lambda: restore
    assert made.loader.load("a", made.blob(), DUE).name == "theirs"
    assert seen == ["a"]
    assert made.loader._restoring == {}


def test_state_of_signed_bytes_is_read_as_the_row_that_is_restored_says():
    made = Loading(SignedPickleSerializer({"one": "x" * 32}))
    states = []

    def restore(blob: bytes) -> Job:
        states.append(made.loader.state_of(blob))
        raise LookupError("enough")

    made.loader.restorer = lambda: restore
    made.refused(made.loader.load, "a", made.blob(), DUE)
    assert [each["id"] for each in states] == ["a"]
    with pytest.raises(Exception, match=r".+"):
        made.loader.state_of(made.blob())  # outside of a restoring they are no plain pickle
    assert made.loader.state_of(pickle.dumps({"id": "b"})) == {"id": "b"}


def test_a_job_of_someone_elses_read_gets_its_rows_fire_time(made):
    job = make_job(made.scheduler, "a", misfire_grace_time=7)
    job._grace = None
    placed = made.loader.placed(job, DUE + 10)
    assert placed is job
    assert (placed._due, placed._grace, placed._jobstore_alias) == (
        NOW + INTERVAL,
        7 * SECOND,
        "linked",
    )


def test_a_thing_of_someone_elses_read_that_is_no_job_is_told(made):
    job = make_job(made.scheduler, "a")
    job.args = "text"
    assert made.refused(made.loader.placed, job, DUE).startswith("TypeError: its arguments")
    assert [each for each, _ in made.bad] == ["a"]
    assert made.loader.reason("a") is not None
    with pytest.raises(AttributeError):
        made.loader.placed(SimpleNamespace(), DUE)
