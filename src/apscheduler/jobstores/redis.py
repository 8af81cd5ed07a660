"""A job store in Redis or Valkey, as 3.x keeps it: for one scheduler process.

A hash holds each job's pickle by its id; a sorted set holds the ids of the jobs that are not paused, by next fire
time in seconds since 1970. Both are changed in one transaction. 3.x reads what is written here, and the reverse.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from datetime import UTC, datetime

from apscheduler._engine.instants import NEVER, SECOND, from_us, to_us
from apscheduler.amounts import read_option
from apscheduler.elsewhere import names_of_3x
from apscheduler.jobstores._pickled.connecting import (
    connected,
    or_none,
    port,
    read_arguments,
    seconds,
    truth,
    whole,
)
from apscheduler.jobstores._pickled.store import Entry, Note, PickledJobStore
from apscheduler.jobstores._rows import from_float
from apscheduler.jobstores.base import ConflictingIdError, JobLookupError, due_order

try:
    from redis import Redis
except ImportError as exc:
    raise ImportError("RedisJobStore needs redis-py: pip install 'tickwright[redis]'") from exc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.job import Job

_HALF_A_MICROSECOND = 0.5 / SECOND
_READERS = {
    "port": port,
    "socket_timeout": or_none(seconds),
    "socket_connect_timeout": or_none(seconds),
    "socket_read_size": whole,
    "health_check_interval": seconds,
    "max_connections": or_none(whole),
    "protocol": or_none(whole),
    **dict.fromkeys(
        (
            "decode_responses",
            "legacy_responses",
            "retry_on_timeout",
            "single_connection_client",
            "socket_keepalive",
            "ssl",
            "ssl_check_hostname",
            "ssl_validate_ocsp",
            "ssl_validate_ocsp_stapled",
        ),
        truth,
    ),
}
_WITHOUT_PORT = {"connection_pool", "unix_socket_path"}


class RedisJobStore(PickledJobStore):
    """Stores jobs in a Redis database. Only one scheduler process may use the same keys.

    What cannot be restored stays there and is quarantined (see ``scheduler.get_quarantined()``).

    :param db: number of the database
    :param jobs_key: key of the hash of jobs
    :param run_times_key: key of the sorted set of next fire times
    :param pickle_protocol: protocol of the jobs' pickles
    :param connect_args: keyword arguments of ``redis.Redis``
    :raises ValueError, TypeError: for a value that is not the number it should be, an empty key, a client that decodes
        replies, or a keyword argument that ``redis.Redis`` does not know
    """

    def __init__(
        self,
        db: int = 0,
        jobs_key: str = "apscheduler.jobs",
        run_times_key: str = "apscheduler.run_times",
        pickle_protocol: int = pickle.HIGHEST_PROTOCOL,
        **connect_args: Any,
    ) -> None:
        super().__init__(pickle_protocol)
        given: dict[str, Any] = {"db": db, "jobs_key": jobs_key, "run_times_key": run_times_key}
        for name, value in given.items():
            if value is None or value == "":
                raise ValueError(f"{name} must not be empty")
        self.jobs_key = jobs_key
        self.run_times_key = run_times_key
        number = read_option(int, "db", db, "the number of a database")
        if number < 0:
            raise ValueError(f"db must be the number of a database, 0 or more, not {db!r}")
        self.redis = connected(self, Redis, {"db": number, **_read(connect_args)})
        if self.redis.connection_pool.connection_kwargs.get("decode_responses"):
            raise ValueError(
                "RedisJobStore keeps bytes, which a client with decode_responses=True cannot read: leave it out"
            )

    def _place(self) -> str:
        """Return where the server is, for log lines."""
        given = self.redis.connection_pool.connection_kwargs
        return str(given.get("path") or f"{given['host']}:{given['port']}")

    # -- finding ------------------------------------------------------------------------------------

    def lookup_job(self, job_id: str) -> Job | None:
        state = self.redis.hget(self.jobs_key, job_id)
        if state is None:
            self._forget(job_id)
            return None
        found = self._reconstitute_jobs([(job_id, state)])
        return found[0] if found else None

    def get_due_jobs(self, now: datetime) -> list[Job]:
        # A score is the double nearest to its microsecond, which may be another one than 3.x's arithmetic gives.
        latest = to_us(now) / SECOND + _HALF_A_MICROSECOND
        scores = self.redis.zrangebyscore(self.run_times_key, "-inf", latest, withscores=True)
        members = [member for member, _ in scores]
        states = self.redis.hmget(self.jobs_key, members) if members else []
        orphans = [m for (m, _), state in zip(scores, states, strict=True) if state is None]
        if orphans:
            self._logger.warning(
                "Fire times without a job are removed from %s: %s", self.run_times_key, orphans
            )
            self.redis.zrem(self.run_times_key, *orphans)
        return due_order(
            self._restored_due(
                Entry(_text(member), state, score)
                for (member, score), state in zip(scores, states, strict=True)
                if state is not None
            )
        )

    def get_next_run_time(self) -> datetime | None:
        # Jobs in quarantine do not count. One row more than there are of them shows the first other job.
        first = self.redis.zrange(self.run_times_key, 0, len(self._notes), withscores=True)
        for member, score in first:
            if _text(member) not in self._notes:
                return from_us(from_float(score), UTC)
        return None

    def get_all_jobs(self) -> list[Job]:
        states = self.redis.hgetall(self.jobs_key)
        self._forget_all_but({_text(key) for key in states})
        return due_order(self._reconstitute_jobs(states.items()))

    def _reconstitute_jobs(self, job_states: Iterable[tuple[bytes | str, bytes]]) -> list[Job]:
        """Return the jobs that can be restored (a name of 3.x's that other code uses)."""
        return self._restored(Entry(_text(key), state, None) for key, state in job_states)

    def _due_of(self, job_id: str, note: Note) -> float | None:
        score: float | None = self.redis.zscore(self.run_times_key, job_id)
        return score

    # -- changing -------------------------------------------------------------------------------------

    def add_job(self, job: Job) -> None:
        if self.redis.hexists(self.jobs_key, job.id):
            raise ConflictingIdError(job.id)
        self._write(job)

    def update_job(self, job: Job) -> None:
        if not self.redis.hexists(self.jobs_key, job.id):
            raise JobLookupError(job.id)
        self._write(job)

    def _write(self, job: Job) -> None:
        state = self._pickled(job.__getstate__())
        # A client repeats a transaction whose reply was lost: writing the same twice is harmless.
        with self.redis.pipeline() as pipe:
            pipe.hset(self.jobs_key, job.id, state)
            if job._due == NEVER:
                pipe.zrem(self.run_times_key, job.id)
            else:
                pipe.zadd(self.run_times_key, {job.id: job._due / SECOND})
            pipe.execute()
        self._forget(job.id)

    def remove_job(self, job_id: str) -> None:
        # The count that HDEL returns is 0 where a client repeats a transaction whose reply was lost.
        if not self.redis.hexists(self.jobs_key, job_id):
            raise JobLookupError(job_id)
        with self.redis.pipeline() as pipe:
            pipe.hdel(self.jobs_key, job_id)
            pipe.zrem(self.run_times_key, job_id)
            pipe.execute()
        self._forget(job_id)

    def remove_all_jobs(self) -> None:
        self.redis.delete(self.jobs_key, self.run_times_key)
        self._forget_all_but(())

    def shutdown(self) -> None:
        self.redis.connection_pool.disconnect()


def _read(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the client's arguments as it takes them; the port stays as given if the client does not look at it."""
    has_port = not any(arguments.get(name) for name in _WITHOUT_PORT)
    readers = _READERS if has_port else {**_READERS, "port": lambda _, value: value}
    return read_arguments(arguments, readers)


def _text(key: bytes | str) -> str:
    return key if isinstance(key, str) else key.decode(errors="backslashreplace")


if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
