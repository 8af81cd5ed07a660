"""What the doctor says of this environment and of zones; tests/dropin asks it about broken installations."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import sys
import time
import zoneinfo
from base64 import urlsafe_b64encode
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from apscheduler import doctor
from apscheduler.cli import main
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

pytestmark = pytest.mark.usefixtures("newest_zone_data")


def said(topic: str) -> list[doctor.Finding]:
    return [finding for finding in doctor.findings() if finding.topic == topic]


def test_the_environment_of_these_tests_is_well():
    asked = CliRunner().invoke(main, ["doctor"])
    assert asked.exit_code == 0, asked.output
    assert asked.output.endswith("Nothing wrong.\n")
    for topic in ("Python", "tickwright", "APScheduler", "files", "extras", "time zones"):
        assert f"ok     {topic}" in asked.output


def test_a_foreign_copy_elsewhere_on_the_path_is_wrong(tmp_path, monkeypatch):
    (tmp_path / "APScheduler-3.10.4.dist-info").mkdir()
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    asked = CliRunner().invoke(main, ["doctor"])
    assert asked.exit_code == 1
    assert f"3.10.4 is installed in {tmp_path}, elsewhere on sys.path" in asked.output
    assert asked.output.endswith("1 wrong.\n")


def test_installed_and_missing_extras_are_told_apart_without_blame(monkeypatch):
    version = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: None if name == "kazoo" else version(name))
    installed, missing = said("extras")
    assert "sqlalchemy" in installed.said
    assert "zookeeper" not in installed.said
    assert "zookeeper" in missing.said
    assert "pip install 'tickwright[NAME]'" in missing.said
    assert installed.remedy is missing.remedy is None


def test_who_needs_apscheduler_is_said_of_one_and_of_many_and_not_of_itself(monkeypatch):
    def requiring(name: str) -> SimpleNamespace:
        return SimpleNamespace(metadata={"Name": name}, version="1", requires=["APScheduler[x]"])

    monkeypatch.setattr(doctor, "distributions", lambda: [requiring("APScheduler")])
    assert said("clients") == []
    monkeypatch.setattr(doctor, "distributions", lambda: [requiring("b"), requiring("APScheduler")])
    assert said("clients")[0].said.startswith("b 1 needs APScheduler")
    monkeypatch.setattr(doctor, "distributions", lambda: [requiring("b"), requiring("a")])
    assert said("clients")[0].said.startswith("a 1, b 1 need APScheduler")


def test_a_local_zone_that_does_not_exist_is_wrong(monkeypatch):
    import tzlocal

    monkeypatch.setenv("TZ", "Europe/Berlim")
    tzlocal.reload_localzone.__globals__["_cache_tz"] = None
    try:
        (finding,) = said("local zone")
    finally:
        tzlocal.reload_localzone.__globals__["_cache_tz"] = None
    assert "Europe/Berlim" in finding.said
    assert "TZ" in finding.remedy


def test_without_any_zone_data_it_says_what_to_install(monkeypatch):
    def nothing(name):
        raise zoneinfo.ZoneInfoNotFoundError(f"No time zone found with key {name}")

    # A machine without zone data does not exist here.
    monkeypatch.setattr(zoneinfo, "ZoneInfo", nothing)
    (finding,) = said("time zones")
    assert finding.remedy == "pip install tzdata"


def test_without_a_folder_or_a_package_of_zone_data_it_says_so(monkeypatch):
    monkeypatch.setattr(zoneinfo, "TZPATH", ())
    monkeypatch.setitem(sys.modules, "tzdata", None)
    findings = [(finding.said, finding.remedy) for finding in said("time zones")]
    assert ("there is none", "pip install tzdata") in findings


def test_a_library_that_we_need_is_missed_and_one_that_is_too_old_is_named(monkeypatch):
    version = doctor._version
    others = {"click": None, "tzlocal": "2.1", "SQLAlchemy": "1.3.24", "sqlalchemy": "1.3.24"}
    monkeypatch.setattr(doctor, "_version", lambda name: others.get(name, version(name)))
    findings = {finding.said: finding.remedy for finding in said("libraries")}
    assert findings["click is missing"] == "pip install 'click'"
    assert findings["tzlocal 2.1 is older than 3.0"] == "pip install --upgrade 'tickwright'"
    old = "sqlalchemy 1.3.24 is older than 1.4"
    assert findings[old] == "pip install --upgrade 'tickwright[sqlalchemy]'"


@pytest.mark.parametrize(
    ("version", "least", "old"),
    [("2.0", "2", False), ("1.4.54", "2.0", True), ("2.0.0b1", "2.0", False), ("10.1", "9", False)],
)
def test_versions_are_compared_by_their_numbers(version, least, old):
    assert (doctor._numbers(version) < doctor._numbers(least)) is old


def test_metadata_that_is_broken_or_incomplete_does_not_stop_it(tmp_path, monkeypatch):
    own = tmp_path / "tickwright-0.1.0.dist-info"
    own.mkdir()
    (own / "METADATA").write_text("Metadata-Version: 2.1\nName: tickwright\nVersion: 0.1.0\n")
    (own / "direct_url.json").write_text("{broken")
    (tmp_path / "nothing-1.0.dist-info").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    found = {finding.topic: finding for finding in doctor.findings()}
    assert "no hashes" in found["files"].said
    assert found["files"].remedy is None
    assert "but the package is that of" in found["tickwright"].said
    assert "PYTHONPATH" in found["tickwright"].remedy


def test_a_check_that_fails_is_a_line_of_its_own(monkeypatch):
    def broken():
        raise OSError("the disk is gone")

    monkeypatch.setattr(doctor, "_version", lambda name: broken())
    found = {finding.topic: finding for finding in doctor.findings()}
    assert "could not be checked: OSError: the disk is gone" in found["libraries"].said
    assert found["libraries"].remedy
    assert found["local zone"].remedy is None


def test_not_being_a_distribution_is_no_fault(monkeypatch):
    monkeypatch.setattr(doctor, "DISTRIBUTION", "no-such-distribution")
    found = list(doctor.findings())
    assert "not installed as a distribution" in found[1].said
    assert [finding for finding in found if finding.remedy] == []


# -- the files of an installation --------------------------------------------------------------------


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Return a folder in which two files were installed, one of them recorded without a hash."""
    folder = tmp_path / "site"
    own = folder / "tickwright-0.1.0.dist-info"
    (folder / "apscheduler/jobstores/__pycache__").mkdir(parents=True)
    own.mkdir()
    (folder / "apscheduler/job.py").write_bytes(b"# ours")
    (folder / "apscheduler/py.typed").touch()
    digest = urlsafe_b64encode(hashlib.sha256(b"# ours").digest()).decode().rstrip("=")
    (own / "METADATA").write_text("Metadata-Version: 2.1\nName: tickwright\nVersion: 0.1.0\n")
    (own / "RECORD").write_text(f"apscheduler/job.py,sha256={digest},6\napscheduler/py.typed,,\n")
    monkeypatch.setattr(doctor, "SITE", str(folder))
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    return folder


