"""The contract of serializers: they turn a job's state into bytes and back, bound to one store and one job."""

from __future__ import annotations

from abc import ABC, abstractmethod

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SIGNED_MAGIC = b"\xffTickwright-signed"
"""How signed bytes begin. No pickle begins with 0xFF, which is no opcode, and no UTF-8 text does."""


class SerializationError(ValueError):
    """A job cannot be written; the text says which part of it, and what to do."""


class DeserializationError(ValueError):
    """A job's bytes cannot be read; the text says why."""


class BadSignatureError(DeserializationError):
    """The signature is not that of these bytes for this store and job: they were changed or moved."""


class UnsignedError(DeserializationError):
    """Bytes without a signature where one is required."""


class UnknownKeyError(DeserializationError):
    """The bytes are signed by a key that is not among those given."""


class NotAllowedError(DeserializationError):
    """The job's function is not among the callables allowed."""


class NewerVersionError(DeserializationError):
    """The bytes were written by a later release, in a format that this one does not know."""


class Serializer(ABC):
    """How the jobs of a store become bytes.

    One serializer may serve several stores and threads.
    """

    @abstractmethod
    def dumps(self, state: dict[str, Any], *, store: str, job_id: str) -> bytes:
        """Return the bytes of a job.

        :param state: what ``Job.__getstate__`` returns
        :param store: the store's name, the same whenever its jobs are read
        :param job_id: the job's identifier
        :raises SerializationError: if it cannot be written
        """

    @abstractmethod
    def loads(self, data: bytes, *, store: str, job_id: str) -> dict[str, Any]:
        """Return the state that was given to :meth:`dumps`.

        :param store: the store in which the bytes were found
        :param job_id: the identifier under which they were found
        :raises DeserializationError: if they cannot be read, or should not be
        """
