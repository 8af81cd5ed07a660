"""Jobs as a file: 3.11.3's format in both directions, whole or not at all."""

from __future__ import annotations

import io
import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest

from apscheduler.events import EVENT_JOB_ADDED
from apscheduler.jobstores.base import ConflictingIdError
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.testing import ManualScheduler

CALLS = []


def canary(*args):
    CALLS.append(args)


class Touchy:
    """Calls the canary when it is unpickled."""

    def __reduce__(self):
        return canary, ("unpickled",)


@pytest.fixture(autouse=True)
def no_calls():
    CALLS.clear()


@pytest.fixture
def scheduler():
    scheduler = ManualScheduler()
    scheduler.start(paused=True)
    return scheduler


@pytest.fixture
def golden(data_folder):
    return data_folder / "jobs-3.11.3.json"


@pytest.fixture
def expected(data_folder):
    return json.loads((data_folder / "jobs-3.11.3.expected.json").read_text("utf-8"))


def shown(job):
    moment = job.next_run_time
    return {
        "args": list(job.args),
        "next_run_time": None if moment is None else moment.isoformat(),
        "trigger": str(job.trigger),
        "trigger_repr": repr(job.trigger),
        **{
            name: getattr(job, name)
            for name in (
                *("coalesce", "executor", "func_ref", "kwargs", "max_instances"),
                *("misfire_grace_time", "name"),
            )
        },
    }


def exported(scheduler, jobstore=None):
    file = io.StringIO()
    scheduler.export_jobs(file, jobstore)
    return file.getvalue()


def import_text(scheduler, text, jobstore="default"):
    scheduler.import_jobs(io.StringIO(text), jobstore)


def document(scheduler, **changes):
    """Return an export of one job, with changes to that job."""
    scheduler.add_job(canary, "interval", hours=1, id="a", replace_existing=True)
    found = json.loads(exported(scheduler))
    found["jobs"][0].update(changes)
    scheduler.remove_job("a")
    return found


# -- 3.11.3's files -----------------------------------------------------------------------------------


def test_a_file_of_3_11_3_gives_the_jobs_it_means(scheduler, golden, expected):
    scheduler.import_jobs(golden)
    found = {job.id: job for job in scheduler.get_jobs()}
    assert found.keys() == expected.keys()
    for name, job in found.items():
        meant = {key: value for key, value in expected[name].items() if key != "following"}
        assert shown(job) == meant


def test_a_file_of_3_11_3_comes_out_as_it_went_in(scheduler, golden):
    scheduler.import_jobs(golden)
    before = {job["id"]: job for job in json.loads(golden.read_text("utf-8"))["jobs"]}
    after = {job["id"]: job for job in json.loads(exported(scheduler))["jobs"]}
    assert after.keys() == before.keys()
    for name, job in after.items():
        for key in before[name].keys() - {"trigger", "next_run_time"}:
            assert job[key] == before[name][key]
        assert set(job["trigger"]) == set(before[name]["trigger"])
        state, old = (each["trigger"]["__apscheduler_state__"] for each in (job, before[name]))
        assert state.keys() == old.keys()
        assert state["version"] == old["version"]


# -- the round trip -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "argument",
    [
        *(None, True, 5, 10**30, 1.5, "定时任务", [1, ["x"]], {"a": {"b": None}}),
        *((1, (2,)), {1: 2}, {(1, 2): 3}, b"x", {1, 2}, timedelta(1), [(1,)], {"a": b"x"}),
        *({"__apscheduler_pickle__": "x"}, {"__apscheduler_class__": "x"}),
    ],
    ids=repr,
)
def test_arguments_come_back_equal_and_of_their_type(scheduler, argument):
    scheduler.add_job(canary, "interval", hours=1, id="a", args=[argument], kwargs={})
    text = exported(scheduler)
    scheduler.remove_all_jobs()
    import_text(scheduler, text)
    (back,) = scheduler.get_job("a").args
    assert repr(back) == repr(argument)


@pytest.mark.parametrize(
    "options",
    [
        {"next_run_time": datetime(2020, 1, 1, tzinfo=UTC)},
        {"next_run_time": None},
        {"timeout": 5},
        {"misfire_grace_time": None},
        {"misfire_grace_time": 1.5, "coalesce": False, "max_instances": 3, "name": "x"},
    ],
    ids=["overdue", "paused", "timeout", "no grace limit", "policies"],
)
def test_a_job_keeps_its_time_and_policies(scheduler, options):
    job = scheduler.add_job(canary, "interval", hours=1, id="a", **options)
    before, timeout = shown(job), job.timeout
    text = exported(scheduler)
    scheduler.remove_all_jobs()
    import_text(scheduler, text)
    assert shown(scheduler.get_job("a")) == before
    assert scheduler.get_job("a").timeout == timeout


