"""A job store in RethinkDB, as 3.x keeps it: for one scheduler process.

Each job is a document: its id, its next fire time in seconds since 1970 (null for a paused job), and its pickle as
binary. 3.x reads what is written here, and the reverse. The tests speak to a double of the server, not to RethinkDB itself.
"""

from __future__ import annotations

import os
import pickle
from datetime import UTC, datetime
from functools import partial
from threading import Lock

from apscheduler._engine.instants import NEVER, SECOND, from_us, to_us
from apscheduler.elsewhere import names_of_3x
from apscheduler.jobstores._pickled.connecting import check_names, port, read_arguments, seconds
from apscheduler.jobstores._pickled.store import Entry, PickledJobStore
from apscheduler.jobstores._rows import EARLIEST_SECONDS, LATEST_SECONDS, due_of, from_float
from apscheduler.jobstores.base import ConflictingIdError, JobLookupError, due_order
from apscheduler.references import maybe_ref
from apscheduler.texts import line

try:
    from rethinkdb import RethinkDB
    from rethinkdb.errors import ReqlDriverError, ReqlOpFailedError
    from rethinkdb.net import make_connection
except ImportError as exc:
    raise ImportError(
        "RethinkDBJobStore needs rethinkdb: pip install 'tickwright[rethinkdb]'"
    ) from exc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from apscheduler.job import Job

_INDEX = "next_run_time"
_READERS = {
    # An empty value, or 0, means the driver's own value.
    "port": lambda name, value: port(name, value) if value else value,
    "timeout": lambda name, value: seconds(name, value) if value else value,
}
_connect = partial(make_connection, None)
"""Has the parameters that the driver's ``connect`` takes."""
_BESIDE = {"json_decoder", "json_encoder"}
"""Arguments that the driver takes beside these parameters."""
_HALF_A_MICROSECOND = 0.5 / SECOND
_PATIENCE = 3.0
"""Seconds for which a shutdown waits for a query that has no answer yet."""


class RethinkDBJobStore(PickledJobStore):
    """Stores jobs in a RethinkDB table. Only one scheduler process may use the same table.

    Database, table and an index are made when the scheduler starts. A lost connection is opened again at the next call.
    What cannot be restored stays there and is quarantined (see ``scheduler.get_quarantined()``).

    :param database: name of the database
    :param table: name of the table
    :param client: a connection of the driver that blocks, or a text reference to one; it is closed when the scheduler
        ends, as in 3.x, and opened again where it is not open
    :param pickle_protocol: protocol of the jobs' pickles
    :param connect_args: keyword arguments of the driver's ``connect``, where no client is given
    :raises ValueError, TypeError: for an empty name, a value that is not the number it should be, or a keyword argument
        that the driver does not know
    """

    def __init__(
        self,
        database: str = "apscheduler",
        table: str = "jobs",
        client: Any = None,
        pickle_protocol: int = pickle.HIGHEST_PROTOCOL,
        **connect_args: Any,
    ) -> None:
        super().__init__(pickle_protocol)
        for name, value in (("database", database), ("table", table)):
            if not value:
                raise ValueError(f"{name} must not be empty")
        self.database = database
        self.table_name = table
        self.client = client
        self.connect_args = self._read_arguments(connect_args) if client is None else connect_args
        self.r = RethinkDB()  # one of its own: the driver's shared one may be made asynchronous
        self.table = self.r.db(database).table(table)
        self._line = Line(self._connected)
        self._is_made = False

    def _read_arguments(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the driver's arguments as it takes them. The driver itself looks at them only when it connects."""
        check_names(self, _connect, [name for name in given if name not in _BESIDE])
        return read_arguments(given, _READERS)

    @property
    def conn(self) -> Any:
        """The connection, ``None`` before it is first needed (a name of 3.x's)."""
        return self._line.connection

    def _place(self) -> str:
        """Return where the server is, for log lines."""
        given = self.connect_args
        return (
            f"{given.get('host', 'localhost')}:{given.get('port', 28015)}"
            if self.client is None
            else ""
        )

    def _connected(self, former: Any) -> Any:
        """Return an open connection in the place of ``former``, which is not open, or ``None``."""
        if self.client is None:
            return self.r.connect(**self.connect_args)
        given = maybe_ref(self.client) if former is None else former
        if not _is_open(given):
            try:
                given.reconnect(noreply_wait=False)
            except AttributeError:  # rethinkdb 2.4.10, once after a reconnect that failed
                given.reconnect(noreply_wait=False)
        return given

    def start(self, scheduler: Any, alias: str) -> None:
        super().start(scheduler, alias)
        self._line.begin()
        database = self.r.db(self.database)
        self._make(self.database, self.r.db_list(), self.r.db_create(self.database))
        self._make(self.table_name, database.table_list(), database.table_create(self.table_name))
        self._make(_INDEX, self.table.index_list(), self.table.index_create(_INDEX))
        self._line.read(self.table.index_wait(_INDEX))
        self._is_made = True

    def _is_there(self) -> bool:
        """Return whether there is a table: a store that is only read makes none."""
        if not self._is_made:
            database = self.r.db(self.database)
            self._is_made = self.database in self._line.read(
                self.r.db_list()
            ) and self.table_name in self._line.read(database.table_list())
        return self._is_made

    def _make(self, name: str, names: Any, creation: Any) -> None:
        if name in self._line.read(names):
            return
        try:
            self._line.write(creation)
        except ReqlOpFailedError:
            if name not in self._line.read(names):  # else another process made it since
                raise

    # -- finding ------------------------------------------------------------------------------------

    def lookup_job(self, job_id: str) -> Job | None:
        found = self._line.read(self.table.get(job_id)) if self._is_there() else None
        if found is None:
            self._forget(job_id)
            return None
        return self._restore(_entry(found))

    def get_due_jobs(self, now: datetime) -> list[Job]:
        latest = to_us(now) / SECOND + _HALF_A_MICROSECOND
        return due_order(self._get_jobs(self.r.row["next_run_time"] <= latest))

    def get_next_run_time(self) -> datetime | None:
        # Jobs in quarantine do not count. One row more than there are of them shows the first other job.
        first = self._timed().order_by(index=_INDEX).limit(len(self._notes) + 1)
        for found in self._line.read(first.pluck("id", "next_run_time"), list):
            if found["id"] not in self._notes:
                return from_us(from_float(found["next_run_time"]), UTC)
        return None

    def get_all_jobs(self) -> list[Job]:
        return due_order(self._get_jobs()) if self._is_there() else []

    def _timed(self) -> Any:
        """Return the documents whose next fire time is a time; a paused job has none, and others may write anything."""
        return self.table.between(
            EARLIEST_SECONDS, LATEST_SECONDS, index=_INDEX, right_bound="closed"
        )

    def _get_jobs(self, predicate: Any = None) -> list[Job]:
        """Return the jobs of the documents found (a name of 3.x's that other code uses).

        :param predicate: what ReQL's ``filter`` takes, for a pass; ``None`` lists all jobs
        """
        found = self.table if predicate is None else self._timed().filter(predicate)
        entries = [_entry(document) for document in self._line.read(found, list)]
        if predicate is not None:
            return self._restored_due(entries)
        self._forget_all_but({entry.id for entry in entries})
        return self._restored(entries)

    # -- changing -------------------------------------------------------------------------------------

    def _fields(self, job: Job) -> dict[str, Any]:
        due = None if job._due == NEVER else job._due / SECOND
        state = self.r.binary(self._pickled(job.__getstate__()))
        return {"next_run_time": due, "job_state": state}

    def add_job(self, job: Job) -> None:
        result = self._line.write(self.table.insert({"id": job.id, **self._fields(job)}))
        if result["errors"] and result["first_error"].startswith("Duplicate primary key"):
            raise ConflictingIdError(job.id)
        self._check(job, result)

    def update_job(self, job: Job) -> None:
        result = self._line.write(self.table.get(job.id).update(self._fields(job)))
        if result["skipped"]:
            raise JobLookupError(job.id)
        self._check(job, result)

    def _check(self, job: Job, result: dict[str, Any]) -> None:
        if result["errors"]:
            raise ValueError(
                f"RethinkDB refuses the job {job.id!r}: {line(str(result['first_error']))}"
            )
        self._forget(job.id)

    def remove_job(self, job_id: str) -> None:
        if not self._line.write(self.table.get(job_id).delete())["deleted"]:
            raise JobLookupError(job_id)
        self._forget(job_id)

    def remove_all_jobs(self) -> None:
        self._line.write(self.table.delete())
        self._forget_all_but(())

    def shutdown(self) -> None:
        self._line.end()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} (connection={self.conn})>"


