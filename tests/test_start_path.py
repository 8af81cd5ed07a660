"""What a bare import loads is paid by every process that schedules anything."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

NOT_NEEDED = {
    "asyncio",
    "concurrent.futures",
    "dataclasses",
    "difflib",
    "importlib.metadata",
    "inspect",
    "multiprocessing",
    "random",
    "typing",
    "tzlocal",
    "uuid",
    "zoneinfo",
}
CODE = "import sys, json; before = set(sys.modules); {}; print(json.dumps(sorted(set(sys.modules) - before)))"


def loaded_by(statement: str) -> set[str]:
    done = subprocess.run(
        [
            sys.executable,
            "-S",
            "-c",
            f"import sys; sys.path[:] = {sys.path!r}; {CODE.format(statement)}",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("host", ["blocking.BlockingScheduler", "background.BackgroundScheduler"])
def test_importing_a_scheduler_loads_nothing_that_only_some_programs_need(host):
    module, name = host.split(".")
    loaded = loaded_by(f"from apscheduler.schedulers.{module} import {name}")
    assert not loaded & NOT_NEEDED


def test_importing_a_scheduler_does_not_load_the_loop():
    loaded = loaded_by("import apscheduler.schedulers.background")
    assert "apscheduler.schedulers._dispatch.loop" not in loaded


def test_a_start_looks_for_foreign_copies_without_reading_metadata():
    loaded = loaded_by(
        "from apscheduler.schedulers.background import BackgroundScheduler as Scheduler; "
        "scheduler = Scheduler(timezone='UTC'); scheduler.start(); scheduler.shutdown(); "
        "from apscheduler import installation; assert installation._looked"
    )
    assert "apscheduler.installation" in loaded
    assert not loaded & {"apscheduler.doctor", "email", "importlib.metadata", "json.decoder"}


def test_asking_the_package_for_a_module_of_ours_loads_no_words_about_other_releases():
    loaded = loaded_by("from apscheduler import clocks, calendars")
    assert "apscheduler.clocks" in loaded
    assert "apscheduler.other_releases" not in loaded
