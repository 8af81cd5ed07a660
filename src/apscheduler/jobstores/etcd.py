"""A job store in etcd, as 3.x keeps it: for one scheduler process.

Below a path, the key of each job's id holds a pickle of its next fire time and its state. 3.x reads what is written
here, and the reverse.
"""

from __future__ import annotations

import pickle
from base64 import b64decode, b64encode
from collections.abc import Iterable

from apscheduler.elsewhere import names_of_3x
from apscheduler.jobstores._pickled.connecting import (
    connected,
    port,
    read_arguments,
    seconds,
    truth,
)
from apscheduler.jobstores._pickled.documents import DocumentJobStore
from apscheduler.jobstores._pickled.store import Entry
from apscheduler.jobstores.base import ConflictingIdError, JobLookupError
from apscheduler.references import maybe_ref

try:
    from etcd3gw import Etcd3Client
    from etcd3gw import client as connect
except ImportError as exc:
    raise ImportError("EtcdJobStore needs etcd3gw: pip install 'tickwright[etcd]'") from exc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from apscheduler.job import Job

_TIMEOUT = 10.0
"""Seconds without an answer after which a call fails, unless ``timeout`` is given: etcd3gw itself waits for ever."""


def _timeout(name: str, value: Any) -> Any:
    # A pair goes to requests as it is: one time for the connection and one for the answer.
    return value if value is None or isinstance(value, tuple) else seconds(name, value)


_READERS = {"port": port, "timeout": _timeout}


class EtcdJobStore(DocumentJobStore):
    """Stores jobs in etcd. Only one scheduler process may use the same path.

    What cannot be restored stays there and is quarantined (see ``scheduler.get_quarantined()``).

    :param path: where the keys of the jobs begin
    :param client: a client of etcd3gw, or one with the methods of etcd3's, or a text reference to one
    :param close_connection_on_exit: whether to close that client when the scheduler ends; one that was made here is
        closed anyway
    :param pickle_protocol: protocol of the documents
    :param connect_args: keyword arguments of ``etcd3gw.client``, where no client is given; ``timeout`` is 10 seconds,
        if not given
    :raises ValueError, TypeError: for an empty path, a value that is not the number it should be, or a keyword argument
        that ``etcd3gw.client`` does not know
    """

    def __init__(
        self,
        path: str = "/apscheduler",
        client: Any = None,
        close_connection_on_exit: bool = False,
        pickle_protocol: int = pickle.DEFAULT_PROTOCOL,
        **connect_args: Any,
    ) -> None:
        super().__init__(path, pickle_protocol)
        self.close_connection_on_exit = truth("close_connection_on_exit", close_connection_on_exit)
        self._is_own = client is None
        if client is None:
            arguments = {"timeout": _TIMEOUT, **read_arguments(connect_args, _READERS)}
            self.client = connected(self, connect, arguments)
        else:
            self.client = maybe_ref(client)

    def _place(self) -> str:
        """Return where the server is, for log lines."""
        return f"{self.client.host}:{self.client.port}"

    def _keys(self) -> Gateway | Grpc:
        """Return what speaks to the client that is set now."""
        return Gateway(self.client) if isinstance(self.client, Etcd3Client) else Grpc(self.client)

    def _key(self, job_id: str) -> str:
        return f"{self.path}/{job_id}"

    def _read(self, job_id: str) -> bytes | None:
        return self._keys().read(self._key(job_id))

    def _read_all(self) -> Iterable[Entry]:
        start = self._key("")
        for key, value in self._keys().read_all(start):
            yield self._opened(key.removeprefix(start), value)

    def add_job(self, job: Job) -> None:
        if not self._keys().create(self._key(job.id), self._document(job)):
            raise ConflictingIdError(job.id)
        self._forget(job.id)

    def update_job(self, job: Job) -> None:
        if not self._keys().replace(self._key(job.id), self._document(job)):
            raise JobLookupError(job.id)
        self._forget(job.id)

    def remove_job(self, job_id: str) -> None:
        if not self._keys().remove(self._key(job_id)):
            raise JobLookupError(job_id)
        self._forget(job_id)

    def remove_all_jobs(self) -> None:
        self._keys().remove_all(self._key(""))
        self._forget_all_but(())

    def shutdown(self) -> None:
        if self._is_own or self.close_connection_on_exit:
            self._keys().close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} (client={self.client})>"


