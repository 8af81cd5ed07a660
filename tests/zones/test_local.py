"""The local zone where its file has no name: a file that was mounted, or a link that leads to one.

Neighbours tried beyond the reported ones: many names of the tz database as a plain file, links, files that TZ names; of
damaged files many lengths of a short one and of a long one, other magics, versions and counts, letters that are no
ASCII, with a zone named beside them and without, and the command ``doctor``.
"""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import zoneinfo
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import tzlocal
from tzlocal import unix

from apscheduler.moments import local_zone
from apscheduler.serializers.base import SerializationError
from apscheduler.serializers.pickle import pickled
from apscheduler.triggers.cron import CronTrigger
from apscheduler.zones import local
from apscheduler.zones.files import _Endless
from apscheduler.zones.names import known_names

if sys.platform == "win32":
    pytest.skip("there are no such files there", allow_module_level=True)

MOMENTS = [datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=17) * n for n in range(1500)]


def content(name: str) -> bytes:
    """Return the file that zoneinfo reads for a zone."""
    systems = (Path(folder, name) for folder in zoneinfo.TZPATH)
    packaged = files("tzdata").joinpath("zoneinfo", *name.split("/"))
    return next((path for path in systems if path.is_file()), packaged).read_bytes()


def offsets(zone):
    return [moment.astimezone(zone).utcoffset() for moment in MOMENTS]


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Return a function that makes the files below a root this machine's."""
    (tmp_path / "etc").mkdir()
    monkeypatch.delenv("TZ", raising=False)
    # Our own /etc is not to be touched: tzlocal looks below another root.
    root = str(tmp_path)
    monkeypatch.setattr(tzlocal, "get_localzone", lambda: unix._get_localzone(root))
    monkeypatch.setattr(tzlocal, "get_localzone_name", lambda: unix._get_localzone_name(root))
    monkeypatch.setattr(local, "_FILES", [str(tmp_path / "etc/localtime")])

    def have(data: bytes) -> None:
        (tmp_path / "etc/localtime").write_bytes(data)

    return have


def test_a_plain_file_is_known_by_its_content_whichever_zone_it_is(machine):
    for name in sorted(known_names())[5::83]:
        machine(content(name))
        found = local.find()
        assert offsets(found.zone) == offsets(ZoneInfo(name)), name
        assert found.trouble is None, name
        assert pickle.loads(pickle.dumps(found.zone)) is found.zone
        assert found.how == "by the content of /etc/localtime"


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("Europe/London", "Europe/London"),
        ("America/New_York", "America/New_York"),
        ("Asia/Shanghai", "Asia/Shanghai"),
        ("Etc/UTC", "UTC"),
    ],
)
def test_the_best_known_of_its_names_is_taken(machine, name, key):
    machine(content(name))
    assert str(local.find().zone) == key


def test_a_file_that_is_no_zones_is_used_and_said(machine):
    rule = content("Asia/Tokyo").replace(b"JST-9\n", b"XYZ-9:30XYA,J60,J300\n")
    assert rule != content("Asia/Tokyo")
    machine(rule)
    with pytest.warns(UserWarning, match="its content is no zone of the tz database here") as heard:
        zone = local_zone()
    assert "set the environment variable TZ to a zone's name" in str(heard[0].message)
    with pytest.raises(SerializationError, match="its time zone is a file without a name; give"):
        pickled({"trigger": CronTrigger(hour=9, timezone=zone)}, 4, "a")
    summer = datetime(2040, 7, 1, tzinfo=UTC).astimezone(zone)
    assert summer.utcoffset() == timedelta(hours=10, minutes=30)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("Europe/Berln", "'Europe/Berln', which is no zone here; did you mean Europe/Berlin?"),
        (":Europe/Berln", "'Europe/Berln', which is no zone here; did you mean Europe/Berlin?"),
        ("Berlin", "'Berlin', which is no zone here; did you mean Europe/Berlin?"),
        ("W. Europe Standard Time", "which is no zone here; did you mean Europe/Berlin?"),
        ("nowhere", "'nowhere', which is no zone here)"),
        ("a\nb", "'a\\nb', which is no zone here)"),
        (":", "'', which is no zone here)"),
    ],
)
def test_a_tz_that_names_no_zone_is_quoted_with_the_zone_that_may_be_meant(
    monkeypatch, given, said
):
    monkeypatch.setenv("TZ", given)
    monkeypatch.setattr("tzlocal.unix._cache_tz", None)
    found = local.find()
    assert found.zone is UTC
    assert said in str(found.trouble)
    assert "tzlocal" not in str(found.trouble)