WHOLE = [doctor.Finding("files", "all 1 are as they were installed")]


def test_a_file_that_was_not_installed_with_ours_is_named(site):
    (site / "apscheduler/jobstores/left_behind.py").write_text("# theirs")
    whole, stray = said("files")
    assert [whole] == WHOLE
    assert "1 more in their folder" in stray.said
    assert stray.said.endswith(str(Path("apscheduler/jobstores/left_behind.py")))
    assert "delete them" in stray.remedy


def test_what_python_caches_is_no_stray_file(site):
    for name in ("redis.cpython-311.pyc", "redis.cpython-311.pyc.139720"):  # written in halves
        (site / "apscheduler/jobstores/__pycache__" / name).touch()
    assert said("files") == WHOLE


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_files_that_an_installer_linked_are_ours(site, tmp_path):
    (site / "apscheduler/job.py").rename(tmp_path / "cached.py")
    (site / "apscheduler/job.py").symlink_to(tmp_path / "cached.py")
    assert said("files") == WHOLE


def test_a_file_that_is_missing_is_named(site):
    (site / "apscheduler/job.py").unlink()
    (finding,) = said("files")
    assert finding.said == "1 of 1 are not ours: apscheduler/job.py is missing"
    assert "reinstall" in finding.remedy


@pytest.mark.parametrize("place", ["../bin", "../../../bin", "/usr/bin", "..\\..\\Scripts"])
def test_commands_that_lie_elsewhere_or_belong_to_another_are_no_fault(site, place):
    (site.parent / "bin").mkdir()
    (site.parent / "bin/apscheduler").write_text("# another installation's")
    record = site / "tickwright-0.1.0.dist-info/RECORD"
    with record.open("a") as file:
        file.writelines(f"{place}/{name},sha256=abc,1\n" for name in ("apscheduler", "tickwright"))
    assert said("files") == WHOLE


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("sqlite:///{}/none.sqlite", "there is no file"),
        ("sqlite://", "in memory"),
        ("sqlite:///{}/empty.sqlite", "there is no table 'apscheduler_jobs'"),
        ("nonsense", "could not be looked at"),
        ("postgresql+psycopg://root@127.0.0.1:1/none", "could not be looked at"),
    ],
)
def test_a_store_that_cannot_be_looked_at_is_one_line(tmp_path, url, told):
    (tmp_path / "empty.sqlite").touch()
    asked = CliRunner().invoke(main, ["doctor", "--store", url.format(tmp_path)])
    assert asked.exit_code == 1, asked.output
    assert told in asked.output
    assert "Traceback" not in asked.output
    assert not (tmp_path / "none.sqlite").exists()