def test_a_method_comes_back_bound_to_its_object(scheduler):
    scheduler.add_job(Holder("x").method, "interval", hours=1, id="a")
    text = exported(scheduler)
    scheduler.remove_all_jobs()
    import_text(scheduler, text)
    job = scheduler.get_job("a")
    assert job.func(*job.args) == "x"


class Holder:
    def __init__(self, name):
        self.name = name

    def method(self):
        return self.name


# -- where to and where from ------------------------------------------------------------------------------


def test_one_store_or_all_are_exported(scheduler):
    scheduler.add_jobstore(MemoryJobStore(), "other")
    scheduler.add_job(canary, "interval", hours=1, id="a")
    scheduler.add_job(canary, "interval", hours=1, id="b", jobstore="other")
    ids = {
        name: [job["id"] for job in json.loads(exported(scheduler, name))["jobs"]]
        for name in (None, "default", "other")
    }
    assert ids == {None: ["a", "b"], "default": ["a"], "other": ["b"]}


def test_an_unknown_store_is_refused(scheduler, golden):
    with pytest.raises(KeyError, match="nowhere"):
        exported(scheduler, "nowhere")
    with pytest.raises(KeyError, match="nowhere"):
        scheduler.import_jobs(golden, "nowhere")


@pytest.mark.parametrize("as_text", [True, False])
def test_paths_of_both_kinds_are_taken(scheduler, tmp_path, as_text):
    path = tmp_path / "jobs.json"
    given = str(path) if as_text else path
    scheduler.add_job(canary, "interval", hours=1, id="a", args=["é"])
    scheduler.export_jobs(given)
    scheduler.remove_all_jobs()
    scheduler.import_jobs(given)
    assert scheduler.get_job("a").args == ("é",)


def test_a_binary_file_can_be_read(scheduler, golden):
    scheduler.import_jobs(io.BytesIO(golden.read_bytes()))
    assert len(scheduler.get_jobs()) == 10


@pytest.mark.parametrize("call", ["export_jobs", "import_jobs"])
def test_what_is_no_file_is_refused(scheduler, call):
    with pytest.raises(TypeError, match="must be a path or a"):
        getattr(scheduler, call)(5)


def test_a_scheduler_that_is_not_running_exports_nothing():
    with pytest.raises(RuntimeError, match="start it first"):
        ManualScheduler().export_jobs(io.StringIO())


def test_a_job_that_cannot_be_written_leaves_the_file_as_it_was(scheduler, tmp_path):
    path = tmp_path / "jobs.json"
    path.write_text("precious")
    scheduler.add_job(lambda: None, "interval", hours=1, id="a")
    with pytest.raises(ValueError, match="'a'"):
        scheduler.export_jobs(path)
    assert path.read_text() == "precious"


def test_an_argument_that_cannot_be_written_names_its_job(scheduler):
    scheduler.add_job(canary, "interval", hours=1, id="a", args=[lambda: None])
    with pytest.raises(ValueError, match="job 'a' cannot be exported"):
        exported(scheduler)


# -- imported jobs are jobs like others -----------------------------------------------------------------


@pytest.mark.trap(15)
def test_imported_jobs_know_their_scheduler_and_store(scheduler, golden):
    scheduler.import_jobs(golden)
    for job in scheduler.get_jobs():
        assert (job._scheduler, job._jobstore_alias) == (scheduler, "default")
    job = scheduler.get_job("paused")
    job.modify(name="changed").resume()
    assert scheduler.get_job("paused").name == "changed"
    job.remove()
    assert scheduler.get_job("paused") is None


def test_jobs_of_the_same_id_are_replaced_on_request(scheduler, golden):
    scheduler.add_job(canary, "interval", hours=1, id="paused")
    scheduler.import_jobs(golden, replace_existing=True)
    scheduler.import_jobs(golden, replace_existing=True)
    assert len(scheduler.get_jobs()) == 10
    assert scheduler.get_job("paused").next_run_time is None


@pytest.mark.parametrize("started", [True, False])
def test_an_id_that_is_taken_is_refused_and_nothing_is_imported(golden, started):
    scheduler = ManualScheduler()
    if started:
        scheduler.start()
    kept = scheduler.add_job(canary, "interval", hours=1, id="paused")
    with pytest.raises(ConflictingIdError, match="paused"):
        scheduler.import_jobs(golden)
    assert scheduler.get_jobs() == [kept]


def test_before_the_start_imported_jobs_are_pending(golden):
    scheduler = ManualScheduler()
    scheduler.import_jobs(golden)
    scheduler.import_jobs(golden, replace_existing=True)
    assert len(scheduler.get_jobs()) == 10
    assert all(job.pending for job in scheduler.get_jobs())
    scheduler.start(paused=True)
    assert len(scheduler.get_jobs()) == 10
    assert not any(job.pending for job in scheduler.get_jobs())


