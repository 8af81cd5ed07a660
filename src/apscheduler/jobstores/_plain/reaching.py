"""Tells whether a job store failed because it cannot be reached, and where it is, in words without secrets."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Final

_DRIVERS: Final = frozenset(
    {
        *("ConnectionError", "TimeoutError"),  # redis, requests
        *("ConnectionFailedError", "ConnectionTimeoutError"),  # etcd3gw, etcd3
        *("AutoReconnect", "NetworkTimeout", "ServerSelectionTimeoutError"),  # pymongo
        *(
            "ConnectionLoss",
            "ConnectionClosedError",
            "KazooTimeoutError",
            "SessionExpiredError",
        ),  # kazoo
        *("ReqlDriverError", "ReqlTimeoutError"),  # rethinkdb
    }
)
"""Class names of drivers' errors; only names, so that no driver has to be imported."""
_LONGEST: Final = 20


def why_unreachable(exc: BaseException) -> str | None:
    """Return in words why a store cannot be reached, ``None`` if the exception means something else."""
    if not any(map(_means_unreachable, _chain(exc, with_contexts=False))):
        return None
    reasons = [
        str(each.strerror)
        for each in _chain(exc, with_contexts=True)
        if isinstance(each, OSError) and each.strerror
    ]
    if reasons:
        return reasons[-1]
    return "no answer in time" if "Time" in type(exc).__name__ else type(exc).__name__


def place_of(store: Any) -> str:
    """Return where a store is (``" at db.example:6379"``), an empty text where that is not known."""
    inner = getattr(store, "store", store)
    try:
        place = inner._place()
    except Exception:  # noqa: BLE001 - a store or client of someone else: the line is written without its place
        return ""
    return f" at {place}" if isinstance(place, str) and place else ""


def _means_unreachable(exc: BaseException) -> bool:
    if isinstance(exc, ConnectionError | TimeoutError):
        return True
    return type(exc).__name__ in _DRIVERS or type(exc).__name__ == "gaierror"


def _chain(exc: BaseException | None, *, with_contexts: bool) -> Iterator[BaseException]:
    for _ in range(_LONGEST):
        if exc is None:
            return
        yield exc
        exc = exc.__cause__ or (exc.__context__ if with_contexts else None)
