"""Which metadata is that of another APScheduler. tests/dropin tries it on real installations."""

from __future__ import annotations

import logging

import pytest

from apscheduler import installation
from apscheduler.testing import ManualScheduler


def metadata(folder, name: str, text: str = "Name: APScheduler\n"):
    (folder / name).mkdir()
    (folder / name / "METADATA").write_text(text, "utf-8")


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("APScheduler-3.11.3.dist-info", "3.11.3"),
        ("apscheduler-4.0.0a6.dist-info", "4.0.0a6"),
        ("APScheduler-3.6.3-py3.8.egg-info", "3.6.3"),
        ("APScheduler.egg-info", "(of an unknown version)"),
    ],
)
def test_metadata_of_apscheduler_is_known_by_its_name(tmp_path, name, version):
    metadata(tmp_path, name)
    assert installation.foreign_copies(str(tmp_path)) == [version]


@pytest.mark.parametrize(
    "name",
    [
        "apscheduler",
        "apscheduler_extras-1.0.dist-info",
        "flask_apscheduler-1.13.1.dist-info",
        "tickwright-0.1.0.dist-info",
        "apscheduler-notes.txt",
    ],
)
def test_other_names_are_not_apscheduler(tmp_path, name):
    metadata(tmp_path, name)
    assert installation.foreign_copies(str(tmp_path)) == []


def test_the_shim_is_known_by_what_it_depends_on(tmp_path):
    metadata(
        tmp_path,
        "apscheduler-3.11.99.dist-info",
        "Name: APScheduler\nRequires-Dist: tickwright\n",
    )
    assert installation.foreign_copies(str(tmp_path)) == []


def test_metadata_that_cannot_be_read_is_not_the_shims(tmp_path):
    (tmp_path / "apscheduler-3.10.4.dist-info").mkdir()
    (tmp_path / "apscheduler-3.9.1.dist-info").write_bytes(b"\xff")
    assert installation.foreign_copies(str(tmp_path)) == ["3.10.4", "3.9.1"]


def test_a_package_in_a_zip_file_has_no_neighbours(tmp_path):
    assert installation.foreign_copies(str(tmp_path / "all.zip")) == []


def test_a_process_says_it_once_at_its_first_start(tmp_path, monkeypatch, caplog):
    metadata(tmp_path, "APScheduler-3.11.3.dist-info")
    monkeypatch.setattr(installation, "SITE", str(tmp_path))
    monkeypatch.setattr(installation, "_looked", False)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            scheduler = ManualScheduler()
            scheduler.start()
            scheduler.shutdown()
    (record,) = caplog.records
    assert record.name == "apscheduler.scheduler"
    assert "APScheduler 3.11.3 is installed over the same files" in record.getMessage()
    assert "pip uninstall APScheduler" in record.getMessage()