class Gateway:
    """Speaks to etcd3gw's client, which is etcd's JSON gateway.

    Keys are encoded here, because the client makes Latin-1 of a text, or raises, and treats the end of a range in
    another way in each release.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def read(self, key: str) -> bytes | None:
        """Return a value, ``None`` if there is none."""
        values = self._client.get(key.encode())
        return values[0] if values else None

    def read_all(self, start: str) -> Iterable[tuple[str, bytes]]:
        """Return all keys that begin with ``start``, each with its value."""
        pairs = self._ask("/kv/range", _range(start)).get("kvs", [])  # absent where there are none
        return [(_text(b64decode(pair["key"])), b64decode(pair.get("value", ""))) for pair in pairs]

    def create(self, key: str, value: bytes) -> bool:
        """Write a key that is not there; return ``False`` if it is."""
        return self._do("EQUAL", key, _put(key, value))

    def replace(self, key: str, value: bytes) -> bool:
        """Write a key that is there; return ``False`` if it is not."""
        return self._do("GREATER", key, _put(key, value))

    def remove(self, key: str) -> bool:
        """Remove a key; return ``False`` if it is not there."""
        return self._do("GREATER", key, {"requestDeleteRange": {"key": _base64(key.encode())}})

    def remove_all(self, start: str) -> None:
        """Remove all keys that begin with ``start``."""
        self._ask("/kv/deleterange", _range(start))

    def _ask(self, path: str, request: dict[str, str]) -> dict[str, Any]:
        answer: dict[str, Any] = self._client.post(self._client.get_url(path), json=request)
        return answer

    def _do(self, result: str, key: str, request: dict[str, Any]) -> bool:
        """Do something if the key's version is 0 (EQUAL: it is not there) or greater; return whether it was done."""
        # The gateway ignores a field whose name it does not know, so the fields are written in this one place.
        compare = {
            "key": _base64(key.encode()),
            "target": "VERSION",
            "result": result,
            "version": 0,
        }
        answer = self._client.transaction(
            {"compare": [compare], "success": [request], "failure": []}
        )
        return bool(answer.get("succeeded", False))  # the gateway leaves false out

    def close(self) -> None:
        """Close the client's connections; it opens new ones where it is used again."""
        self._client.session.close()


class Grpc:
    """Speaks to etcd3's client, or to any client that has its methods."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def read(self, key: str) -> bytes | None:
        """Return a value, ``None`` if there is none."""
        value: bytes | None = self._client.get(key)[0]
        return value

    def read_all(self, start: str) -> Iterable[tuple[str, bytes]]:
        """Return all keys that begin with ``start``, each with its value."""
        return [(_text(found.key), value) for value, found in self._client.get_prefix(start)]

    def create(self, key: str, value: bytes) -> bool:
        """Write a key that is not there; return ``False`` if it is."""
        return bool(self._client.put_if_not_exists(key, value=value))

    def replace(self, key: str, value: bytes) -> bool:
        """Write a key that is there; return ``False`` if it is not."""
        return self._do_if_there(key, self._client.transactions.put(key, value))

    def remove(self, key: str) -> bool:
        """Remove a key; return ``False`` if it is not there."""
        return self._do_if_there(key, self._client.transactions.delete(key))

    def remove_all(self, start: str) -> None:
        """Remove all keys that begin with ``start``."""
        self._client.delete_prefix(start)

    def _do_if_there(self, key: str, request: Any) -> bool:
        is_there = self._client.transactions.version(key) > 0
        done, _ = self._client.transaction(compare=[is_there], success=[request], failure=[])
        return bool(done)

    def close(self) -> None:
        """Close the client."""
        self._client.close()


def _range(start: str) -> dict[str, str]:
    """Return the range of keys that begin with ``start``. As that ends in a slash, the range's end needs no carry."""
    first = start.encode()
    return {"key": _base64(first), "range_end": _base64(first[:-1] + bytes([first[-1] + 1]))}


def _put(key: str, value: bytes) -> dict[str, Any]:
    return {"requestPut": {"key": _base64(key.encode()), "value": _base64(value)}}


def _base64(value: bytes) -> str:
    return b64encode(value).decode()


def _text(key: bytes | str) -> str:
    return key if isinstance(key, str) else key.decode(errors="backslashreplace")


if not TYPE_CHECKING:
    __getattr__ = names_of_3x(__name__)