def test_a_table_that_3x_alone_has_used_is_said_to_be_so(tmp_path):
    path = tmp_path / "jobs.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.execute(
            "CREATE TABLE apscheduler_jobs (id VARCHAR(191) PRIMARY KEY, next_run_time FLOAT, job_state BLOB NOT NULL)"
        )
    asked = CliRunner().invoke(main, ["doctor", "--store", f"sqlite:///{path}"])
    assert asked.exit_code == 0, asked.output
    assert "no scheduler of ours has used this store yet" in asked.output
    assert "0 jobs" in asked.output


def test_the_processes_that_a_store_knows_are_listed(tmp_path):
    url = f"sqlite:///{tmp_path}/jobs.sqlite"

    def listed() -> list[str]:
        asked = CliRunner().invoke(main, ["doctor", "--store", url])
        return [line for line in asked.output.splitlines() if " processes " in line]

    scheduler = BackgroundScheduler(jobstores={"default": SQLAlchemyJobStore(url)})
    scheduler.start()
    deadline = time.monotonic() + 30
    while not scheduler.nodes():  # one that is started paused joins when it is resumed
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (node,) = scheduler.nodes()
    (line,) = listed()
    assert f"{node.name}, process {os.getpid()}, works on it since " in line
    scheduler.shutdown()
    (line,) = listed()
    assert line.endswith("none that claims runs is known")


def test_a_process_that_was_killed_is_listed_until_its_runs_are_recovered(tmp_path):
    url = f"sqlite:///{tmp_path}/jobs.sqlite"
    scheduler = BackgroundScheduler(jobstores={"default": SQLAlchemyJobStore(url)})
    scheduler.start(paused=True)
    scheduler.shutdown()
    with closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as database:
        columns = "epoch, name, pid, beat, batch, lease_us, lease_until, started_us"
        values = "7, 'far-1-a', 1, 1, 0, 15000000, 1767225600000000, 1767225000000000"
        database.execute(f"INSERT INTO apscheduler_jobs_nodes ({columns}) VALUES ({values})")
        database.commit()
    asked = CliRunner().invoke(main, ["doctor", "--store", url])
    assert (
        "far-1-a, process 1, has said nothing since its lease ended at 2026-01-01 00:00:00 UTC"
        in (asked.output)
    )


def test_the_driver_of_a_store_is_named_with_its_database(tmp_path):
    path = tmp_path / "jobs.sqlite"
    scheduler = BackgroundScheduler(jobstores={"default": SQLAlchemyJobStore(f"sqlite:///{path}")})
    scheduler.start(paused=True)
    scheduler.shutdown()
    asked = CliRunner().invoke(main, ["doctor", "--store", f"sqlite:///{path}"])
    (driver,) = (line for line in asked.output.splitlines() if "driver " in line)
    assert driver.startswith("ok ")
    assert driver.endswith(f"sqlite3, with sqlite {sqlite3.sqlite_version}")
    assert "pooler " not in asked.output
