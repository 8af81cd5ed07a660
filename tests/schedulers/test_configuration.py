"""Options of a scheduler, its executors and job stores, and its life."""

from __future__ import annotations

import logging
import re
import threading
from concurrent.futures import ThreadPoolExecutor as FuturesPool
from datetime import UTC, timedelta
from threading import Event
from zoneinfo import ZoneInfo

import pytest

from apscheduler import events as ev
from apscheduler.executors.debug import DebugExecutor
from apscheduler.executors.futures import FuturesExecutor
from apscheduler.executors.pool import ProcessPoolExecutor, ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers import SchedulerAlreadyRunningError, SchedulerNotRunningError
from apscheduler.schedulers._api import plugins as plugins_module
from apscheduler.schedulers._api.options import UnknownOptionWarning
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import STATE_PAUSED, STATE_RUNNING, STATE_STOPPED
from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.testing import ManualScheduler

PATIENCE = 20


class RecordingStore(MemoryJobStore):
    def __init__(self, **options):
        super().__init__()
        self.options = options


class OtherExecutor(DebugExecutor):
    def __init__(self, **options):
        super().__init__()
        self.options = options


class FakeEntryPoint:
    def __init__(self, name, loads):
        self.name = name
        self._loads = loads

    def load(self):
        return self._loads


def recorded(scheduler, mask=ev.EVENT_EVERYTHING):
    seen = []
    scheduler.add_listener(seen.append, mask)
    return seen


def said(seen):
    return [(event.code, event.alias) for event in seen]


def do_nothing():
    pass


@pytest.fixture
def background():
    scheduler = BackgroundScheduler(timezone=UTC)
    yield scheduler
    if scheduler.running:
        scheduler.shutdown()


# -- where options come from ---------------------------------------------------------------------------


def test_options_come_from_nested_dictionaries():
    store, executor = MemoryJobStore(), DebugExecutor()
    scheduler = ManualScheduler(
        timezone="Europe/Berlin",
        job_defaults={"coalesce": False, "max_instances": 3, "misfire_grace_time": None},
        jobstores={"default": store},
        executors={"default": executor},
    )
    assert scheduler.timezone == ZoneInfo("Europe/Berlin")
    assert scheduler._jobstores == {"default": store}
    assert scheduler._executors == {"default": executor}
    scheduler.start()
    job = scheduler.add_job(do_nothing, "interval", hours=1)
    assert (job.coalesce, job.max_instances, job.misfire_grace_time) == (False, 3, None)


def test_options_come_from_dotted_keys_with_the_prefix():
    scheduler = ManualScheduler(
        {
            "apscheduler.timezone": "Asia/Tokyo",
            "apscheduler.job_defaults.coalesce": "false",
            "apscheduler.executors.default.type": "threadpool",
            "apscheduler.executors.default.max_workers": "3",
            "apscheduler.jobstores.other": {"type": "memory"},
            "sqlalchemy.url": "is somebody else's",
        },
        timezone="Europe/Berlin",
    )
    assert scheduler.timezone == ZoneInfo("Europe/Berlin")  # keywords come over the dictionary
    assert isinstance(scheduler._executors["default"], ThreadPoolExecutor)
    assert scheduler._executors["default"]._pool._max_workers == 3
    assert isinstance(scheduler._jobstores["other"], MemoryJobStore)
    assert scheduler._job_defaults["coalesce"] is False


@pytest.mark.parametrize(
    ("prefix", "key"), [("app.", "app.timezone"), (None, "timezone"), ("", "timezone")]
)
def test_the_prefix_of_the_keys_can_be_chosen(prefix, key):
    scheduler = ManualScheduler()
    scheduler.configure({key: "Asia/Tokyo"}, prefix=prefix)
    assert scheduler.timezone == ZoneInfo("Asia/Tokyo")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("coalesce", "no", False),
        ("coalesce", "yes", True),
        ("misfire_grace_time", "30", 30),
        ("misfire_grace_time", "0.5", 0.5),
        ("misfire_grace_time", "none", None),
        ("max_instances", "3", 3),
        ("timeout", "90", 90),
    ],
)
def test_job_defaults_of_a_configuration_file_are_texts(name, text, value):
    scheduler = ManualScheduler(job_defaults={name: text})
    scheduler.start()
    job = scheduler.add_job(do_nothing, "interval", hours=1)
    assert getattr(job, name) == value


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("max_instances", "many", ValueError),
        ("max_instances", 0, TypeError),
        *(("max_instances", value, TypeError) for value in (None, -1, 1.5, True, float("inf"))),
        ("max_instances", "", ValueError),
        *(("misfire_grace_time", value, TypeError) for value in (0, -1, True, float("nan"))),
        ("coalesce", "perhaps", ValueError),
        ("timeout", 0, ValueError),
    ],
)
def test_a_wrong_job_default_is_refused_at_once(name, value, error):
    with pytest.raises(error):
        ManualScheduler(job_defaults={name: value})


