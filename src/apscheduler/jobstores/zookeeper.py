"""A job store in ZooKeeper, as 3.x keeps it: for one scheduler process.

Below a path, the node of each job's id holds a pickle of its next fire time and its state. 3.x reads what is written
here, and the reverse. An id that cannot be the name of a node, which 3.x refuses, is kept under a quoted name.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import quote, unquote

from apscheduler.elsewhere import names_of_3x
from apscheduler.jobstores._pickled.connecting import (
    connected,
    number,
    or_none,
    read_arguments,
    seconds,
    truth,
    whole,
)
from apscheduler.jobstores._pickled.documents import DocumentJobStore
from apscheduler.jobstores._pickled.store import Entry
from apscheduler.jobstores.base import ConflictingIdError, JobLookupError
from apscheduler.references import maybe_ref

try:
    from kazoo.client import KazooClient
    from kazoo.exceptions import NodeExistsError, NoNodeError
except ImportError as exc:
    raise ImportError("ZooKeeperJobStore needs kazoo: pip install 'tickwright[zookeeper]'") from exc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.job import Job

_READERS = {
    "timeout": seconds,
    "max_retries": or_none(whole),
    "retry_delay": seconds,
    "retry_backoff": number,
    "retry_max_delay": seconds,
    **dict.fromkeys(
        ("check_hostname", "randomize_hosts", "read_only", "use_ssl", "verify_certs"), truth
    ),
}
_QUOTED = "%:"
"""The beginning of a node's name that is a quoted id, not the id itself."""


class ZooKeeperJobStore(DocumentJobStore):
    """Stores jobs in ZooKeeper. Only one scheduler process may use the same path.

    What cannot be restored stays there and is quarantined (see ``scheduler.get_quarantined()``).

    :param path: the node below which the jobs are; it is made when a job is first added or asked for
    :param client: a client of kazoo, or a text reference to one; it is started, if it is not connected
    :param close_connection_on_exit: whether to stop that client when the scheduler ends; one that was made here is
        stopped anyway
    :param pickle_protocol: protocol of the documents
    :param connect_args: keyword arguments of ``kazoo.client.KazooClient``, where no client is given
    :raises ValueError, TypeError: for an empty path, a value that is not the number it should be, or a keyword argument
        that ``KazooClient`` does not know
    """

    def __init__(
        self,
        path: str = "/apscheduler",
        client: Any = None,
        close_connection_on_exit: bool = False,
        pickle_protocol: int = pickle.HIGHEST_PROTOCOL,
        **connect_args: Any,
    ) -> None:
        super().__init__(path, pickle_protocol)
        self.close_connection_on_exit = truth("close_connection_on_exit", close_connection_on_exit)
        self._is_own = client is None
        if client is None:
            arguments = read_arguments(connect_args, _READERS)
            self.client = connected(self, KazooClient, arguments)
        else:
            self.client = maybe_ref(client)
        self._ensured_path = False
        self._is_started = False

    def _place(self) -> str:
        """Return where the servers are, for log lines."""
        return ", ".join(f"{host}:{port}" for host, port in self.client.hosts)

    def start(self, scheduler: Any, alias: str) -> None:
        super().start(scheduler, alias)
        if not self.client.connected:
            self.client.start()
        self._is_started = True

    @contextmanager
    def _looking(self) -> Iterator[None]:
        """Enter a look at the server. A store that is not started makes no path, and connects only for the look."""
        if self._is_started:
            self._ensure_paths()
        if self._is_started or self.client.connected:
            yield
            return
        self.client.start()
        try:
            yield
        finally:
            self._end_connection()

    def _ensure_paths(self) -> None:
        """Make the path, once (a name of 3.x's that other code uses)."""
        if not self._ensured_path:
            self.client.ensure_path(self.path)
            self._ensured_path = True

    def _node(self, job_id: str) -> str:
        return f"{self.path}/{_name_of(job_id)}"

    def _read(self, job_id: str) -> bytes | None:
        with self._looking():
            try:
                content: bytes = self.client.get(self._node(job_id))[0]
            except NoNodeError:
                return None
            return content

    def _read_all(self) -> Iterable[Entry]:
        with self._looking():
            return list(self._entries())

    def _entries(self) -> Iterator[Entry]:
        try:
            names = self.client.get_children(self.path)
        except NoNodeError:
            return
        for name in names:
            try:
                content, _ = self.client.get(f"{self.path}/{name}")
            except NoNodeError:
                continue  # removed since it was listed
            yield self._opened(_id_of(name), content)

    def add_job(self, job: Job) -> None:
        self._ensure_paths()
        try:
            self.client.create(self._node(job.id), value=self._document(job))
        except NodeExistsError:
            raise ConflictingIdError(job.id) from None
        self._forget(job.id)

    def update_job(self, job: Job) -> None:
        self._ensure_paths()
        try:
            self.client.set(self._node(job.id), value=self._document(job))
        except NoNodeError:
            raise JobLookupError(job.id) from None
        self._forget(job.id)

    def remove_job(self, job_id: str) -> None:
        self._ensure_paths()
        try:
            self.client.delete(self._node(job_id))
        except NoNodeError:
            raise JobLookupError(job_id) from None
        self._forget(job_id)

    def remove_all_jobs(self) -> None:
        with suppress(NoNodeError):  # nothing was added yet
            self.client.delete(self.path, recursive=True)
        self._ensured_path = False
        self._forget_all_but(())

    def shutdown(self) -> None:
        self._ensured_path = False
        self._is_started = False
        if self._is_own or self.close_connection_on_exit:
            self._end_connection()

    def _end_connection(self) -> None:
        self.client.stop()
        self.client.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} (client={self.client})>"


def _name_of(job_id: str) -> str:
    """Return the name of a job's node: the id itself, as 3.x has it, wherever ZooKeeper takes it."""
    return _QUOTED + quote(job_id, safe="") if _must_be_quoted(job_id) else job_id


def _id_of(name: str) -> str:
    return unquote(name.removeprefix(_QUOTED)) if name.startswith(_QUOTED) else name


def _must_be_quoted(job_id: str) -> bool:
    return (
        "/" in job_id
        or job_id in {".", ".."}
        or job_id.startswith(_QUOTED)
        or any(_is_refused(character) for character in job_id)
    )


def _is_refused(character: str) -> bool:
    """Return whether ZooKeeper refuses a path with this character: controls, surrogates, private ones, specials."""
    code = ord(character)
    return (
        code <= 0x1F
        or 0x7F <= code <= 0x9F
        or 0xD800 <= code <= 0xF8FF
        or 0xFFF0 <= code <= 0xFFFF
        or code > 0xFFFF
    )


if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
