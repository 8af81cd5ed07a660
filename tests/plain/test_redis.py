"""The Redis store: the contract of plain stores, 3.11.3 beside it, and what is special to Redis. Needs a server."""

from __future__ import annotations

import pickle
import secrets

import pytest
from plain.beside import BesideReference, Place, plain_state
from plain.running import RunsFromPlace
from plain.services import redis_address, require_redis
from redis import Redis
from redis.exceptions import ConnectionError as NoRedisError

from apscheduler.jobstores.redis import RedisJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.testing import ManualScheduler
from apscheduler.testing._contract_jobs import NOW, make_job, moment
from apscheduler.testing.contracts import PlainStoreContract


class RedisPlace(Place):
    store_class = RedisJobStore
    client = "redis"
    complaint = "UnpicklingError"

    def __init__(self) -> None:
        require_redis()
        name = f"t_{secrets.token_hex(6)}"
        self.jobs, self.times = f"{name}.jobs", f"{name}.times"
        self.options = {"db": 9, "jobs_key": self.jobs, "run_times_key": self.times}
        self.options |= redis_address()
        self.redis = Redis(db=9, **redis_address())

    def raw(self):
        states = self.redis.hgetall(self.jobs)
        return {
            "jobs": {key: plain_state(pickle.loads(value)) for key, value in states.items()},
            "times": self.redis.zrange(self.times, 0, -1, withscores=True),
        }

    def is_bare(self):
        return not self.redis.exists(self.jobs, self.times)

    def raw_bytes(self, job_id):
        return self.redis.hget(self.jobs, job_id)

    def spoil(self, job_id):
        self.kept = self.raw_bytes(job_id)
        self.redis.hset(self.jobs, job_id, b"no pickle")

    def mend(self, job_id):
        self.redis.hset(self.jobs, job_id, self.kept)

    def pause_in_store(self, job_id):
        self.redis.zrem(self.times, job_id)

    def close(self):
        self.redis.delete(self.jobs, self.times)
        self.redis.close()


@pytest.fixture
def place():
    made = RedisPlace()
    yield made
    made.close()


@pytest.fixture
def other_place():
    made = RedisPlace()
    yield made
    made.close()


@pytest.mark.trap(9, 10)
class TestRedisStore(PlainStoreContract):
    def make_store(self):
        self.place = RedisPlace()
        return self.place.store()

    def teardown_method(self):
        super().teardown_method()
        self.place.close()


class TestBesideReference(BesideReference):
    pass


class TestRuns(RunsFromPlace):
    pass


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"db": None}, ValueError),
        ({"db": "x"}, ValueError),
        ({"jobs_key": ""}, ValueError),
        ({"jobs_key": None}, ValueError),
        ({"run_times_key": ""}, ValueError),
        ({"bogus": 1}, TypeError),
    ],
)
def test_what_3_11_3_refuses_is_refused_with_its_exception(options, error):
    with pytest.raises(error):
        RedisJobStore(**options)


def test_the_constructor_takes_its_arguments_by_position():
    store = RedisJobStore("3", "jobs", "times", 4, host="nowhere", port=1)
    given = store.redis.connection_pool.connection_kwargs
    assert (given["db"], given["host"], given["port"]) == (3, "nowhere", 1)
    assert (store.jobs_key, store.run_times_key, store.pickle_protocol) == ("jobs", "times", 4)


def test_a_client_that_decodes_replies_is_refused():
    with pytest.raises(ValueError, match="decode_responses=True cannot"):
        RedisJobStore(decode_responses=True)
    with pytest.raises(ValueError, match="decode_responses=True cannot"):
        RedisJobStore(connection_pool=Redis(decode_responses=True).connection_pool)


def test_a_fire_time_without_a_job_is_removed_when_it_is_due(scheduler, place, caplog):
    scheduler.add_job("posixpath:join", "interval", ["a"], seconds=10, id="a")
    place.redis.zadd(place.times, {"orphan": NOW / 1e6})
    store = scheduler._jobstores["default"]
    assert store.get_next_run_time() == moment(NOW)
    assert store.get_due_jobs(moment(NOW)) == []
    assert "orphan" in caplog.text
    assert place.redis.zrange(place.times, 0, -1) == [b"a"]


def test_the_score_says_when_a_job_is_due(scheduler, place):
    scheduler.add_job("posixpath:join", "interval", ["a"], seconds=10, id="a")
    place.redis.zadd(place.times, {"a": (NOW + 3) / 1e6})
    (job,) = scheduler._jobstores["default"].get_due_jobs(moment(NOW + 3))
    assert job.next_run_time == moment(NOW + 3)


def test_a_job_written_under_another_id_is_quarantined(scheduler, place):
    scheduler.add_job("posixpath:join", "interval", ["a"], seconds=10, id="a")
    place.redis.rename(place.jobs, f"{place.jobs}.old")
    state = place.redis.hget(f"{place.jobs}.old", "a")
    place.redis.delete(f"{place.jobs}.old")
    place.redis.hset(place.jobs, "b", state)
    assert scheduler.get_jobs() == []
    (kept,) = scheduler.get_quarantined()
    assert "under the id 'b' the job 'a'" in kept.reason


def test_a_store_without_a_server_raises_its_clients_error():
    store = RedisJobStore(port=1, host="127.0.0.1")
    store.start(None, "default")
    with pytest.raises(NoRedisError):
        store.get_all_jobs()


@pytest.mark.parametrize("by", ["alias", "configuration"])
def test_it_is_made_by_its_alias(place, by):
    if by == "alias":
        made = BackgroundScheduler()
        made.add_jobstore("redis", "kept", **place.options)
    else:
        prefix = "apscheduler.jobstores.kept."
        options = {f"{prefix}{name}": str(value) for name, value in place.options.items()}
        made = BackgroundScheduler({f"{prefix}type": "redis", **options})
    made.start(paused=True)
    made.add_job("posixpath:join", "interval", ["a"], seconds=10, id="a", jobstore="kept")
    assert place.redis.hkeys(place.jobs) == [b"a"]
    made.shutdown()


def test_jobs_of_a_shut_down_store_can_be_used_again(place):
    store = place.store()
    manual = ManualScheduler()
    store.start(manual, "default")
    store.add_job(make_job(manual, "a"))
    store.shutdown()
    assert [job.id for job in store.get_all_jobs()] == ["a"]
    store.shutdown()