@pytest.mark.parametrize(
    ("defaults", "error"),
    [
        ({"max_instances": "", "coalesce": "x", "misfire_grace_time": {}}, TypeError),
        ({"max_instances": [], "coalesce": "x", "misfire_grace_time": "x"}, ValueError),
        ({"max_instances": [], "coalesce": "x"}, ValueError),
        ({"coalesce": True, "max_instances": []}, TypeError),
    ],
)
def test_the_first_of_several_wrong_job_defaults_is_the_one_that_3x_refuses(defaults, error):
    with pytest.raises(error):
        ManualScheduler(job_defaults=defaults)


@pytest.mark.trap(35)
def test_a_job_option_comes_over_its_default_and_so_does_an_explicit_none():
    scheduler = ManualScheduler(job_defaults={"misfire_grace_time": 7, "max_instances": 2})
    scheduler.start()
    job = scheduler.add_job(do_nothing, "interval", hours=1, misfire_grace_time=None)
    assert (job.misfire_grace_time, job.max_instances) == (None, 2)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (7, "mapping"),
        ({"apscheduler.timezone": "UTC", "apscheduler.timezone.name": "UTC"}, "group"),
        ({"apscheduler.job_defaults": 3}, "job_defaults"),
        ({"apscheduler.jobstores.default": 3}, "job store"),
        ({"apscheduler.executors.default": 3}, "executor"),
    ],
)
def test_a_configuration_of_the_wrong_shape_is_a_type_error(config, words):
    with pytest.raises(TypeError, match=words):
        ManualScheduler(config)


@pytest.mark.parametrize("nothing", [None, "", 0, [], False, {}])
@pytest.mark.parametrize("option", ["jobstores", "executors", "job_defaults"])
def test_a_group_of_options_may_be_empty_in_any_way(option, nothing):
    scheduler = ManualScheduler({f"apscheduler.{option}": nothing})
    scheduler.configure(**{option: nothing})
    scheduler.start()
    assert scheduler.add_job(do_nothing, "interval", hours=1).max_instances == 1


@pytest.mark.parametrize("odd", ["x", 5, True, ["x"], 1.5])
@pytest.mark.parametrize("option", ["jobstores", "executors", "job_defaults"])
def test_a_group_of_options_that_is_no_mapping_is_named(option, odd):
    with pytest.raises(TypeError, match=f"'{option}' must be a mapping, not"):
        ManualScheduler(**{option: odd})


# -- names that nobody knows ------------------------------------------------------------------------------


@pytest.mark.trap(83)
def test_an_unknown_option_warns_with_the_closest_name():
    with pytest.warns(UnknownOptionWarning, match=r"'timezon'.*did you mean 'timezone'") as told:
        ManualScheduler().configure(timezon="UTC")
    assert told[0].filename == __file__


@pytest.mark.trap(83)
@pytest.mark.parametrize("host", [ManualScheduler, BackgroundScheduler])
def test_the_warning_of_an_unknown_name_points_at_the_callers_line(host):
    with pytest.warns(UnknownOptionWarning) as told:
        host(timezone=UTC, exekutor="debug", job_defaults={"coalesc": True})
    assert [each.filename for each in told] == [__file__, __file__]


@pytest.mark.trap(83)
def test_an_unknown_job_default_warns_with_the_closest_name():
    with pytest.warns(UnknownOptionWarning, match="job default 'coalesc'.*'coalesce'"):
        ManualScheduler(job_defaults={"coalesc": True})


