"""From a row to a job: what is read of it, what is told of a bad one, and when that is tried again."""

from __future__ import annotations

import pickle

import pytest
from jobstores.loaders import DUE, Clock, Loading

from apscheduler._engine.instants import NEVER
from apscheduler.jobstores._sql.changing import loading
from apscheduler.serializers import SignedPickleSerializer
from apscheduler.testing._contract_jobs import INTERVAL, NOW, make_job


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(loading, "clocks", clock)
    return clock


@pytest.fixture
def made(clock):
    return Loading()


# -- what is loaded ---------------------------------------------------------------------------------------------


def test_a_job_is_loaded_as_it_was_written_with_the_rows_fire_time(made):
    blob = made.blob(args=("x",), name="mine")
    job = made.loader.load("a", blob, DUE + 10)
    assert (job.id, job.args, job.name, job._due) == ("a", ("x",), "mine", NOW + INTERVAL)
    assert job._jobstore_alias == "linked"
    assert job._grace == NEVER, "what follows from its attributes is there"
    assert made.loader.load("a", memoryview(blob), None)._due == NEVER
    assert made.loader.load("a", blob, int(DUE))._due == NOW
    assert (made.bad, made.good) == ([], [])


def test_a_state_says_who_wrote_it_and_what_reads_it_is_told(made):
    job = make_job(made.scheduler, "a")
    ours = made.loader.dumps(job)
    theirs = pickle.dumps(job.__getstate__())
    read, due, is_ours = made.loader.read("a", ours)
    assert (read.id, due, is_ours) == ("a", NOW, True)
    assert read._jobstore_alias == "linked"
    assert made.loader.read("a", theirs)[2] is False
    made.loader.writes_itself = lambda: True
    assert made.loader.read("a", theirs)[2] is True


def test_signed_bytes_are_ours_without_a_mark():
    made = Loading(SignedPickleSerializer({"one": "x" * 32}))
    blob = made.blob()
    assert "written_by" not in made.loader.serializer.loads(blob, store="jobs", job_id="a")
    assert made.loader.read("a", blob)[2] is True


def test_reading_what_cannot_be_restored_is_told_to_nobody(made):
    assert "UnpicklingError" in made.refused(made.loader.read, "a", b"?")
    assert made.bad == []
    assert made.loader.reason("a") is None


@pytest.mark.parametrize(
    ("blob", "moment", "said"),
    [
        (b"?", DUE, "DeserializationError: "),
        ("text", DUE, "TypeError: its job_state in the table is 'text'"),
        (None, "soon", "ValueError: its next_run_time in the table is 'soon'"),
        (None, 1e300, "ValueError: its next_run_time in the table is 1e+300"),
        (None, -1.0e300, "ValueError: its next_run_time in the table is -1e+300"),
    ],
)
def test_a_row_that_holds_something_else_is_told_with_its_reason(made, blob, moment, said):
    blob = made.blob() if blob is None else blob
    assert made.refused(made.loader.load, "a", blob, moment).startswith(said)
    ((job_id, reason),) = made.bad
    assert job_id == "a"
    assert reason.startswith(said)
    assert made.loader.reason("a") == reason


def test_a_row_that_holds_another_job_is_refused(made):
    said = made.refused(made.loader.load, "b", made.blob("a"), DUE)
    assert said == "ValueError: the row 'b' holds the job 'a'"


def test_a_job_of_no_right_shape_is_refused(made):
    job = make_job(made.scheduler, "a")
    state = {**job.__getstate__(), "max_instances": 0}
    assert made.refused(made.loader.load, "a", pickle.dumps(state), DUE).startswith(
        "TypeError: max_instances"
    )


def test_an_error_is_said_by_its_kind_its_text_and_no_more_than_fits(made):
    class SilentError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    for exc, said in (
        (KeyError("a name"), "KeyError: a name"),
        (KeyError(), "KeyError"),
        (ValueError("a", "b"), "ValueError: ('a', 'b')"),
        (ValueError(), "ValueError"),
        (SilentError(), "SilentError"),
        (SystemExit("no"), "SystemExit: no"),
        (ValueError("x" * 2000), "ValueError: " + "x" * 1000),
    ):
        made.loader.serializer.loads = lambda *_, exc=exc, **__: (_ for _ in ()).throw(exc)
        assert made.refused(made.loader.load, "a", b"", DUE) == said


# -- what is told, and when it is tried again -------------------------------------------------------------------------


