"""Whether another process of the same application runs a scheduler whose jobs only it knows.

Each worker of a web server that starts such a scheduler runs every job. That is seen by a byte of one file of the user's:
each process locks the byte that its application's identity gives. These locks end with their process, do not come along
through a fork, and leave nothing to clean up.
"""

from __future__ import annotations

import os
import struct
import sys
from zlib import crc32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_held: dict[int, int] = {}
"""Schedulers of this process by byte; a process does not disturb itself."""
_file: list[tuple[int, int]] = []
"""This process's id and its handle. It is never closed: closing any handle of the file would end all of its locks."""

_FLOCK = "hhqqi"
"""struct flock on Linux, for asking who holds a lock."""


def place() -> str:
    """Return the file's path: of this user, on this machine, in memory where the system has such a folder."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and os.path.isdir(runtime):  # noqa: PTH112 - pathlib costs the start path milliseconds
        return f"{runtime}/tickwright.lock"
    return f"{os.environ.get('TMPDIR') or '/tmp'}/tickwright-{os.getuid()}.lock"  # noqa: S108 - see _handle


def identity() -> int:
    """Return the byte of this application: the same in each worker of one server, different in (almost) all else.

    Workers share the command line, the process group, which a shell and a service manager make anew for each command,
    the folder, and the line of the program that starts the scheduler.
    """
    try:
        space = os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - see above
    except OSError:
        space = ""
    tests = os.environ.get(
        "PYTEST_XDIST_WORKER"
    )  # processes that run tests side by side are no workers
    words = (*sys.argv, os.getpgrp(), space, tests, os.getcwd(), *_starting_line())  # noqa: PTH109
    text = "\0".join(map(str, words)).encode("utf-8", "replace")
    return (crc32(text) << 30) ^ crc32(text, 1)


def _starting_line() -> tuple[str, int]:
    """Return where the first frame outside of this package stands."""
    frame = sys._getframe(1)
    while frame.f_back is not None and _is_ours(frame.f_globals.get("__name__")):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def _is_ours(module_name: object) -> bool:
    return isinstance(module_name, str) and module_name.partition(".")[0] == "apscheduler"


def enter() -> tuple[int | None, str | None]:
    """Take this application's byte.

    :return: the byte for :func:`leave` (``None``: not taken), and who else has it (``None``: nobody)
    :raises OSError, ImportError: where there is no such file, or no such locks
    """
    import fcntl

    byte = identity()
    handle = _handle()
    if byte in _held:
        _held[byte] += 1
        return byte, None
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
    except (BlockingIOError, PermissionError):
        return None, _holder(handle, byte)
    _held[byte] = 1
    return byte, None


def leave(byte: int) -> None:
    """Give a byte back, if this is the process's last scheduler that has it."""
    import fcntl

    if not _file or _file[0][0] != os.getpid() or byte not in _held:
        return
    _held[byte] -= 1
    if not _held[byte]:
        del _held[byte]
        fcntl.lockf(_handle(), fcntl.LOCK_UN, 1, byte)


def _handle() -> int:
    """Return the open file; a child process after a fork opens it anew, holding nothing.

    In a folder that others can write to, what is there may be theirs: then it is left alone.
    """
    if _file and _file[0][0] == os.getpid():
        return _file[0][1]
    _held.clear()
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    handle = os.open(place(), flags, 0o600)
    if os.fstat(handle).st_uid != os.getuid():
        os.close(handle)
        raise PermissionError(f"{place()} belongs to somebody else")
    _file[:] = [(os.getpid(), handle)]
    return handle


def _holder(handle: int, byte: int) -> str:
    if sys.platform != "linux":
        return "another process"
    import fcntl

    asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0)
    pid = struct.unpack(_FLOCK, fcntl.fcntl(handle, fcntl.F_GETLK, asked))[-1]
    return f"process {pid}" if pid else "another process"


def look(scheduler: Any) -> int | None:
    """Warn if another process of this application runs such a scheduler; return the byte for :func:`leave`."""
    try:
        byte, other = enter()
    except (OSError, ImportError, AttributeError, struct.error) as exc:
        # A start must not fail over a warning: no such file, or a system without such locks.
        scheduler._logger.debug("Not looked for other workers of this application: %s", exc)
        return None
    if other is not None:
        scheduler._logger.warning(
            "A scheduler of this application runs in %s too, and each has its own jobs in memory: every job runs once "
            "in each of these processes. With leader_lock= one of them runs the jobs, and with a job store that they "
            "share each run happens once (docs/how-to/web-servers-with-several-workers.md)%s",
            other,
            _of_reloader(),
        )
    return byte


def _of_reloader() -> str:
    """Return what to do where the other process is the one that watches files and starts this one anew."""
    for name in ("WERKZEUG_RUN_MAIN", "RUN_MAIN"):  # Flask's and Django's
        if os.environ.get(name) == "true":
            return (
                f". The other process is probably the reloader's, which runs the program too: start the scheduler only "
                f"where the environment variable {name} is 'true'"
            )
    return ""