@pytest.mark.parametrize(
    ("group", "given", "said"),
    [
        (
            "executors",
            {"type": "threadpool", "max_worker": 3},
            "'threadpool' does not take 'max_worker' (did you mean 'max_workers'?); it takes max_workers, pool",
        ),
        (
            "executors",
            {"class": "apscheduler.executors.debug:DebugExecutor", "workers": 3},
            "the executor 'x' (class apscheduler.executors.debug:DebugExecutor) does not take 'workers'; it has no",
        ),
        (
            "jobstores",
            {"type": "memory", "histroy": 3},
            "the job store 'memory' does not take 'histroy' (did you mean 'history'?); it takes history",
        ),
        (
            "jobstores",
            {"type": "etcd", "pathh": "/x"},
            "the job store 'etcd' does not take 'pathh' (did you mean 'path'?); it takes path, client, ",
        ),
    ],
)
def test_an_unknown_option_of_what_is_made_is_refused_with_those_there_are(group, given, said):
    with pytest.raises(TypeError, match=re.escape(said)):
        ManualScheduler({f"apscheduler.{group}.x": given})


@pytest.mark.parametrize(
    ("given", "closest"), [({"job_key": "x"}, "jobs_key"), ({"hots": "h", "port": 1}, "host")]
)
def test_an_unknown_option_of_a_stores_client_is_refused_with_the_closest_one(given, closest):
    pytest.importorskip("redis")
    with pytest.raises(TypeError, match=rf"'redis' does not take '\w+' \(did you mean '{closest}'"):
        ManualScheduler(jobstores={"x": {"type": "redis", **given}})


SECONDS = "must be a number of seconds"
COUNT = "must be a whole number above 0"


@pytest.mark.parametrize(
    ("option", "value", "error", "said"),
    [
        ("jobstore_retry_interval", "x", ValueError, SECONDS),
        ("jobstore_retry_interval", "", ValueError, SECONDS),
        ("jobstore_retry_interval", None, TypeError, SECONDS),
        ("job_defaults.max_instances", "1,5", ValueError, COUNT),
        ("job_defaults.misfire_grace_time", "x", ValueError, f'{SECONDS}, or "none" for no limit'),
        ("job_defaults.timeout", "x", ValueError, f'{SECONDS}, or "none" for no limit'),
        ("threadpool.max_workers", "x", ValueError, COUNT),
        ("threadpool.max_workers", None, TypeError, COUNT),
        ("processpool.max_workers", "1.5", ValueError, COUNT),
        ("processpool.max_workers", float("inf"), OverflowError, COUNT),
        ("memory.history", "x", TypeError, "must be a whole number of runs above 0"),
        ("redis.db", "x", ValueError, "must be the number of a database"),
        ("sqlalchemy.lease", "x", TypeError, SECONDS),
        ("sqlalchemy.poll_interval", "x", TypeError, SECONDS),
        ("sqlalchemy.connect_timeout", "x", TypeError, SECONDS),
        ("sqlalchemy.answer_timeout", "x", TypeError, SECONDS),
        (
            "sqlalchemy.history",
            "x",
            TypeError,
            "must be a whole number of runs, or None for no limit",
        ),
        ("sqlalchemy.history_age", "x", TypeError, "must be a timedelta, or None for no limit"),
    ],
)
def test_an_option_that_is_no_number_is_named_with_what_it_must_be(option, value, error, said):
    where, _, name = option.rpartition(".")
    if where == "redis":
        pytest.importorskip("redis")
    group = "executors" if where.endswith("pool") else "jobstores"
    given = {"type": where, name: value, **({"url": "sqlite://"} if where == "sqlalchemy" else {})}
    config = {option: value} if where in ("", "job_defaults") else {f"{group}.x": given}
    with pytest.raises(error, match=re.escape(f"{name} {said}, not {value!r}")) as caught:
        ManualScheduler({f"apscheduler.{key}": each for key, each in config.items()})
    assert type(caught.value) is error


def test_an_option_that_is_neither_true_nor_false_is_named():
    with pytest.raises(ValueError, match=r"^coalesce: 'x' is neither true nor false"):
        ManualScheduler(job_defaults={"coalesce": "x"})
    with pytest.raises(ValueError, match=r"^daemon: 'x' is neither true nor false"):
        BackgroundScheduler(daemon="x")
    with pytest.raises(ValueError, match=r"^handle_signals: 'x' is neither true nor false"):
        BlockingScheduler(handle_signals="x")


