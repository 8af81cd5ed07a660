"""A job store in MongoDB, as 3.x keeps it: for one scheduler process.

Each job is a document: its id, its next fire time in seconds since 1970 (null for a paused job), and its pickle. 3.x
reads what is written here, and the reverse. The tests speak to a double of the server, not to MongoDB itself.
"""

from __future__ import annotations

import pickle
import warnings
from datetime import UTC, datetime

from apscheduler._engine.instants import NEVER, SECOND, from_us, to_us
from apscheduler.elsewhere import names_of_3x
from apscheduler.jobstores._pickled.connecting import or_none, port, read_arguments
from apscheduler.jobstores._pickled.store import Entry, PickledJobStore
from apscheduler.jobstores._rows import from_float
from apscheduler.jobstores.base import ConflictingIdError, JobLookupError, due_order
from apscheduler.references import maybe_ref

try:
    from bson.binary import Binary
    from pymongo import ASCENDING, MongoClient
    from pymongo.errors import DuplicateKeyError
except ImportError as exc:
    raise ImportError("MongoDBJobStore needs pymongo: pip install 'tickwright[mongodb]'") from exc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.job import Job

_HALF_A_MICROSECOND = 0.5 / SECOND
_READERS = {"port": or_none(port)}
"""The client reads the texts of its other options itself."""


class MongoDBJobStore(PickledJobStore):
    """Stores jobs in a MongoDB collection. Only one scheduler process may use the same collection.

    What cannot be restored stays there and is quarantined (see ``scheduler.get_quarantined()``).

    :param database: name of the database
    :param collection: name of the collection
    :param client: a ``MongoClient``, or a text reference to one; it is closed when the scheduler ends, as in 3.x
    :param pickle_protocol: protocol of the jobs' pickles
    :param connect_args: keyword arguments of ``MongoClient``, where no client is given
    :raises ValueError, TypeError: for an empty name, or a value that is not the number it should be
    :raises pymongo.errors.ConfigurationError: for a keyword argument that ``MongoClient`` does not know
    """

    def __init__(
        self,
        database: str = "apscheduler",
        collection: str = "jobs",
        client: Any = None,
        pickle_protocol: int = pickle.HIGHEST_PROTOCOL,
        **connect_args: Any,
    ) -> None:
        super().__init__(pickle_protocol)
        for name, value in (("database", database), ("collection", collection)):
            if not value:
                raise ValueError(f"{name} must not be empty")
        self._names = (database, collection)
        self._is_own = client is None
        self._connect_args = {"w": 1, **read_arguments(connect_args, _READERS)}
        self._use(MongoClient(**self._connect_args) if self._is_own else maybe_ref(client))

    def _use(self, client: Any) -> None:
        database, collection = self._names
        self.client = client
        self.collection = client[database][collection]
        self._is_closed = False

    def _place(self) -> str:
        """Return where the servers are, for log lines."""
        return ", ".join(
            f"{host}:{port}" for host, port in sorted(self.client._topology_settings.seeds)
        )

    def start(self, scheduler: Any, alias: str) -> None:
        super().start(scheduler, alias)
        if self._is_closed and self._is_own:  # a closed client stays closed
            self._use(MongoClient(**self._connect_args))
        self.collection.create_index("next_run_time", sparse=True)

    @property
    def connection(self) -> Any:
        """The client, under its old name."""
        warnings.warn(
            "MongoDBJobStore.connection is MongoDBJobStore.client", DeprecationWarning, stacklevel=2
        )
        return self.client

    # -- finding ------------------------------------------------------------------------------------

    def lookup_job(self, job_id: str) -> Job | None:
        found = self.collection.find_one({"_id": job_id})
        if found is None:
            self._forget(job_id)
            return None
        return self._restore(_entry(found))

    def get_due_jobs(self, now: datetime) -> list[Job]:
        latest = to_us(now) / SECOND + _HALF_A_MICROSECOND
        return due_order(self._get_jobs({"next_run_time": {"$lte": latest}}))

    def get_next_run_time(self) -> datetime | None:
        # Jobs in quarantine do not count.
        condition: dict[str, Any] = {"next_run_time": {"$ne": None}}
        if self._notes:
            condition["_id"] = {"$nin": list(self._notes)}
        found = self.collection.find_one(
            condition, projection=["next_run_time"], sort=[("next_run_time", ASCENDING)]
        )
        return None if found is None else from_us(from_float(found["next_run_time"]), UTC)

    def get_all_jobs(self) -> list[Job]:
        return due_order(self._get_jobs({}))

    def _get_jobs(self, conditions: dict[str, Any]) -> list[Job]:
        """Return the jobs of the documents found (a name of 3.x's that other code uses).

        :param conditions: a filter of MongoDB; an empty one lists all jobs, any other one is a pass's
        """
        entries = [_entry(found) for found in self.collection.find(conditions)]
        if conditions:
            return self._restored_due(entries)
        self._forget_all_but({entry.id for entry in entries})
        return self._restored(entries)

    # -- changing -------------------------------------------------------------------------------------

    def _fields(self, job: Job) -> dict[str, Any]:
        due = None if job._due == NEVER else job._due / SECOND
        return {"next_run_time": due, "job_state": Binary(self._pickled(job.__getstate__()))}

    def add_job(self, job: Job) -> None:
        try:
            self.collection.insert_one({"_id": job.id, **self._fields(job)})
        except DuplicateKeyError:
            raise ConflictingIdError(job.id) from None
        self._forget(job.id)

    def update_job(self, job: Job) -> None:
        result = self.collection.update_one({"_id": job.id}, {"$set": self._fields(job)})
        if not result.matched_count:
            raise JobLookupError(job.id)
        self._forget(job.id)

    def remove_job(self, job_id: str) -> None:
        if not self.collection.delete_one({"_id": job_id}).deleted_count:
            raise JobLookupError(job_id)
        self._forget(job_id)

    def remove_all_jobs(self) -> None:
        self.collection.delete_many({})
        self._forget_all_but(())

    def shutdown(self) -> None:
        self.client.close()
        self._is_closed = True

    def __repr__(self) -> str:
        return f"<{type(self).__name__} (client={self.client})>"


def _entry(found: dict[str, Any]) -> Entry:
    return Entry(found["_id"], found.get("job_state"), found.get("next_run_time"))


if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
