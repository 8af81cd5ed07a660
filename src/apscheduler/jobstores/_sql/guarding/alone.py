"""Gives a SQLite file to one process alone if several kernels may have it: there its locks protect nothing.

The first process that enters a node has the file. Another process is refused, when it starts or when it would join. The
row of an earlier process is no obstacle if that process is provably gone, if its lease is over, or if it was silent for
a whole lease while this process waited. Schedulers of one process count as one. Which file systems are meant: see
filesystems.py.
"""

from __future__ import annotations

import os
import socket
from threading import Event

from apscheduler import clocks
from apscheduler._engine.instants import SECOND
from apscheduler.cluster.filesystems import shared_kind
from apscheduler.cluster.host import is_gone, this_process
from apscheduler.jobstores._sql.guarding.identity import sqlite_file
from apscheduler.texts import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from apscheduler.cluster.host import Host
    from apscheduler.cluster.nodes import NodeRow
    from apscheduler.jobstores._sql.connection.database import Database

_LOOK_SECONDS: Final = 0.2
WHY: Final = "where several kernels may have it and SQLite's locks do not hold between them"
_INSTEAD: Final = "to share jobs, keep them in a database server, or in a file on a local disk"


class SharingRefusedError(RuntimeError):
    """Another process works with this file, on a file system where it cannot be shared."""


class Alone:
    """Keeps other processes away from one file.

    :param path: of the file
    :param kind: of its file system
    """

    def __init__(self, path: str, kind: str) -> None:
        self.path = path
        self.kind = kind
        self._silent: set[tuple[int, int]] = set()
        """Epoch and beat of each node that stayed silent while this process waited for it."""

    @property
    def line(self) -> str:
        """The line that is logged at the start."""
        return (
            f"The file {self.path} is on a file system of the kind {self.kind}, {WHY}: this process may use it alone, and "
            f"others are refused; {_INSTEAD}"
        )

    def wait(
        self, listed: Callable[[], tuple[list[NodeRow], int]], tell: Callable[[str], object]
    ) -> None:
        """Wait until no other process works with the file; one that may be dead is waited for as long as its lease.

        :param listed: returns all nodes, and the store's time
        :param tell: called with a line that says for whom this waits
        :raises SharingRefusedError: if another process does work with it
        """
        rows, now = listed()
        first = {row.epoch: row.beat for row in self._others(rows, now)}
        began, waited = clocks.monotonic(), 0.0
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
            waited = (clocks.monotonic() - began) * SECOND
            rows, now = listed()

    _pause = Event()
    """An Event nobody sets: waiting on it is a sleep."""

    def check(self, rows: list[NodeRow], now: int) -> None:
        """Check that no other process has a node; called in the transaction that enters this process's node.

        :raises SharingRefusedError: if another process has one
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
    """Return whether a node is of this process; the name is not enough, as containers may share name and process id."""
    named = row.name.startswith(f"{socket.gethostname()[:80]}-{os.getpid()}-")
    return named and (row.host.boot is None or row.host == own)


def alone_on(database: Database) -> Alone | None:
    """Return what keeps other processes away from a database, ``None`` if they may use it too."""
    if database.kind != "sqlite" or database.is_private:
        return None
    with database.reading() as connection:
        path = sqlite_file(connection)
    kind = None if path is None else shared_kind(path)
    return None if path is None or kind is None else Alone(path, kind)