def test_imported_jobs_run(scheduler):
    scheduler.add_job(canary, "interval", hours=1, id="a", args=["ran"])
    text = exported(scheduler)
    other = ManualScheduler()
    other.start()
    import_text(other, text)
    other.advance(timedelta(hours=1))
    assert CALLS == [("ran",)]


def test_listeners_are_told_of_each_imported_job(scheduler, golden):
    told = []
    scheduler.add_listener(told.append, EVENT_JOB_ADDED)
    scheduler.import_jobs(golden)
    assert len(told) == 10


# -- files that are not right ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", "5", "not json", '{"version": 2, "jobs": []}', '{"version": 1}'),
        *(
            '{"version": "1", "jobs": []}',
            '{"version": 1, "jobs": {}}',
            '{"version": 1, "jobs": [3]}',
        ),
        *('{"version": 1, "jobs": [{"version": 2}]}', '{"version": 1, "jobs": [{"version": 1}]}'),
    ],
)
def test_what_is_no_export_is_refused(scheduler, text):
    with pytest.raises(ValueError, match="export"):
        import_text(scheduler, text)
    assert scheduler.get_jobs() == []


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"func": "nosuchmodule:x"}, LookupError),
        ({"func": "math:nosuch"}, LookupError),
        ({"func": 5}, ValueError),
        ({"id": 5}, ValueError),
        ({"id": ""}, ValueError),
        ({"args": "abc"}, ValueError),
        ({"kwargs": []}, ValueError),
        ({"name": 5}, ValueError),
        ({"max_instances": "x"}, ValueError),
        ({"misfire_grace_time": -1}, ValueError),
        ({"timeout": -1}, ValueError),
        ({"executor": None}, ValueError),
        ({"next_run_time": 5}, ValueError),
        ({"trigger": "date"}, ValueError),
        (
            {"trigger": {"__apscheduler_class__": "nosuch:X", "__apscheduler_state__": {}}},
            LookupError,
        ),
        ({"trigger": {"__apscheduler_class__": "builtins:dict"}}, ValueError),
        ({"trigger": {"__apscheduler_pickle__": "%%%"}}, ValueError),
        ({"trigger": {"__apscheduler_pickle__": "AAAA"}}, ValueError),
        ({"trigger": {"__apscheduler_pickle__": 5}}, ValueError),
    ],
    ids=str,
)
def test_a_job_that_is_not_right_keeps_all_others_out(scheduler, changes, error):
    found = document(scheduler, **changes)
    good = document(scheduler, id="good")["jobs"]
    found["jobs"] = [*good, *found["jobs"]]
    with pytest.raises(error) as caught:
        import_text(scheduler, json.dumps(found))
    assert scheduler.get_jobs() == []
    assert "job" in str(caught.value)


@pytest.mark.parametrize("change", [{"version": 9}, {"args": None}])
def test_a_damaged_job_is_named_by_its_place_and_its_id(scheduler, change):
    text = json.dumps(document(scheduler, id="b", **change))
    with pytest.raises(ValueError, match=r"^job number 1 of this export \('b'\) "):
        import_text(scheduler, text)


def test_two_jobs_of_one_id_are_refused(scheduler):
    found = document(scheduler)
    found["jobs"] *= 2
    with pytest.raises(ConflictingIdError):
        import_text(scheduler, json.dumps(found))
    assert scheduler.get_jobs() == []


def pickled(value):
    import pickle

    return {"__apscheduler_pickle__": b64encode(pickle.dumps(value)).decode()}


@pytest.mark.parametrize(
    "damage",
    [
        lambda found: found.update(version=2),
        lambda found: found["jobs"].append({"version": 1}),
        lambda found: found["jobs"].append({**found["jobs"][0], "id": "b", "version": 9}),
        lambda found: found["jobs"].append(found["jobs"][0]),
    ],
    ids=["future file", "damaged job", "future job", "id twice"],
)
def test_no_pickle_of_a_refused_file_is_opened(scheduler, damage):
    found = document(scheduler, args=[pickled(Touchy())])
    damage(found)
    with pytest.raises((ValueError, KeyError)):
        import_text(scheduler, json.dumps(found))
    assert CALLS == []


@pytest.mark.parametrize("text", ["the module is gone", None])
def test_a_lookup_error_at_an_import_is_told_in_its_own_words(golden, monkeypatch, text):
    given = KeyError(text) if text else KeyError()

    def fails(reference):
        raise given

    monkeypatch.setattr("apscheduler.job.ref_to_obj", fails)
    scheduler = ManualScheduler()
    scheduler.start()
    with pytest.raises(LookupError, match=r"cannot be imported: (the module is gone$|$)"):
        scheduler.import_jobs(golden)
    scheduler.shutdown()
