"""The demo: it ends by itself, shows both parts of the example, and obeys Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from demo import seed_demo
from tools import ROOT, commands

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def a_run(outcome="executed", reason=None):
    return SimpleNamespace(
        job_id="0123456789", fire_time=NOON, outcome=outcome, reason=reason, error=None
    )


def a_scheduler(*runs, next_run_time=NOON):
    last = runs[-1] if runs else None
    job = SimpleNamespace(
        name="my_job",
        id="0123456789",
        trigger="interval[0:00:05]",
        next_run_time=next_run_time,
        last_run=last,
    )
    return SimpleNamespace(get_jobs=lambda: [job], get_runs=lambda: list(runs))


def test_the_report_counts_runs_by_outcome_and_shows_the_reason() -> None:
    shown = seed_demo.report(a_scheduler(a_run(), a_run("missed", "1.5 s late")))
    assert "The ledger holds: executed 1, missed 1" in shown
    assert "1.5 s late" in shown
    assert "my_job (01234567)  interval[0:00:05]  12:00:00  12:00:00  missed" in shown


def test_the_report_of_a_paused_job_that_never_ran_shows_dashes() -> None:
    shown = seed_demo.report(a_scheduler(next_run_time=None))
    assert "interval[0:00:05]  -         -         -" in shown
    assert "nothing yet" in shown


def test_the_complete_example_is_the_block_with_both_versions() -> None:
    example = seed_demo.complete_example()
    assert example.count("BlockingScheduler(") == 2
    assert "ProcessPoolExecutor(max_workers=5)" in example


@pytest.mark.slow
def test_the_demo_shows_runs_of_both_versions_and_ends_by_itself() -> None:
    demo = subprocess.run(**options(), capture_output=True, timeout=60)
    assert demo.returncode == 0, demo.stderr
    assert demo.stdout.count("任务运行时间") == 2
    assert demo.stdout.count("Job executed") == 1
    assert demo.stdout.count("The ledger holds: executed") == 2


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is another thing on Windows")
def test_ctrl_c_ends_the_demo_cleanly() -> None:
    demo = subprocess.Popen(**options(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for line in demo.stdout:
        if "任务运行时间" in line:
            demo.send_signal(signal.SIGINT)
            break
    output, errors = demo.communicate(timeout=30)
    assert (demo.returncode, errors) == (0, "")
    assert "The ledger holds: executed 1" in output


def options() -> dict:
    return {
        "args": [sys.executable, "demo/seed_demo.py"],
        "cwd": ROOT,
        "env": os.environ | commands.DEMO_ENVIRONMENT,
        "encoding": "utf-8",
    }
