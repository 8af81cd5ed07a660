"""Bounds how long drivers wait, tells how long their sockets were silent, and hangs up.

To wake a thread that waits for an answer, another thread shuts its socket down. The driver then sees the end of the
connection, and raises. libpq's own bounds do not help if a server acknowledges bytes and never answers.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import sys
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy.engine import URL

_TCP_INFO_BYTES = 104
_LAST_DATA_RECEIVED = 52
"""Offset in Linux's ``struct tcp_info`` of the milliseconds since data came."""
_LONGEST_READ_SECONDS = 120
"""Least bound for drivers that bound each read. It is never reached, as the call watch hangs up before."""


def connect_timeouts(url: URL, driver: str, connect: float, answer: float) -> dict[str, Any]:
    """Return the driver's arguments that bound connecting, reading and unacknowledged bytes; those in the URL win.

    :param connect: seconds for connecting
    :param answer: seconds within which the other side's machine must acknowledge what was sent
    """
    seconds = max(2, round(connect))  # libpq takes 1 as 2
    if driver in ("psycopg", "psycopg2"):
        bounds = {
            "connect_timeout": seconds,
            "keepalives": 1,
            "keepalives_idle": seconds,
            "keepalives_interval": max(1, seconds // 3),
            "keepalives_count": 3,
            "tcp_user_timeout": round(answer * 1000),
        }
    elif driver in ("pymysql", "mysqldb"):
        reads = max(_LONGEST_READ_SECONDS, round(12 * answer))
        bounds = {"connect_timeout": seconds, "read_timeout": reads, "write_timeout": reads}
    elif driver == "pg8000":
        bounds = {"timeout": max(_LONGEST_READ_SECONDS, round(12 * answer)), "tcp_keepalive": True}
    elif driver == "mysqlconnector":
        bounds = {"connection_timeout": seconds}
    else:
        bounds = {}
    return {name: value for name, value in bounds.items() if name not in url.query}


def hang_up(raw: Any) -> bool:
    """End a driver's connection so that whoever waits for its answer gets an error; ``False`` if that cannot be done."""
    found = _socket(raw)
    if found is None:
        return False
    with suppress(OSError):  # the other side was faster
        found.shutdown(socket.SHUT_RDWR)
    found.close()
    return True


def has_news(raw: Any, within: float) -> bool:
    """Return whether bytes wait to be read, or came within the last ``within`` seconds (where the system can tell)."""
    found = _socket(raw)
    if found is None:
        return False
    with found:
        try:
            if select.select([found], [], [], 0)[0]:
                return True
            return _silent_for(found) < within
        except (
            OSError,
            ValueError,
        ):  # more descriptors than select() takes; a socket that is closed
            return False


def _silent_for(found: socket.socket) -> float:
    """Return the seconds since data came; infinity where the system does not count them."""
    if sys.platform != "linux" or found.family == socket.AF_UNIX:
        return float("inf")
    info = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
    milliseconds: int = struct.unpack_from("I", info, _LAST_DATA_RECEIVED)[0]
    return milliseconds / 1000


def _socket(raw: Any) -> socket.socket | None:
    """Return a socket object of our own for a driver's connection, ``None`` if it has none (any more)."""
    try:
        number = _number(raw)
        if number is None or number < 0:
            return None
        copy = os.dup(number)
        # If it was closed meanwhile, the number may be another connection's.
        if _number(raw) != number:
            os.close(copy)
            return None
        return socket.socket(fileno=copy)
    except Exception:  # noqa: BLE001 - each driver says in its own way that a connection is closed
        return None


def _number(raw: Any) -> int | None:
    """Return the file descriptor of a driver's connection."""
    pgconn = getattr(raw, "pgconn", None)  # psycopg
    if pgconn is not None:
        return int(pgconn.socket)
    for name in ("_sock", "_usock"):  # PyMySQL, pg8000
        inner = getattr(raw, name, None)
        if inner is not None:
            return int(inner.fileno())
    fileno = getattr(raw, "fileno", None)  # psycopg2, mysqlclient
    return None if fileno is None else int(fileno())
