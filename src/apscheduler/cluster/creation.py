"""Tells when a file was created, where the file system keeps that for good.

This tells a new file from a removed one that had the same inode: ext4 gives the inode of ``rm jobs.sqlite`` to the
``cp`` that follows. The time of creation is the new file's own. No program can set it, and nothing that is done to the
file later changes it.

The file is asked by its path. To ask it in another way (``FS_IOC_GETVERSION``) it would have to be opened and closed,
and closing it ends all locks that SQLite holds on it in this process.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from datetime import UTC

from apscheduler._engine.instants import SECOND, from_us
from apscheduler.cluster.filesystems import kind_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

KEEPS_CREATION: Final = frozenset(("ext2", "ext3", "ext4", "xfs", "btrfs", "zfs"))
"""Kinds that store the time of creation. An overlay does not: the first write makes its file another one."""

_HERE: Final = -100  # AT_FDCWD
_BTIME: Final = 0x800  # STATX_BTIME
_SIZE: Final = 256
_MASK: Final = slice(0, 4)
_SECONDS: Final = slice(80, 88)
_NANOSECONDS: Final = slice(88, 92)


def created_at(path: str) -> str | None:
    """Return when a file was created, UTC to the nanosecond; ``None`` where that is not told, or not kept for good."""
    if kind_of(path) not in KEEPS_CREATION:
        return None
    told = _statx(path)
    if told is None or not _number(told[_MASK]) & _BTIME:
        return None
    seconds, nanoseconds = _number(told[_SECONDS], signed=True), _number(told[_NANOSECONDS])
    with suppress(OverflowError):  # a damaged inode: beyond any calendar
        return f"{from_us(seconds * SECOND, UTC):%Y-%m-%d %H:%M:%S}.{nanoseconds:09} UTC"
    return None


def _statx(path: str) -> bytes | None:
    """Return the kernel's ``struct statx`` of a file. Only its byte order depends on the machine."""
    import ctypes

    buffer = ctypes.create_string_buffer(_SIZE)
    with suppress(OSError, AttributeError):  # a libc without it
        if not ctypes.CDLL(None).statx(_HERE, os.fsencode(path), 0, _BTIME, buffer):
            return buffer.raw
    return None


def _number(told: bytes, *, signed: bool = False) -> int:
    return int.from_bytes(told, sys.byteorder, signed=signed)
