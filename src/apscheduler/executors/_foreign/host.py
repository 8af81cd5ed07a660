"""Tells whether another process runs on this host: under the same kernel, with the same numbers of processes."""

from __future__ import annotations

import os
from functools import cache


@cache
def host_key() -> str:
    """Return a text that differs between kernels, and between namespaces of process numbers."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:  # noqa: PTH123 - pathlib is not cheap to import
            return f"{file.read().strip()} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 - see above
    except OSError:  # another system than Linux
        import platform
        import uuid

        return f"{platform.node()} {uuid.getnode():x}"


def is_gone(pid: int) -> bool:
    """Return whether it is certain that no process with this number runs here; a zombie counts as gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - see above
            return file.read().rpartition(b")")[2].split()[:1] == [b"Z"]
    except ProcessLookupError:
        return True
    except OSError:
        if os.name == "nt":
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
