"""docs/how-to/stop-and-restart.md: its program ends of SIGTERM and makes up for the time between, its unit is sound."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from tools import ROOT, TESTED

PAGE = (ROOT / "docs/how-to/stop-and-restart.md").read_text("utf-8")
POOL = """
import os, sys, time
from apscheduler.executors.pool import ProcessPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.blocking import BlockingScheduler

def work(seconds):
    os.write(1, b"begun\\n")
    time.sleep(seconds)

if __name__ == "__main__":
    scheduler = BlockingScheduler(
        jobstores={"default": SQLAlchemyJobStore(sys.argv[1])},
        executors={"default": ProcessPoolExecutor(1)},
        timezone="UTC",
    )
    scheduler.add_job(work, id="work", args=[float(sys.argv[2])], misfire_grace_time=None)
    scheduler.start()
"""


def block(language: str) -> str:
    """The page's first block in a language."""
    return re.search(rf"^```{language}.*?\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[1]


def started(folder, *arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-W", "error", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(TESTED)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def read_until(process, word: str) -> list[str]:
    """Read the process's lines up to the first that has the word."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if word in line:
            return lines
    pytest.fail(f"it ended without {word!r}: {''.join(lines)}")


def ended(process, *, group: bool = False) -> tuple[int, str]:
    """Send SIGTERM and return the exit status, and what it said from then on."""
    if group:
        os.killpg(process.pid, signal.SIGTERM)
    else:
        process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=30)
    return process.returncode, said


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there is no SIGTERM")
def test_the_program_ends_of_sigterm_and_makes_up_for_what_came_due_while_it_was_down(tmp_path):
    (tmp_path / "jobs.py").write_text(block("python no-run"), "utf-8")
    url = f"sqlite:///{tmp_path / 'jobs.sqlite'}"

    running = started(tmp_path, "jobs.py", JOBS_DATABASE=url)
    read_until(running, "Scheduler started")
    ended(running)

    overdue = datetime.now(UTC) - timedelta(minutes=10)
    store = SQLAlchemyJobStore(url)
    with store.engine.begin() as connection:
        connection.execute(store.jobs_t.update().values(next_run_time=overdue.timestamp()))
    store.engine.dispose()

    running = started(tmp_path, "jobs.py", JOBS_DATABASE=url)
    read_until(running, "reported")
    status, said = ended(running)
    assert status == -signal.SIGTERM
    assert "Scheduler has been shut down" in said
    looking = BackgroundScheduler(jobstores={"default": SQLAlchemyJobStore(url)}, timezone=UTC)
    (run,) = looking.get_runs("report")
    assert str(run.outcome) == "executed"
    assert abs(run.fire_time - overdue) < timedelta(seconds=1)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there is no SIGTERM")
@pytest.mark.parametrize(("group", "executed"), [(False, True), (True, False)])
def test_runs_in_worker_processes_outlive_a_sigterm_to_the_program_alone(tmp_path, group, executed):
    (tmp_path / "program.py").write_text(POOL, "utf-8")
    url = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    running = started(tmp_path, "program.py", url, "60" if group else "0.5")
    read_until(running, "begun")
    ended(running, group=group)
    looking = BackgroundScheduler(jobstores={"default": SQLAlchemyJobStore(url)}, timezone=UTC)
    (run,) = looking.get_runs("work")
    assert (str(run.outcome) == "executed") is executed
    assert "KillMode=mixed" in PAGE


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed here")
    unit = tmp_path / "jobs.service"
    unit.write_text(block("ini").replace("/usr/bin/python3", sys.executable), "utf-8")
    run = subprocess.run(
        [analyze, "verify", "--man=no", "--recursive-errors=no", str(unit)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stdout + run.stderr) == (0, "")


def test_systemd_would_find_a_misspelt_setting(tmp_path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed here")
    unit = tmp_path / "jobs.service"
    unit.write_text(block("ini").replace("KillMode", "KilMode"), "utf-8")
    run = subprocess.run(
        [analyze, "verify", "--man=no", str(unit)], check=False, capture_output=True, text=True
    )
    assert "KilMode" in run.stderr


def test_the_settings_for_gunicorn_are_its_hooks(tmp_path) -> None:
    settings: dict[str, object] = {}
    code = PAGE.partition("# gunicorn.conf.py\n")[2].partition("```")[0]
    exec(compile(code, "gunicorn.conf.py", "exec"), settings)
    assert {"post_fork", "worker_exit", "graceful_timeout"} <= set(settings)
