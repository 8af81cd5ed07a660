"""One process alone on a SQLite file that several kernels may have: there its locks protect nothing (filesystems.py).

The first process to enter a node has the file; another one is refused, by its start or when it would join. A
predecessor's row is no obstacle once its process is provably gone, its lease is over, or it was silent for a lease
while this one waited for it. Schedulers of one process count as one.
"""

from __future__ import annotations

import os
import socket
import time
from threading import Event

from apscheduler._engine.instants import SECOND
from apscheduler.cluster.filesystems import shared_kind
from apscheduler.cluster.host import is_gone, this_process
from apscheduler.jobstores._sql.identity import sqlite_file
from apscheduler.texts import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from apscheduler.cluster.host import Host
    from apscheduler.cluster.nodes import NodeRow
    from apscheduler.jobstores._sql.database import Database

_LOOK_SECONDS: Final = 0.2
WHY: Final = "where several kernels may have it and SQLite's locks do not hold between them"
_INSTEAD: Final = "to share jobs, keep them in a database server, or in a file on a local disk"


class SharingRefusedError(RuntimeError):
    """Another process works with this file, on a file system where it cannot be shared."""


class Alone:
    """What keeps others away from one file.

    :param path: of the file
    :param kind: of its file system
    """

    def __init__(self, path: str, kind: str) -> None:
        self.path = path
        self.kind = kind
        self._silent: set[tuple[int, int]] = set()
        """Epoch and beat of nodes that were waited for."""

    @property
    def line(self) -> str:
        """What is said at the start."""
        return (
            f"The file {self.path} is on a file system of the kind {self.kind}, {WHY}: this process may use it alone, and "
            f"others are refused; {_INSTEAD}"
        )

    def wait(
        self, listed: Callable[[], tuple[list[NodeRow], int]], tell: Callable[[str], object]
    ) -> None:
        """Return when no other process works with the file: a predecessor that may be dead is waited for, for a lease.

        :param listed: returns all nodes, and the store's time
        :param tell: told for whom it waits
        :raises SharingRefusedError: if one does
        """
        rows, now = listed()
        first = {row.epoch: row.beat for row in self._others(rows, now)}
        began, waited = time.monotonic(), 0.0
        while others := self._others(rows, now):
            for row in others:
                if first.get(row.epoch) != row.beat or this_process().can_see(row.host):
                    raise self._refused(row)
                if not waited:
                    tell(
                        f"Waiting for the lease of {row.name}, which may have died, for {row.lease_us / SECOND:g} s"
                    )
                if waited > row.lease_us:
                    self._silent.add((row.epoch, row.beat))
            self._pause.wait(_LOOK_SECONDS)
            waited = (time.monotonic() - began) * SECOND
            rows, now = listed()

    _pause = Event()
    """Never set."""

    def check(self, rows: list[NodeRow], now: int) -> None:
        """Check, in the transaction that enters a node, that no other process has one.

        :raises SharingRefusedError: if one has
        """
        for row in self._others(rows, now):
            raise self._refused(row)

    def _others(self, rows: list[NodeRow], now: int) -> list[NodeRow]:
        own = this_process()
        return [
            row
            for row in rows
            if row.lease_until > now
            and (row.epoch, row.beat) not in self._silent
            and not _is_own(row, own)
            and not is_gone(row.pid, row.host, own, row.epoch)
        ]

    def _refused(self, row: NodeRow) -> SharingRefusedError:
        return SharingRefusedError(
            f"the process {line(row.name)} works with the job store in {line(str(self.path))}, a file on a file system of the kind "
            f"{self.kind}, {WHY}: sharing is refused. End one of the two; {_INSTEAD}"
        )


def _is_own(row: NodeRow, own: Host) -> bool:
    """Return whether a node is a scheduler of this process: containers may have one name, and each a process 1."""
    named = row.name.startswith(f"{socket.gethostname()[:80]}-{os.getpid()}-")
    return named and (row.host.boot is None or row.host == own)


def alone_on(database: Database) -> Alone | None:
    """Return what keeps others away from a database, ``None`` where they need not be."""
    if database.kind != "sqlite" or database.is_private:
        return None
    with database.reading() as connection:
        path = sqlite_file(connection)
    kind = None if path is None else shared_kind(path)
    return None if path is None or kind is None else Alone(path, kind)
