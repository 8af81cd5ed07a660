"""Identifies the process of a node, so that another process on its host can tell for certain that it is gone.

A process is identified by its id, its start time, and the space that both belong to: one boot of one kernel, and one
namespace in it. A process can ask the kernel only about processes in its own space. In any other case (another machine,
a clone of this one, a container beside this one, a system without ``/proc``) nothing is known, and the node's lease
decides.

A process that replaces its program (``os.execv``) keeps its id and its start time, but what the old program was running
has ended. So the number of a membership also identifies the program: the kernel lays out each program at addresses of
its own, and tells it these addresses. All schedulers of one program have them in common, whichever interpreter in it
and whichever copy of this module they use. Its forked children have them too, under process ids of their own.
"""

from __future__ import annotations

import os
import secrets
import socket

from apscheduler._engine.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

_MACHINE_FILES: Final = ("/etc/machine-id", "/var/lib/dbus/machine-id")
_ENDED: Final = ("Z", "X", "x")
_RANDOM_BITS: Final = 38
_PROGRAMS: Final = 2**24 - 1


class Host(Record):
    """What a node's row says about its process; each value is ``None`` where it cannot be told.

    :ivar version: the version of tickwright
    :ivar machine: a digest of the machine's id (which is not for others to know), or of its name
    :ivar boot: the kernel's id of its present boot
    :ivar pid_space: the namespaces that process ids and start times belong to
    :ivar pid_started: when the process was started, in the kernel's ticks since the boot
    """

    __slots__ = ("boot", "machine", "pid_space", "pid_started", "version")

    def __init__(
        self,
        version: str | None = None,
        machine: str | None = None,
        boot: str | None = None,
        pid_space: str | None = None,
        pid_started: str | None = None,
    ) -> None:
        self.version = version
        self.machine = machine
        self.boot = boot
        self.pid_space = pid_space
        self.pid_started = pid_started

    def can_see(self, other: Host) -> bool:
        """Return whether this process can ask the kernel about the other one by its number."""
        return None not in (self.machine, self.boot, self.pid_space, self.pid_started) and (
            (self.machine, self.boot, self.pid_space)
            == (other.machine, other.boot, other.pid_space)
        )


def this_process() -> Host:
    """Return what can be told about this process."""
    return Host(_version(), _machine(), _boot(), _pid_space(), _state_of(os.getpid())[1])


def new_epoch() -> int:
    """Return a number for a membership of this process: at least 1, at most 62 bits, and another one after ``exec``."""
    return (_program() << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)) or 1


def is_gone(pid: Any, process: Host, asking: Host, epoch: int) -> bool:
    """Return whether a process has provably ended, or runs another program by now.

    :param pid: its id, as a row says
    :param asking: this process
    :param epoch: the number of its membership, as :func:`new_epoch` gave it there
    """
    if (
        not isinstance(pid, int)
        or pid <= 0
        or process.pid_started is None
        or not asking.can_see(process)
    ):
        return False
    if _has_no_process(pid):
        return True
    state, started = _state_of(pid)
    if started is None:
        return False  # hidden, or just ending
    if started != process.pid_started or (state in _ENDED and _is_alone(pid)):
        return True
    return pid == os.getpid() and not _may_be_of_this_program(epoch)


def _may_be_of_this_program(epoch: int) -> bool:
    program = _program()
    return 0 in (program, epoch >> _RANDOM_BITS) or epoch >> _RANDOM_BITS == program


def _program() -> int:
    """Return a number that tells this process's program from those that it ran before; 0 where nothing does.

    It is made from what the kernel tells a program at its start, which contains random addresses. Where the kernel was
    told not to use random addresses (``setarch -R``), all programs look the same.
    """
    import hashlib

    try:
        with open("/proc/self/auxv", "rb") as file:  # noqa: PTH123 - start-up time
            told = file.read()
    except OSError:
        return 0
    return 1 + int.from_bytes(hashlib.sha256(told).digest()) % _PROGRAMS if told else 0


def _has_no_process(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False  # it is there, but belongs to another user
    return False


def _state_of(pid: int) -> tuple[str | None, str | None]:
    """Return a process's state and start, as ``/proc/PID/stat`` has them."""
    told = _read(f"/proc/{pid}/stat")
    words = [] if told is None else told.rpartition(")")[2].split()
    return (words[0], words[19]) if len(words) > 19 else (None, None)


def _is_alone(pid: int) -> bool:
    """Return whether a process has one thread only: others may go on after the first one has ended."""
    try:
        return len(os.listdir(f"/proc/{pid}/task")) == 1  # noqa: PTH208 - start-up time
    except OSError:
        return False


def _machine() -> str | None:
    import hashlib

    ids = [found for name in _MACHINE_FILES if (found := _read(name))]
    known = ids[0] if ids else socket.gethostname()
    return hashlib.sha256(f"tickwright {known}".encode()).hexdigest()[:32] if known else None


def _boot() -> str | None:
    return _read("/proc/sys/kernel/random/boot_id") or None


def _pid_space() -> str | None:
    try:
        if os.readlink("/proc/self") != str(os.getpid()):  # noqa: PTH115 - start-up time
            return None  # this /proc shows another namespace's processes
        of_pids = os.stat("/proc/self/ns/pid").st_ino  # noqa: PTH116 - start-up time
    except OSError:
        return None
    try:
        of_times = os.stat("/proc/self/ns/time").st_ino  # noqa: PTH116 - start-up time
    except OSError:  # a kernel before 5.6
        of_times = 0
    return f"{of_pids}.{of_times}"


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - start-up time
            return file.read().strip()
    except OSError:
        return None


def _version() -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("tickwright")
    except PackageNotFoundError:  # not installed, but a folder on the path
        return None