def test_an_executor_that_is_added_by_its_name_refuses_an_unknown_option_as_well():
    with pytest.raises(TypeError, match="did you mean 'max_workers'"):
        ManualScheduler().add_executor("processpool", "x", max_worker=3)


class HandsOn(ThreadPoolExecutor):
    def __init__(self, **options):
        super().__init__(**options)


def test_a_class_that_hands_its_options_on_is_asked_for_its_bases_ones():
    with pytest.raises(TypeError, match="did you mean 'max_workers'"):
        ManualScheduler(executors={"x": {"class": HandsOn, "max_worker": 3}})


class Raises(ThreadPoolExecutor):
    def __init__(self, **options):
        raise TypeError("its own words")


def test_what_a_class_itself_says_of_its_options_stays():
    with pytest.raises(TypeError, match=r"^its own words$"):
        ManualScheduler(executors={"x": {"class": Raises, "max_worker": 3}})


def test_keys_without_the_prefix_are_none_of_the_schedulers_business():
    ManualScheduler({"celery.timezone": "UTC", "timezon": "UTC"})


# -- time zone, logger, retry interval -------------------------------------------------------------------


def test_a_time_zone_is_given_by_name_or_object():
    berlin = ZoneInfo("Europe/Berlin")
    assert ManualScheduler(timezone="Europe/Berlin").timezone == berlin
    assert ManualScheduler(timezone=berlin).timezone is berlin


@pytest.mark.parametrize(("zone", "error"), [("Europe/Berln", LookupError), (3, TypeError)])
def test_a_time_zone_that_is_none_is_refused(zone, error):
    with pytest.raises((error, ValueError)) as caught:
        ManualScheduler(timezone=zone)
    assert str(zone) in str(caught.value)


def test_the_logger_is_an_object_or_a_reference_to_one():
    own = logging.getLogger("a logger of its own")
    assert ManualScheduler(logger=own)._logger is own
    assert ManualScheduler(logger="logging:root")._logger is logging.getLogger()
    assert ManualScheduler()._logger is logging.getLogger("apscheduler.scheduler")


def test_a_failed_job_store_is_asked_again_after_the_retry_interval():
    class FailsOnce(MemoryJobStore):
        failures = 1

        def claim_due(self, request):
            if self.failures:
                self.failures -= 1
                raise ConnectionError("gone away")
            return super().claim_due(request)

    scheduler = ManualScheduler(jobstores={"default": FailsOnce()}, jobstore_retry_interval="2.5")
    assert scheduler.jobstore_retry_interval == 2.5
    ran = []
    scheduler.add_job(ran.append, "date", [1], misfire_grace_time=None)
    scheduler.start()
    assert scheduler.tick() == 2.5
    assert ran == []
    scheduler.advance(2.5)
    assert ran == [1]


# -- plug-ins --------------------------------------------------------------------------------------------------


@pytest.mark.trap(106)
def test_the_built_in_plugins_need_no_metadata(monkeypatch):
    def no_metadata(**_):
        raise AssertionError("asked for metadata")

    monkeypatch.setattr("importlib.metadata.entry_points", no_metadata)
    scheduler = ManualScheduler(
        executors={"default": {"type": "debug"}, "threads": {"type": "threadpool"}},
        jobstores={"default": {"type": "memory"}},
    )
    monkeypatch.setattr(type(scheduler), "_trigger_classes", {})
    for trigger in ("cron", "date", "interval"):
        scheduler.add_job(do_nothing, trigger)
    scheduler.add_job(do_nothing, "calendarinterval", days=1)
    scheduler.add_executor("processpool", "processes")
    assert isinstance(scheduler._executors["processes"], ProcessPoolExecutor)
    assert len(scheduler.get_jobs()) == 4


@pytest.mark.trap(107)
def test_a_plugin_of_somebody_else_is_found_by_its_entry_point(monkeypatch):
    groups = {
        "apscheduler.executors": [FakeEntryPoint("other", OtherExecutor)],
        "apscheduler.jobstores": [FakeEntryPoint("recording", RecordingStore)],
    }
    monkeypatch.setattr("importlib.metadata.entry_points", lambda *, group: groups.get(group, []))
    for name in ("_executor_plugins", "_jobstore_plugins"):
        kind = name.removeprefix("_").removesuffix("_plugins") + "s"
        monkeypatch.setattr(ManualScheduler, name, plugins_module.Plugins(kind))
    scheduler = ManualScheduler(
        executors={"default": {"type": "other", "size": 3}},
        jobstores={"default": {"type": "recording", "url": "x"}},
    )
    assert scheduler._executors["default"].options == {"size": 3}
    assert scheduler._jobstores["default"].options == {"url": "x"}


