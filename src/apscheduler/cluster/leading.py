"""The lock whose holder leads several schedulers: what such a lock must do, and one on a file."""

from __future__ import annotations

import os
import socket
from abc import ABC, abstractmethod
from threading import RLock

from apscheduler.forks import after_fork, around_fork

_LONGEST_NAME = 200


class LeaderLock(ABC):
    """Held by at most one process at a time. Used by the scheduler's loop; :attr:`until` by workers too.

    :cvar look_seconds: seconds between two tries while another process holds it
    """

    look_seconds = 1.0

    def check(self) -> None:
        """Check that the lock can be taken at all.

        :raises OSError: if not; the text says what to do
        """

    @abstractmethod
    def take(self) -> bool:
        """Try to take the lock; return whether this process holds it now. Does not wait for the holder.

        :raises Exception: whatever its store raises; the lock is not held then
        """

    @property
    @abstractmethod
    def held(self) -> bool:
        """Whether this process may act as the leader now, as far as can be known without asking anyone."""

    @property
    def until(self) -> int | None:
        """When that ends unless renewed, by ``clocks.boot_us``; ``None`` if it does not end by time."""
        return None

    @abstractmethod
    def holder(self) -> str:
        """Return who held the lock at the last try, for a log line."""

    @abstractmethod
    def release(self) -> None:
        """Let another process have it."""


class FileLock(LeaderLock):
    """An ``flock`` on a file of one machine. The kernel frees it when the process ends, however it ends.

    A process that is stopped (SIGSTOP) keeps it. The file stays; if it is removed, its holder has lost the lock.

    :param path: path of the file, which is made readable by this user alone
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)  # noqa: PTH100 - pathlib costs the start path milliseconds
        self._handle: int | None = None
        self._holder = "another process"

    def check(self) -> None:
        """Check that the file can be made and locked here.

        :raises OSError: if not
        """
        try:
            import fcntl  # noqa: F401
        except ImportError:
            raise OSError(
                "leader_lock with a file needs a POSIX system; give it a job store that the processes share"
            ) from None
        try:
            with _guard:
                os.close(self._open())
        except OSError as exc:
            raise type(exc)(
                exc.errno,
                f"leader_lock needs a file that can be made and written here ({exc.strerror})",
                self.path,
            ) from None

    def _open(self) -> int:
        return os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)

    def take(self) -> bool:
        with _guard:
            if self._handle is not None and not self.held:
                self._close()
            return self._handle is not None or self._locked()

    def _locked(self) -> bool:
        import fcntl

        handle = self._open()
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._holder = _written(handle)
            os.close(handle)
            return False
        except BaseException:
            os.close(handle)
            raise
        self._handle = handle
        _holding.add(self)
        if not self.held:  # removed since it was opened: others lock another file
            self._close()
            return False
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)
        return True

    @property
    def held(self) -> bool:
        handle = self._handle
        if handle is None:
            return False
        try:
            return os.path.samestat(os.fstat(handle), os.stat(self.path))  # noqa: PTH116 - see above
        except OSError:
            return False

    def holder(self) -> str:
        return self._holder

    def release(self) -> None:
        with _guard:
            self._close()

    def _close(self) -> None:
        handle, self._handle = self._handle, None
        _holding.discard(self)
        if handle is not None:
            os.close(handle)

    def forked(self) -> None:
        """Called in a forked child: close the parent's handle, which would keep the lock after the parent's end."""
        self._close()


def _written(handle: int) -> str:
    """Return what the holder wrote into the file, in printable characters."""
    text = os.pread(handle, _LONGEST_NAME, 0).decode("utf-8", "replace")
    return "".join(each for each in text if each.isprintable()) or "another process"


# Held while handles are opened and closed. The number of a closed handle may be another file's at once, and a handle
# that is opened during a fork would stay open in the child.
_guard = RLock()
# Not weak: in a child the scheduler may drop its lock before _forked is called, and the handle would stay open.
_holding: set[FileLock] = set()


def _hold() -> None:
    _guard.acquire()


def _go_on() -> None:
    _guard.release()


def _forked() -> None:
    global _guard  # noqa: PLW0603 - the parent's may be held by a thread that the child does not have
    _guard = RLock()
    for lock in list(_holding):
        lock.forked()


after_fork(_forked)
around_fork(_hold, _go_on)
