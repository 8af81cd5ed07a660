"""Warns if another process of the same application runs a scheduler whose jobs only that process knows.

If each worker of a web server starts such a scheduler, each of them runs every job. To notice this, each process locks
one byte of a file of its user. The application's identity gives the number of the byte, so workers of one server try to
lock the same byte. Such a lock ends with its process, is not inherited through a fork, and leaves nothing to clean up.
"""

from __future__ import annotations

import os
import struct
import sys
from zlib import crc32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from apscheduler.schedulers._contract import Logs

_held: dict[int, int] = {}
"""By byte, how many schedulers of this process use it; several in one process get no warning."""
_file: list[tuple[int, int]] = []
"""This process's id and its handle of the file; empty before the first use.

The handle is never closed, because closing any handle of the file would end all locks of the process on it.
"""

_FLOCK = "hhqqi"
"""Format of Linux's ``struct flock``, by which the kernel is asked who holds a lock."""


def place() -> str:
    """Return the path of this user's file on this machine: in memory if the system has a folder for that."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and os.path.isdir(runtime):  # noqa: PTH112 - pathlib costs the start path milliseconds
        return f"{runtime}/tickwright.lock"
    return f"{os.environ.get('TMPDIR') or '/tmp'}/tickwright-{os.getuid()}.lock"  # noqa: S108 - see _handle


def identity() -> int:
    """Return the number of this application's byte: workers of one server have the same, others almost never.

    It is computed from what these workers share: the command line, the PID namespace, the process group (a shell or a
    service manager makes a new one for each command), the folder, and the program's line that starts the scheduler.
    """
    try:
        space = os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - see above
    except OSError:
        space = ""
    tests = os.environ.get(
        "PYTEST_XDIST_WORKER"
    )  # parallel test processes are not workers of one server
    words = (*sys.argv, os.getpgrp(), space, tests, os.getcwd(), *_starting_line())  # noqa: PTH109
    text = "\0".join(map(str, words)).encode("utf-8", "replace")
    return (crc32(text) << 30) ^ crc32(text, 1)


def _starting_line() -> tuple[str, int]:
    """Return file and line of the nearest caller outside of this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and _is_ours(frame.f_globals.get("__name__")):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def _is_ours(module_name: object) -> bool:
    return isinstance(module_name, str) and module_name.partition(".")[0] == "apscheduler"


def enter() -> tuple[int | None, str | None]:
    """Lock this application's byte, unless another process has it.

    :return: the byte for :func:`leave` (``None``: not locked), and who else has it (``None``: nobody)
    :raises OSError, ImportError: if the file cannot be used, or the system has no such locks
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
    """Unlock the byte, unless another scheduler of this process still uses it."""
    import fcntl

    if not _file or _file[0][0] != os.getpid() or byte not in _held:
        return
    _held[byte] -= 1
    if not _held[byte]:
        del _held[byte]
        fcntl.lockf(_handle(), fcntl.LOCK_UN, 1, byte)


def _handle() -> int:
    """Return the handle of the open file; a child process opens it again after a fork, and holds no byte then.

    In a folder that all users can write to, the file may be another user's: then it is not used.
    """
    if _file and _file[0][0] == os.getpid():
        return _file[0][1]
    _held.clear()
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    handle = os.open(place(), flags, 0o600)
    if os.fstat(handle).st_uid != os.getuid():
        os.close(handle)
        raise PermissionError(f"{place()} belongs to another user")
    _file[:] = [(os.getpid(), handle)]
    return handle


def _holder(handle: int, byte: int) -> str:
    if sys.platform != "linux":
        return "another process"
    import fcntl

    asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0)
    pid = struct.unpack(_FLOCK, fcntl.fcntl(handle, fcntl.F_GETLK, asked))[-1]
    return f"process {pid}" if pid else "another process"


def look(scheduler: Logs) -> int | None:
    """Warn if another process of this application runs such a scheduler; return the byte for :func:`leave`."""
    try:
        byte, other = enter()
    except (OSError, ImportError, AttributeError, struct.error) as exc:
        # The file cannot be used, or the system has no such locks. A start must not fail because of a warning.
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
    """Return advice if the other process is probably a reloader, which watches files and restarts this process."""
    for name in ("WERKZEUG_RUN_MAIN", "RUN_MAIN"):  # Flask's and Django's
        if os.environ.get(name) == "true":
            return (
                f". The other process is probably the reloader's, which runs the program too: start the scheduler only "
                f"where the environment variable {name} is 'true'"
            )
    return ""
