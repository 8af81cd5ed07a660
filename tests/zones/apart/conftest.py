"""Zone data of a machine that is older than the package tzdata, or newer, or says no version."""

from __future__ import annotations

import zoneinfo
from importlib.resources import files
from pathlib import Path

import pytest

from apscheduler import moments
from apscheduler._engine import zones as lines
from apscheduler.zones import names, watching


@pytest.fixture
def system(tmp_path):
    """Return a function that makes zones, each with the content of another one, the data in use."""
    before = zoneinfo.TZPATH
    folder = tmp_path / "zoneinfo"
    folder.mkdir()

    def have(zones: dict[str, str], version: str | None = "2001a", file: str = "tzdata.zi") -> Path:
        write(folder, zones, version, file)
        look_in([str(folder)])
        return folder

    yield have
    look_in(before)


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """Return a folder for zone data that several tests have in use: the clocks by it are computed once."""
    return tmp_path_factory.mktemp("zoneinfo")


def write(
    folder: Path, zones: dict[str, str], version: str | None, file: str = "tzdata.zi"
) -> None:
    """Make zones in a folder, each with the content of another one."""
    for name, other in zones.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = files("tzdata").joinpath("zoneinfo", *other.split("/")).read_bytes()
        path.write_bytes(content)
    if version is not None:
        line = f"# version {version}\nR" if file.endswith(".zi") else version
        (folder / file).write_text(f"{line}\n")


def look_in(folders) -> None:
    zoneinfo.reset_tzpath(folders)
    zoneinfo.ZoneInfo.clear_cache()
    names.known_names.cache_clear()
    moments.zone_named.cache_clear()
    watching.outdated_data.cache_clear()
    watching._told.clear()
    lines._lines.clear()