@pytest.mark.parametrize("name", ["localtime", "Berlin", "UTC", "Europe/Oslo"])
def test_a_file_that_tz_names_is_known_by_its_content_too(tmp_path, name):
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content("Europe/Berlin"))
    expected = "Europe/Oslo" if name == "Europe/Oslo" else "Europe/Berlin"
    assert said("local.find().zone", TZ=str(file)) == expected
    assert said("local.find().zone", TZ=f":{file}") == expected


def test_a_file_that_was_mounted_over_utc_is_not_utc(tmp_path):
    """``-v /etc/localtime:/etc/localtime`` writes to where the image's link leads."""
    (tmp_path / "Etc").mkdir()
    (tmp_path / "Etc/UTC").write_bytes(content("Asia/Tokyo"))
    (tmp_path / "Asia").mkdir()
    (tmp_path / "Asia/Tokyo").write_bytes(content("Asia/Tokyo"))
    environ = {"PYTHONTZPATH": str(tmp_path), "TZ": "Etc/UTC"}
    assert said("local.find().zone", **environ) == "Asia/Tokyo"
    shutil.copy(tmp_path / "Etc/UTC", tmp_path / "GMT")
    assert said("local.find().zone", **{**environ, "TZ": "GMT"}) == "Asia/Tokyo"


def damaged_files():
    """Yield what is no whole TZif file."""
    tokyo, berlin = content("Asia/Tokyo"), content("Europe/Berlin")
    yield from (tokyo[:length] for length in range(tokyo.rindex(b"\n", 0, -1)))
    yield from (berlin[:length] for length in range(0, berlin.rindex(b"\n", 0, -1), 97))
    yield b"TZif2garbage"
    yield b"tzif" + berlin[4:]
    yield b"Europe/Berlin\n"
    yield b"TZif2" + b"\xff" * 300
    yield b"TZif2" + bytes(39)
    yield berlin[:20] + b"\x7f" + berlin[21:]
    yield berlin.replace(b"CET-1CEST", b"C\xff-1C\xff")
    yield berlin.replace(b"CET-1CEST", b"garbage!!")
    yield bytes(1000)


def test_no_damaged_file_brings_more_than_a_clear_warning(machine):
    count = 0
    for data in damaged_files():
        machine(data)
        found = local.find()
        assert found.zone is UTC, data
        assert found.trouble is not None
        assert "localtime is damaged: it is no whole TZif file), so UTC is used" in found.trouble
        count += 1
    assert count > 200


def test_a_content_that_is_read_beyond_its_end_goes_on_and_is_known_as_cut():
    content = _Endless(b"ab")
    assert (content.read(2), content.is_cut) == (b"ab", False)
    assert (content.read(1), content.is_cut) == (b"\n", True)


@pytest.mark.parametrize("version", [b"\0", b"2", b"3", b"4"])
def test_a_whole_file_of_any_version_is_read(machine, version):
    whole = content("Asia/Tokyo")
    machine(whole[:4] + version + whole[5:])
    found = local.find()
    assert (str(found.zone), found.trouble) == ("Asia/Tokyo", None)


def test_a_damaged_file_beside_a_name_is_not_asked(machine, tmp_path):
    machine(b"TZif2garbage")
    (tmp_path / "etc/timezone").write_text("Europe/Oslo\n")
    found = local.find()
    assert (str(found.zone), found.trouble) == ("Europe/Oslo", None)


def test_a_damaged_file_that_tz_names_is_said_by_the_doctor(tmp_path):
    (tmp_path / "cut").write_bytes(content("Asia/Tokyo")[:100])
    line = said(
        "__import__('apscheduler.zones.checkup', fromlist=['x']).of_local_zone()",
        TZ=f":{tmp_path}/cut",
    )
    assert "cut is damaged" in line
    assert "set the environment variable TZ" in line


@pytest.mark.slow
def test_a_job_of_a_sql_store_gets_the_zone_of_a_nameless_file(tmp_path):
    (tmp_path / "localtime").write_bytes(content("Asia/Kolkata"))
    program = f"""
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
store = SQLAlchemyJobStore("sqlite:///{tmp_path}/jobs.sqlite")
scheduler = BackgroundScheduler(jobstores={{"default": store}})
scheduler.start(paused=True)
scheduler.add_job("os:getcwd", "cron", hour=9, id="a")
print(scheduler.get_job("a").trigger.timezone)
scheduler.shutdown()
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**os.environ, "TZ": str(tmp_path / "localtime")},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("Asia/Calcutta\n", "")  # Windows' name for it


def said(expression: str, **environ: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", f"from apscheduler.zones import local; print({expression})"],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()
