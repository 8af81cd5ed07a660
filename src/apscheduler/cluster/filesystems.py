"""Tells by the kind of a file's file system whether several kernels may use the file at once.

Locks of files hold among the processes of one kernel. Whether another kernel sees them, and when it sees what was
written, depends on the network file system: NFS may do it, SMB and FUSE mostly do not, and volumes that a virtual
machine shares with its host never do. A kind that is not known as one of these counts as local.

On Linux the mount table tells the kind; without one, the number that ``statfs`` gives. On Windows the path tells
whether a file is on a network share. Elsewhere nothing is told, and all file systems count as local.
"""

from __future__ import annotations

import os
import re
import sys
from functools import lru_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

MOUNTS: Final = "/proc/self/mountinfo"
SHARED: Final = frozenset(
    (
        # network file systems
        *("nfs", "nfs4", "cifs", "smb3", "smb2", "smbfs", "ncpfs", "afs", "coda", "afpfs"),
        # those of clusters
        *("ceph", "glusterfs", "lustre", "beegfs", "gpfs", "ocfs2", "gfs2", "orangefs", "pvfs2"),
        # between a virtual machine, or a container's, and its host
        *("9p", "virtiofs", "vboxsf", "vmhgfs", "prl_fs", "prl_vmfs", "drvfs", "fakeowner"),
        # made by a program, which may have its files anywhere
        "fuse",
    )
)
LOCAL_FUSE: Final = frozenset(("fuse.fuse-overlayfs",))
"""Made by a program, but local: a container's own root. (``fuseblk`` is a block device of one kernel.)"""
NUMBERED_ANEW: Final = frozenset(("vfat", "msdos", "exfat"))
"""Local kinds that store no inode numbers: Linux makes them up at each mount."""
_MAGIC: Final = {
    0x6969: "nfs",
    0x517B: "smbfs",
    0xFF534D42: "cifs",
    0xFE534D42: "smb3",
    0x65735546: "fuse",
    0x01021997: "9p",
    0x00C36400: "ceph",
    0x0BD00BD0: "lustre",
    0x47504653: "gpfs",
    0x5346414F: "afs",
    0x73757245: "coda",
    0x7461636F: "ocfs2",
    0x01161970: "gfs2",
    0x786F4256: "vboxsf",
    0xBACBACBC: "vmhgfs",
}
_OCTAL: Final = re.compile(rb"\\([0-7]{3})")


def shared_kind(path: str) -> str | None:
    """Return the kind of the file system that a path is on, if several kernels may have it; ``None`` if it is local.

    :param path: of a file or folder, which need not be there
    """
    if os.name == "nt":
        return kind_of_windows_path(os.path.realpath(path))
    kind = kind_of(path)
    return kind if kind is not None and is_shared(kind) else None


def kind_of(path: str) -> str | None:
    """Return the kind of the file system that a path is on, as Linux names it; ``None`` where it is not told.

    :param path: of a file or folder, which need not be there
    """
    if sys.platform != "linux":
        return None
    real = os.path.realpath(path)
    try:
        with open(MOUNTS, "rb") as file:  # noqa: PTH123 - start-up time
            table = file.read()
    except OSError:
        return _by_magic(real)
    return kind_in(table, os.fsencode(real), _device_of(real))


def is_shared(kind: str) -> bool:
    """Return whether several kernels may have a file system of this kind, as the mount table names it."""
    if kind.startswith("fuse."):
        return kind not in LOCAL_FUSE
    return kind in SHARED


@lru_cache(maxsize=8)
def kind_in(table: bytes, path: bytes, device: bytes | None = None) -> str | None:
    """Return the kind of the file system that a path is on; ``None`` if the table has none for it.

    Of the mounts above the path the lowest one counts; of several at one mount point, the last. A mount may be hidden
    by another one above it. So if the path's device is known, and a mount has that device, only such mounts count.

    :param table: as ``/proc/self/mountinfo`` has it
    :param path: absolute, without links
    :param device: ``major:minor`` of the path's device
    """
    best: tuple[bool, int] = (False, -1)
    found: str | None = None
    for line in table.splitlines():
        before, dash, after = line.partition(b" - ")
        fields, kinds = before.split(b" "), after.split(b" ")
        if not dash or len(fields) < 5:
            continue
        point = _OCTAL.sub(lambda match: bytes((int(match[1], 8),)), fields[4])
        if path != point and not path.startswith(point.rstrip(b"/") + b"/"):
            continue
        rank = (device is not None and fields[2] == device, len(point))
        if rank >= best:
            best, found = rank, kinds[0].decode("ascii", "replace")
    return found


def kind_of_windows_path(path: str) -> str | None:
    r"""Return "network share" for a path of Windows that begins with ``\\server\share``."""
    path = path.replace("/", "\\")
    if path.startswith("\\\\?\\UNC\\"):
        return "network share"
    if path.startswith(("\\\\?\\", "\\\\.\\")):
        return None  # a volume or device of this machine
    return "network share" if path.startswith("\\\\") else None


def _device_of(path: str) -> bytes | None:
    """Return the device of a path, or of the nearest folder above it that exists."""
    while True:
        try:
            number = os.stat(path).st_dev  # noqa: PTH116 - start-up time
        except OSError:
            above = os.path.dirname(path)  # noqa: PTH120 - start-up time
            if above == path:
                return None
            path = above
        else:
            return f"{os.major(number)}:{os.minor(number)}".encode()


def _by_magic(path: str) -> str | None:
    """Return the kind by ``statfs``, for systems where the mount table is hidden."""
    import ctypes

    buffer = ctypes.create_string_buffer(512)
    try:
        statfs = ctypes.CDLL(None, use_errno=True).statfs
        if statfs(os.fsencode(path), buffer) and statfs(
            os.fsencode(os.path.dirname(path)),  # noqa: PTH120 - start-up time
            buffer,
        ):
            return None
    except (OSError, AttributeError):  # a libc without it
        return None
    return _MAGIC.get(ctypes.cast(buffer, ctypes.POINTER(ctypes.c_long))[0] & 0xFFFFFFFF)
