"""Programs that tests need beside the servers: from Debian's packages, where we may install them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

PACKAGES = {
    "bindfs": "bindfs",
    "etcd": "etcd-server",
    "ip": "iproute2",
    "pgbouncer": "pgbouncer",
    "pgpool": "pgpool2",
    "zkServer.sh": "zookeeper",
}
"""A program that tests look for, and the package that has it."""
LIBRARIES = {"faketime/libfaketimeMT.so.1": "libfaketime"}
"""The same for libraries, below a folder of the system's architecture."""
_ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}  # no service is started
_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/share/zookeeper/bin"])


def missing() -> list[str]:
    """Return the packages whose programs are not here."""
    programs = {name for name in PACKAGES if shutil.which(name, path=_PATH) is None}
    libraries = {name for name in LIBRARIES if not any(Path("/usr/lib").glob(f"*/{name}"))}
    return sorted({(PACKAGES | LIBRARIES)[name] for name in programs | libraries})


def install() -> int:
    """Install what is missing, as root on Debian; elsewhere say what tests will miss. Return an exit status."""
    packages = missing()
    if not packages:
        return 0
    if os.geteuid() or shutil.which("apt-get") is None:
        print(f"Tests that need {', '.join(packages)} will be left out: not installed here.")
        return 0
    environment = os.environ | _ENVIRONMENT
    for command in (
        ["apt-get", "-qq", "update"],
        ["apt-get", "-qq", "install", "-y", "--no-install-recommends", *packages],
    ):
        status = subprocess.run(
            command, env=environment, stdout=subprocess.DEVNULL, check=False
        ).returncode
        if status:
            print(f"{' '.join(command)} ended with {status}.")
            return status
    return 0