def test_a_bad_job_is_told_once_tried_ever_later_and_told_when_it_loads_again(made, clock):
    tries = []
    loads = made.loader.serializer.loads
    made.loader.serializer.loads = lambda *a, **k: tries.append(clock.now) or loads(*a, **k)
    for _ in range(80):
        made.refused(made.loader.load_for_claim, "a", b"?", DUE)
        clock.now += 0.5
    assert [each - 1000.0 for each in tries] == [0.0, 1.0, 3.0, 7.0, 15.0, 31.0]
    assert len(made.bad) == 1
    made.loader.load_for_claim("a", made.blob(), DUE)
    made.loader.forget("a")
    made.loader.load_for_claim("a", made.blob(), DUE)
    assert made.good == ["a"]
    assert made.loader.reason("a") is None


def test_other_bytes_that_are_bad_too_are_tried_again_as_soon_as_the_first(made, clock):
    for _ in range(3):
        made.refused(made.loader.load_for_claim, "a", b"?", DUE)
        clock.now += 4
    made.refused(made.loader.load_for_claim, "a", b"other", DUE)
    note = made.loader._notes["a"]
    assert (note.tries, note.retry_at) == (1, clock.now + 1)


def test_other_bytes_are_tried_at_once_and_told_anew(made):
    made.refused(made.loader.load_for_claim, "a", b"?", DUE)
    assert made.refused(made.loader.load_for_claim, "a", b"other", DUE)
    assert len(made.bad) == 2
    assert made.refused(made.loader.load_for_claim, "b", b"?", DUE)
    assert [each for each, _ in made.bad] == ["a", "a", "b"]


def test_what_could_not_be_told_is_told_at_the_next_try(made):
    made.tells = False
    for _ in range(2):
        made.refused(made.loader.load_for_claim, "a", b"?", DUE)
    made.tells = True
    for _ in range(2):
        made.refused(made.loader.load_for_claim, "a", b"?", DUE)
    assert len(made.bad) == 3


def test_only_so_many_bad_jobs_are_remembered(made, monkeypatch):
    monkeypatch.setattr(loading, "_NOTED", 2)
    for each in ("a", "b", "a", "b"):
        made.refused(made.loader.load_for_claim, each, b"?", DUE)
    assert len(made.bad) == 2
    made.refused(made.loader.load_for_claim, "c", b"?", DUE)
    assert made.loader.reason("a") is None
    assert made.loader.reason("c") is not None


def test_an_odd_generation_is_told_once_until_all_is_forgotten(made):
    for generation in (-1, "two", -1):
        assert "generation" in made.refused(made.loader.check_generation, "a", generation)
    assert [each for each, _ in made.bad] == ["a"]
    made.loader.check_generation("a", 0)
    made.loader.forget_all()
    made.refused(made.loader.check_generation, "a", -1)
    assert len(made.bad) == 2


def test_an_odd_generation_that_could_not_be_told_is_told_again(made):
    made.tells = False
    for _ in range(2):
        made.refused(made.loader.check_generation, "a", -1)
    assert len(made.bad) == 2


def test_a_run_is_remembered_apart_from_the_job_that_has_its_id_now(made, clock):
    tries = []
    loads = made.loader.serializer.loads
    made.loader.serializer.loads = lambda *a, **k: tries.append("run") or loads(*a, **k)
    for _ in range(2):
        made.refused(made.loader.load_for_run, "a", 3, b"?", DUE)
    assert tries == ["run"]
    made.loader.load_for_claim("a", made.blob(), DUE)
    assert len(made.bad) == 1
    assert made.good == []
    assert made.loader.load_for_run("a", 4, made.blob(), DUE).id == "a"
    clock.now += 1.0
    assert made.loader.load_for_run("a", 3, made.blob(), DUE).id == "a"
    assert made.good == ["a"]


def test_what_is_bad_is_tried_at_once_when_all_is_forgotten(made):
    made.refused(made.loader.load_for_claim, "a", b"?", DUE)
    made.loader.forget_all()
    assert made.loader.reason("a") is None
    made.refused(made.loader.load_for_claim, "a", b"?", DUE)
    assert len(made.bad) == 2


def test_the_state_of_a_job_that_cannot_be_restored_is_read_where_its_bytes_can_be(made):
    state = {"name": "mine", "func": "no.where:nothing", "trigger": None}
    assert made.loader.state_in("a", pickle.dumps(state)) == state
    assert made.loader.state_in("a", b"?") is None