class Line:
    """The one connection, which the threads use in turn. If it was lost, the next call opens it again.

    :param connected: called with the former connection, which is not open, or with ``None``; returns an open one
    """

    def __init__(self, connected: Callable[[Any], Any]) -> None:
        self.connection: Any = None
        self._connected = connected
        self._is_over = False
        self._lock = Lock()  # its holder alone uses the connection
        self._process = os.getpid()

    def begin(self) -> None:
        """Let the connection be opened again after :meth:`end`."""
        self._is_over = False

    def read(self, query: Any, whole: Callable[[Any], Any] = lambda found: found) -> Any:
        """Return what a query finds; if the connection was lost since it was last used, ask again.

        :param whole: makes a value of what the query returns, which may be a cursor
        """
        return self._ask(query, whole, tries=2)

    def write(self, query: Any) -> Any:
        """Return the server's answer to a query that changes something; ask once, as a lost query may have done so."""
        return self._ask(query, lambda answer: answer, tries=1)

    def _ask(self, query: Any, whole: Callable[[Any], Any], tries: int) -> Any:
        self._look_for_fork()
        with self._lock:
            was_open = _is_open(self.connection)
            try:
                return whole(query.run(self._opened()))
            except ReqlDriverError:
                if tries == 1 or not was_open or _is_open(self.connection):
                    raise
                return whole(query.run(self._opened()))

    def _opened(self) -> Any:
        if not _is_open(self.connection):
            if self._is_over:
                raise ReqlDriverError("the job store was shut down")
            self.connection = self._connected(self.connection)
        return self.connection

    def _look_for_fork(self) -> None:
        """Begin anew in a child process: the connection is the parent's, and whoever held the lock is not here."""
        if self._process != os.getpid():
            self._process = os.getpid()
            self._lock = Lock()
            self.connection = None

    def end(self) -> None:
        """Close the connection; a query that still has no answer after some seconds fails then."""
        self._look_for_fork()
        self._is_over = True
        is_free = self._lock.acquire(timeout=_PATIENCE)
        try:
            if _is_open(self.connection):
                self.connection.close(noreply_wait=False)
        finally:
            if is_free:
                self._lock.release()


def _is_open(connection: Any) -> bool:
    if connection is None:
        return False
    try:
        return bool(connection.is_open())
    except AttributeError:  # rethinkdb 2.4.10 after a reconnect that failed
        return False


def _entry(found: dict[str, Any]) -> Entry:
    moment, state = found.get("next_run_time"), found.get("job_state")
    try:
        due_of(moment)
    except ValueError as exc:
        return Entry(found["id"], state, None, fault=exc)
    return Entry(found["id"], state, moment)


if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