def test_a_built_in_plugin_is_not_hidden_by_an_entry_point_of_its_name(monkeypatch):
    entry_point = FakeEntryPoint("memory", RecordingStore)
    monkeypatch.setattr("importlib.metadata.entry_points", lambda *, group: [entry_point])
    found = plugins_module.Plugins("jobstores")
    list(found)
    assert found["memory"].load() is MemoryJobStore


def test_a_plugin_that_was_taken_out_is_unknown(monkeypatch):
    monkeypatch.setattr("importlib.metadata.entry_points", lambda *, group: [])
    found = plugins_module.Plugins("jobstores")
    del found["memory"]
    assert "memory" not in list(found)
    with pytest.raises(KeyError):
        found["memory"]


def test_an_executor_or_store_is_made_from_its_class_or_a_reference_to_it():
    scheduler = ManualScheduler(
        executors={"default": {"class": OtherExecutor, "size": 3}},
        jobstores={"default": {"class": "apscheduler.jobstores.memory:MemoryJobStore"}},
    )
    assert scheduler._executors["default"].options == {"size": 3}
    assert type(scheduler._jobstores["default"]) is MemoryJobStore


def test_a_plugin_without_type_or_class_is_refused():
    with pytest.raises(ValueError, match=r"'default'.*'type'.*'class'"):
        ManualScheduler(executors={"default": {"max_workers": 3}})


def test_a_plugin_that_is_no_class_of_its_kind_is_refused(monkeypatch):
    found = plugins_module.Plugins("executors")
    found["odd"] = FakeEntryPoint("odd", dict)
    monkeypatch.setattr(ManualScheduler, "_executor_plugins", found)
    with pytest.raises(TypeError, match=r"'odd'.*executor class"):
        ManualScheduler(executor="odd")


# -- executor= -----------------------------------------------------------------------------------------------------


def test_the_default_executor_is_given_as_an_instance_or_a_name():
    own = DebugExecutor()
    assert ManualScheduler(executor=own)._executors == {"default": own}
    assert isinstance(ManualScheduler(executor="debug")._executors["default"], DebugExecutor)


def test_the_default_executor_may_be_a_pool_of_concurrent_futures(background):
    done = Event()
    with FuturesPool(1) as pool:
        background.configure(executor=pool, timezone=UTC)
        assert isinstance(background._executors["default"], FuturesExecutor)
        background.add_job(done.set)
        background.start()
        assert done.wait(PATIENCE)
        background.shutdown()


def test_executor_and_a_default_among_executors_contradict_each_other():
    with pytest.raises(ValueError, match="executor"):
        ManualScheduler(executor=DebugExecutor(), executors={"default": DebugExecutor()})


def test_executor_and_another_among_executors_fit_together():
    scheduler = ManualScheduler(executor="debug", executors={"second": "debug"})
    assert set(scheduler._executors) == {"default", "second"}


# -- several executors and stores, by add and remove -------------------------------------------------------------------


@pytest.mark.parametrize("running", [False, True])
def test_adding_and_removing_executors_and_stores_is_announced(running):
    scheduler = ManualScheduler(executor="debug", jobstores={"default": "memory"})
    if running:
        scheduler.start()
    seen = recorded(scheduler)
    scheduler.add_executor("debug", "second")
    scheduler.add_jobstore("memory", "second")
    scheduler.remove_executor("second")
    scheduler.remove_jobstore("second")
    assert said(seen) == [
        (ev.EVENT_EXECUTOR_ADDED, "second"),
        (ev.EVENT_JOBSTORE_ADDED, "second"),
        (ev.EVENT_EXECUTOR_REMOVED, "second"),
        (ev.EVENT_JOBSTORE_REMOVED, "second"),
    ]


def test_an_executor_can_be_removed_and_go_on():
    class Kept(DebugExecutor):
        ended = False

        def shutdown(self, wait=True):
            self.ended = True

    scheduler = ManualScheduler(executors={"default": "debug", "second": Kept()})
    executor = scheduler._executors["second"]
    scheduler.start()
    scheduler.remove_executor("second", shutdown=False)
    assert not executor.ended
    scheduler.add_executor(executor, "second")
    scheduler.remove_executor("second")
    assert executor.ended


