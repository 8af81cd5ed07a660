"""Jobs as 3.x writes them: plain pickles.

Whoever can write to such a store can run code in every process that reads it; see
:class:`~apscheduler.serializers.SignedPickleSerializer`.
"""

from __future__ import annotations

import pickle

from apscheduler.serializers.base import (
    SIGNED_MAGIC,
    DeserializationError,
    SerializationError,
    Serializer,
)
from apscheduler.texts import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class PickleSerializer(Serializer):
    """Writes exactly the bytes of 3.x, and reads them.

    :param protocol: the pickle protocol
    :raises ValueError: for a protocol that this Python does not have
    """

    def __init__(self, protocol: int = 5) -> None:
        self.protocol = checked_protocol(protocol)

    def dumps(self, state: dict[str, Any], *, store: str, job_id: str) -> bytes:
        return pickled(state, self.protocol, job_id)

    def loads(self, data: bytes, *, store: str, job_id: str) -> dict[str, Any]:
        if data.startswith(SIGNED_MAGIC):
            raise DeserializationError(
                f"job {job_id!r} in {store!r} is signed: read it with the serializer and the keys that "
                "wrote it, not with PickleSerializer"
            )
        return unpickled(data, store, job_id)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} (protocol={self.protocol})>"


def checked_protocol(protocol: int) -> int:
    """Return the pickle protocol if there is one of that number.

    :raises ValueError: if there is none
    """
    if protocol not in range(pickle.HIGHEST_PROTOCOL + 1):
        raise ValueError(
            f"protocol must be a pickle protocol from 0 to {pickle.HIGHEST_PROTOCOL}, not {protocol!r}"
        )
    return protocol


def pickled(state: dict[str, Any], protocol: int, job_id: str) -> bytes:
    """Return the pickle of a job's state.

    :raises SerializationError: if a part of it cannot be pickled
    """
    try:
        return pickle.dumps(state, protocol)
    except Exception as exc:  # pickling runs methods of the arguments: anything can come
        what = f"{_culprit(state, protocol)} ({type(exc).__name__}: {exc})"
        raise SerializationError(
            f"job {job_id!r} cannot be pickled because of its {line(what)}: {_advice(exc)}"
        ) from exc


def unpickled(data: bytes, store: str, job_id: str) -> dict[str, Any]:
    """Return the state in a pickle. This runs whatever the pickle says, so check its signature first.

    :raises DeserializationError: if it cannot be read, or is no job's
    """
    try:
        state: Any = pickle.loads(data)  # noqa: S301 - the bytes of 3.x, or verified ones
    except Exception as exc:  # unpickling runs constructors of the arguments: anything can come
        said = line(f"{type(exc).__name__}: {exc}")
        raise DeserializationError(
            f"job {job_id!r} in {store!r} cannot be unpickled ({said})"
        ) from exc
    if not isinstance(state, dict):
        raise DeserializationError(
            f"job {job_id!r} in {store!r} is a pickled {type(state).__name__}, not the state of a job"
        )
    return state


def _advice(exc: Exception) -> str:
    if "ZoneInfo" in str(exc):  # zoneinfo's own words for a zone that was made of a file
        return (
            "its time zone is a file without a name; give a timezone with a name, like 'Europe/Berlin', or "
            "set the environment variable TZ to one"
        )
    return "give something that can, for example a name or an id that the function looks up when it runs"


def _culprit(state: dict[str, Any], protocol: int) -> str:
    """Return where in the state the first thing lies that cannot be pickled."""
    for name, value in _parts(state):
        try:
            pickle.dumps(value, protocol)
        except Exception:  # noqa: BLE001 - as above; the caller tells the error itself
            return f"{name} (a {type(value).__name__})"
    return "state as a whole"


def _parts(state: dict[str, Any]) -> list[tuple[str, Any]]:
    parts: list[tuple[str, Any]] = []
    for name, value in state.items():
        if name == "args" and isinstance(value, tuple):
            parts += [(f"args[{index}]", item) for index, item in enumerate(value)]
        elif name == "kwargs" and isinstance(value, dict):
            parts += [(f"kwargs[{key!r}]", item) for key, item in value.items()]
        else:
            parts.append((name, value))
    return parts
