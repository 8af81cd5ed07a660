"""Makes the checks of ``apscheduler doctor``.

It is for broken installations: like :mod:`apscheduler.installation` it imports no other module of the package before a
check needs one.
"""

from __future__ import annotations

import csv
import hashlib
import json
import platform
import re
import sys
from base64 import urlsafe_b64encode
from datetime import UTC
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from apscheduler.installation import REMEDY, SITE, foreign_copies

if TYPE_CHECKING:
    from collections.abc import Iterator

DISTRIBUTION = "tickwright"
OLDEST_PYTHON = (3, 11)
_SHOWN = 5  # broken files named
_REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)\s*(?:\[[^]]*\])?\s*\(?(?:>=\s*(?P<least>[0-9.]+))?"
    r"(?:.*?;.*?extra\s*==\s*['\"](?P<extra>[^'\"]+)['\"])?"
)


class Finding(NamedTuple):
    """One line of the report."""

    topic: str
    said: str
    remedy: str | None = None
    """What to do about it; ``None``: nothing is wrong."""


def findings() -> Iterator[Finding]:
    """Yield all there is to say about this installation, also what is well."""
    for topic, check in (
        ("Python", _python),
        (DISTRIBUTION, _tickwright),
        ("APScheduler", _apscheduler),
        ("files", _files),
        ("libraries", _requirements),
        ("clients", _clients),
        ("time zones", _time_zones),
        ("local zone", _local_zone),
    ):
        try:
            yield from check()
        except Exception as error:  # noqa: BLE001 - whatever is broken: the other checks have something to say too
            said = f"could not be checked: {type(error).__name__}: {error}"
            yield Finding(topic, said, "see whether what this names is whole; reinstall it if not")


def _python() -> Iterator[Finding]:
    said = f"{platform.python_implementation()} {platform.python_version()} ({sys.executable})"
    oldest = ".".join(map(str, OLDEST_PYTHON))
    is_old = sys.version_info[:2] < OLDEST_PYTHON
    yield Finding("Python", said, f"install Python {oldest} or newer" if is_old else None)


def _own() -> Distribution | None:
    try:
        return distribution(DISTRIBUTION)
    except PackageNotFoundError:
        return None


def _tickwright() -> Iterator[Finding]:
    own = _own()
    if own is None:
        said = f"runs from {SITE}, not installed as a distribution: its files cannot be checked"
        yield Finding(DISTRIBUTION, said)
    elif _editable(own) or _is_here(own):
        yield Finding(DISTRIBUTION, f"{own.version} in {SITE}")
    else:
        where = own.locate_file("")
        said = f"{own.version} is installed in {where}, but the package is that of {SITE}"
        yield Finding(DISTRIBUTION, said, "leave one of the two on sys.path (see PYTHONPATH)")


def _is_here(own: Distribution) -> bool:
    return Path(str(own.locate_file(""))).resolve() == Path(SITE).resolve()


def _editable(own: Distribution) -> bool:
    try:
        origin = json.loads(own.read_text("direct_url.json") or "{}")
        return bool(origin.get("dir_info", {}).get("editable"))
    except (ValueError, AttributeError):
        return False


def _apscheduler() -> Iterator[Finding]:
    site = str(Path(SITE).resolve())
    folders = dict.fromkeys([site, *(str(Path(entry or ".").resolve()) for entry in sys.path)])
    foreign = [(version, folder) for folder in folders for version in foreign_copies(folder)]
    for version, folder in foreign:
        where = "over the same files as tickwright" if folder == site else "elsewhere on sys.path"
        yield Finding("APScheduler", f"{version} is installed in {folder}, {where}", REMEDY)
    if not foreign:
        yield Finding("APScheduler", "no other copy is installed")


def _files() -> Iterator[Finding]:
    """Compare the installed files with the hashes that were recorded when they were installed."""
    own = _own()
    if own is None:
        return
    if _editable(own):
        yield Finding("files", "an editable installation: nothing was copied")
        return
    record = _record(own)
    hashed = {name: digest for name, digest in record.items() if digest and not _is_script(name)}
    if not hashed:
        yield Finding("files", "whoever installed them recorded no hashes to compare them with")
        return
    faults = ((name, _fault(own, name, digest)) for name, digest in hashed.items())
    broken = [f"{name} {fault}" for name, fault in faults if fault]
    if broken:
        said = f"{len(broken)} of {len(hashed)} are not ours: {_some(broken)}"
        yield Finding("files", said, REMEDY)
    else:
        yield Finding("files", f"all {len(hashed)} are as they were installed")
    strays = list(_strays(record)) if _is_here(own) else []
    if strays:
        said = f"{len(strays)} more in their folder were not installed with them: {_some(strays)}"
        yield Finding(
            "files", said, f"delete them if they are not yours, or the whole folder: {REMEDY}"
        )