def test_an_executor_that_fails_at_its_end_is_told_and_the_others_and_the_stores_end(caplog):
    ended = []

    class Failing(DebugExecutor):
        def shutdown(self, wait=True):
            raise OSError("gone")

    class Ending(DebugExecutor):
        def shutdown(self, wait=True):
            ended.append("executor")

    class Store(MemoryJobStore):
        def shutdown(self):
            ended.append("store")

    executors = {"default": Failing(), "second": Ending()}
    scheduler = ManualScheduler(executors=executors, jobstores={"default": Store()})
    scheduler.start()
    scheduler.shutdown()
    assert ended == ["executor", "store"]
    assert "Executor 'default' could not be shut down cleanly" in caplog.text
    assert "OSError: gone" in caplog.text


@pytest.mark.parametrize("kind", ["executor", "jobstore"])
def test_a_taken_alias_is_a_value_error_and_an_unknown_one_a_key_error(kind):
    scheduler = ManualScheduler()
    add, remove = getattr(scheduler, f"add_{kind}"), getattr(scheduler, f"remove_{kind}")
    plugin = {"executor": "debug", "jobstore": "memory"}[kind]
    add(plugin, "archive")
    with pytest.raises(ValueError, match="'archive'"):
        add(plugin, "archive")
    with pytest.raises(KeyError, match=r"'archiv'.*did you mean 'archive'"):
        remove("archiv")
    with pytest.raises(TypeError, match="42"):
        add(42, "new")


def test_jobs_go_to_the_store_and_executor_they_name():
    ran = []

    class Loud(DebugExecutor):
        def submit_claims(self, items):
            ran.append(len(items))
            return super().submit_claims(items)

    scheduler = ManualScheduler(
        executors={"default": "debug", "loud": Loud()},
        jobstores={"default": "memory", "second": "memory"},
    )
    scheduler.start()
    scheduler.add_job(ran.append, "interval", ["a"], id="a", hours=1)
    job = scheduler.add_job(
        ran.append, "interval", ["b"], id="b", hours=1, jobstore="second", executor="loud"
    )
    assert [each.id for each in scheduler.get_jobs("second")] == ["b"]
    assert [each.id for each in scheduler.get_jobs()] == ["a", "b"]
    assert scheduler.get_job("b", "default") is None
    assert scheduler.get_job("b", "second") == job
    scheduler.advance(timedelta(hours=1))
    assert sorted(map(str, ran)) == ["1", "a", "b"]


def test_a_removed_store_keeps_its_jobs_and_they_run_once_it_is_back():
    ran = []
    store = MemoryJobStore()
    scheduler = ManualScheduler(jobstores={"second": store})
    scheduler.start()
    scheduler.add_job(
        ran.append, "interval", ["x"], id="x", hours=1, jobstore="second", misfire_grace_time=None
    )
    scheduler.remove_jobstore("second", shutdown=False)
    scheduler.advance(timedelta(hours=1))
    assert (ran, scheduler.get_jobs()) == ([], [])
    scheduler.add_jobstore(store, "second")
    scheduler.tick()
    assert ran == ["x"]


def test_a_store_added_to_a_running_scheduler_gets_the_jobs_that_wait_for_it():
    scheduler = ManualScheduler()
    scheduler.add_job(do_nothing, "interval", hours=1, id="early", jobstore="late")
    scheduler.add_jobstore("memory", "late")
    scheduler.start()
    assert [job.id for job in scheduler.get_jobs("late")] == ["early"]


# -- configure() ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("paused", [False, True])
def test_a_running_scheduler_is_not_configured(paused):
    scheduler = ManualScheduler()
    scheduler.start(paused=paused)
    with pytest.raises(SchedulerAlreadyRunningError):
        scheduler.configure(timezone="UTC")


@pytest.mark.trap(86)
def test_a_scheduler_configured_anew_before_its_start_runs_its_jobs(background):
    done = Event()
    background.configure(executors={"default": ThreadPoolExecutor(1)}, timezone=UTC)
    background.add_job(done.set)
    replacement = ThreadPoolExecutor(2)
    background.configure(executors={"default": replacement}, timezone=UTC)
    assert background._executors == {"default": replacement}
    background.start()
    assert done.wait(PATIENCE)
    background.shutdown()


