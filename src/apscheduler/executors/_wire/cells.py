"""Keeps numbers in a small file that the processes of one host share: the life of the file, and its numbers.

The process that made the file deletes it: with the object that holds it, or at the program's end.
"""

from __future__ import annotations

import atexit
import mmap
import os
import tempfile
import weakref
from contextlib import suppress

NO_LIMIT = (1 << 63) - 1
"""The largest number that a cell can have."""
_CELL_BYTES = 8


class Cells:
    """The shared file, as each side opens it."""

    def __init__(self, path: str) -> None:
        self.path = path
        with open(path, "r+b") as file:  # noqa: PTH123 - pathlib is not cheap to import
            self._map = mmap.mmap(file.fileno(), 0)
        self._cells = memoryview(self._map).cast("q")

    def own(self) -> None:
        """Called once by the process that made the file: have it deleted with this object, or at the program's end."""
        # Not called at exit: pools still finish their work then, and start processes that open the file.
        weakref.finalize(self, _delete, self.path, os.getpid()).atexit = False
        _owners[self.path] = os.getpid()

    def remove(self) -> None:
        """Delete the file; a process that has it open can still use it."""
        _delete(self.path, os.getpid())


def make_file(cells: int) -> str:
    """Make a file with this number of cells, each 0, which only this user can read; return its path.

    All of it is written, because a process dies at once that writes to a part for which the disk has no room.

    :raises OSError: if there is no room for it
    """
    handle, path = tempfile.mkstemp(prefix="apscheduler-")
    try:
        with open(handle, "wb", closefd=False) as file:
            file.write(bytes(cells * _CELL_BYTES))
    except BaseException:
        os.unlink(path)  # noqa: PTH108 - see above
        raise
    finally:
        os.close(handle)
    return path


_owners: dict[str, int] = {}
"""The path of each file that exists, with the number of the process that made it."""


def _delete_all() -> None:
    for path, owner in list(_owners.items()):
        _delete(path, owner)


# Registered before the pools' exit handlers, so it runs after them.
atexit.register(_delete_all)


def _delete(path: str, owner: int) -> None:
    """Delete the file, unless this is a fork of the process that made it."""
    _owners.pop(path, None)
    if os.getpid() == owner:
        with suppress(OSError):
            os.unlink(path)  # noqa: PTH108 - see above