def _some(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")


def _record(own: Distribution) -> dict[str, str]:
    """Return the files that were installed, each with its recorded hash, or "" if there is none."""
    # Not Distribution.files: from Python 3.12 on it leaves out files that are missing.
    rows = csv.reader((own.read_text("RECORD") or "").splitlines())
    return {row[0]: "".join(row[1:2]) for row in rows if row}


def _is_script(name: str) -> bool:
    """Return whether a file is recorded outside: ``pip install --target`` moves commands, and records the old place."""
    return name.startswith("..") or Path(name).is_absolute()


def _strays(record: dict[str, str]) -> Iterator[str]:
    """Yield the files of the package's folder that were not installed with it."""
    # Compared by name, because the files themselves are elsewhere if an installer made links.
    ours = set(map(Path, record))
    for path in sorted(Path(SITE, "apscheduler").rglob("*")):
        file = path.relative_to(SITE)
        if path.is_file() and "__pycache__" not in file.parts and file not in ours:
            yield str(file)


def _fault(own: Distribution, name: str, digest: str) -> str | None:
    """Return what is wrong with an installed file, ``None`` if it is as it was."""
    algorithm, _, wanted = digest.partition("=")
    try:
        found = hashlib.new(algorithm, Path(str(own.locate_file(name))).read_bytes()).digest()
    except OSError:
        return "is missing"
    return None if urlsafe_b64encode(found).decode().rstrip("=") == wanted else "was overwritten"


def _requirements() -> Iterator[Finding]:
    """Say which libraries of ours and of the extras are there and new enough."""
    own = _own()
    if own is None:
        return
    missing: dict[str, list[str]] = {}
    ready: dict[str, None] = {}
    for text in own.requires or ():
        wanted = _REQUIREMENT.match(text)
        if wanted is None:
            continue
        name, least, extra = wanted["name"], wanted["least"], wanted["extra"]
        version = _version(name)
        install = f"{DISTRIBUTION}[{extra}]" if extra else DISTRIBUTION
        if version is None and extra:
            missing.setdefault(extra, []).append(name)
        elif version is None:
            yield Finding("libraries", f"{name} is missing", f"pip install {name!r}")
        elif least and _numbers(version) < _numbers(least):
            remedy = f"pip install --upgrade '{install}'"
            yield Finding("libraries", f"{name} {version} is older than {least}", remedy)
        if extra:
            ready.setdefault(extra)
    complete = sorted(ready.keys() - missing.keys())
    yield Finding("extras", f"installed: {', '.join(complete) or 'none'}")
    if missing:
        names = ", ".join(sorted(missing))
        yield Finding("extras", f"not installed: {names} (pip install '{DISTRIBUTION}[NAME]')")


def _version(name: str) -> str | None:
    try:
        return distribution(name).version
    except PackageNotFoundError:
        return None


def _numbers(version: str) -> list[int]:
    release = re.match(r"[0-9.]*", version)
    numbers = [int(part) for part in (release[0] if release else "").split(".") if part]
    while numbers and numbers[-1] == 0:  # 2.0 is 2
        numbers.pop()
    return numbers


def _clients() -> Iterator[Finding]:
    """Name the installed libraries that require APScheduler, and whether that is fulfilled."""
    asking = re.compile(r"apscheduler(?![\w.-])", re.IGNORECASE)
    names = {
        f"{each.metadata['Name']} {each.version}"
        for each in distributions()
        if any(asking.match(wanted) for wanted in each.requires or ())
        and each.metadata["Name"].casefold() != "apscheduler"  # its extras name itself
    }
    if names:
        shim = _version("APScheduler")
        need = "needs" if len(names) == 1 else "need"
        fulfilled = "" if shim else " (no shim is installed: pip would install APScheduler for it)"
        yield Finding("clients", f"{', '.join(sorted(names))} {need} APScheduler{fulfilled}")


def _time_zones() -> Iterator[Finding]:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo("Europe/Berlin")
    except (LookupError, OSError, ValueError) as error:
        yield Finding("time zones", f"there is no data for them: {error}", "pip install tzdata")
        return
    from apscheduler import clocks
    from apscheduler.zones.checkup import of_data

    for said, remedy in of_data(clocks.now(UTC)):
        yield Finding("time zones", said, remedy)


def _local_zone() -> Iterator[Finding]:
    from apscheduler.zones.checkup import of_local_zone

    said, remedy = of_local_zone()
    yield Finding("local zone", said, remedy)