@pytest.mark.trap(86)
def test_configuring_anew_forgets_the_stores_and_defaults_of_before():
    scheduler = ManualScheduler(
        jobstores={"old": "memory"}, job_defaults={"max_instances": 5}, executors={"old": "debug"}
    )
    scheduler.configure(timezone=UTC)
    assert (scheduler._jobstores, scheduler._executors) == ({}, {})
    assert scheduler._job_defaults["max_instances"] == 1


def test_a_configuration_that_fails_leaves_the_parts_of_before():
    store = MemoryJobStore()
    scheduler = ManualScheduler(jobstores={"default": store})
    with pytest.raises(LookupError):
        scheduler.configure(jobstores={"default": "memory", "other": "nosuchstore"}, timezone=UTC)
    assert scheduler._jobstores == {"default": store}


# -- life ------------------------------------------------------------------------------------------------------------------


def test_the_states_have_the_numbers_of_3x():
    assert (STATE_STOPPED, STATE_RUNNING, STATE_PAUSED) == (0, 1, 2)


@pytest.mark.trap(73)
@pytest.mark.parametrize("paused", [False, True])
@pytest.mark.parametrize("host", [ManualScheduler, BackgroundScheduler])
def test_a_running_scheduler_is_not_started_again(host, paused):
    scheduler = host(timezone=UTC)
    scheduler.start(paused=paused)
    try:
        with pytest.raises(SchedulerAlreadyRunningError):
            scheduler.start()
        assert scheduler.state == (STATE_PAUSED if paused else STATE_RUNNING)
    finally:
        scheduler.shutdown()


@pytest.mark.trap(84)
@pytest.mark.parametrize("method", ["shutdown", "pause", "resume"])
@pytest.mark.parametrize("host", [ManualScheduler, BackgroundScheduler, BlockingScheduler])
def test_what_only_a_running_scheduler_does_says_so(host, method):
    with pytest.raises(SchedulerNotRunningError):
        getattr(host(timezone=UTC), method)()


@pytest.mark.trap(84)
def test_a_scheduler_that_was_shut_down_leaves_no_thread_behind(background):
    done = Event()
    before = set(threading.enumerate())
    background.add_job(done.set)
    background.start()
    assert done.wait(PATIENCE)
    background.shutdown()
    assert set(threading.enumerate()) <= before


@pytest.mark.trap(72)
def test_a_scheduler_started_again_after_its_shutdown_runs_jobs(background):
    first, second = Event(), Event()
    background.add_job(first.set)
    background.start()
    assert first.wait(PATIENCE)
    background.shutdown()
    assert background.state == STATE_STOPPED
    background.start()
    background.add_job(second.set)
    assert second.wait(PATIENCE)


def test_a_scheduler_started_paused_runs_its_jobs_when_resumed():
    ran = []
    scheduler = ManualScheduler()
    seen = recorded(scheduler)
    scheduler.add_job(ran.append, "date", ["once"], misfire_grace_time=None)
    scheduler.start(paused=True)
    assert (scheduler.state, scheduler.running) == (STATE_PAUSED, True)
    scheduler.advance(5)
    assert ran == []
    scheduler.resume()
    scheduler.tick()
    assert ran == ["once"]
    codes = [event.code for event in seen]
    assert ev.EVENT_SCHEDULER_STARTED in codes
    assert ev.EVENT_SCHEDULER_RESUMED in codes


def test_pausing_twice_is_announced_once():
    scheduler = ManualScheduler()
    scheduler.start()
    seen = recorded(scheduler)
    scheduler.pause()
    scheduler.pause()
    scheduler.resume()
    scheduler.resume()
    scheduler.shutdown()
    assert [event.code for event in seen] == [
        ev.EVENT_SCHEDULER_PAUSED,
        ev.EVENT_SCHEDULER_RESUMED,
        ev.EVENT_SCHEDULER_SHUTDOWN,
    ]


@pytest.mark.parametrize(
    ("zone", "error"), [("", ValueError), (0, TypeError), (False, TypeError), ({}, TypeError)]
)
def test_what_is_no_zone_is_refused(zone, error):
    with pytest.raises(error):
        BackgroundScheduler(timezone=zone)
