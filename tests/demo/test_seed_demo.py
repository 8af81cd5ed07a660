"""The demo: it ends by itself, shows both parts of the example, and obeys Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from demo import seed_demo, special
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


def test_the_report_says_each_job_by_name_with_its_outcomes_and_reasons() -> None:
    shown = seed_demo.report(a_scheduler(a_run(), a_run("missed", "1.5 s late")))
    assert shown.startswith("my_job, interval[0:00:05]: executed 1, missed 1; last at 12:00:00; ")
    assert "1.5 s late" in shown
    assert "01234567" not in shown


def test_the_report_of_a_paused_job_that_never_ran_says_so() -> None:
    shown = seed_demo.report(a_scheduler(next_run_time=None))
    assert shown == "my_job, interval[0:00:05]: no run has ended yet; paused."


def test_what_is_said_fits_a_terminal_of_80_columns() -> None:
    reason = "a reason of many words " * 9
    told = seed_demo.report(a_scheduler(a_run("failed", reason))).splitlines()
    run = SimpleNamespace(job_id="hourly-check", outcome="missed", reason=reason, error=None)
    told += "\n".join(special.sentences([run])).splitlines()
    assert len(told) > 5
    assert max(map(len, told)) <= 80


@pytest.mark.slow
def test_what_is_special_happens_for_real(tmp_path) -> None:
    code = (
        "import sys; from demo import special; folder = sys.argv[1]; "
        "special.show(folder, special.begin(folder))"
    )
    given = options() | {"args": [sys.executable, "-c", code, str(tmp_path)]}
    shown = subprocess.run(**given, capture_output=True, timeout=60)
    assert (shown.returncode, shown.stderr) == (0, "")
    said = dict(line.split()[:2] for line in shown.stdout.splitlines() if line[:1].islower())
    assert said == {
        "send-mails": "lost",
        "pay-invoices": "executed",
        "nightly-report": "timed_out",
        "long-backup": "executed",
        "hourly-check": "missed",
    }
    assert "the only worker of executor 'narrow' was busy" in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= 80


def test_the_complete_example_is_the_block_with_both_versions() -> None:
    example = seed_demo.complete_example()
    assert example.count("BlockingScheduler(") == 2
    assert "ProcessPoolExecutor(max_workers=5)" in example


@pytest.mark.slow
def test_the_demo_shows_runs_of_both_versions_and_ends_by_itself() -> None:
    demo = subprocess.run(**options(), capture_output=True, timeout=60)
    assert demo.returncode == 0, demo.stderr
    assert demo.stdout.count("任务运行时间") == 1
    assert demo.stdout.count("Job executed") == 1
    assert demo.stdout.count("interval[0:00:05]: executed 1") == 2
    assert "timed_out" in demo.stdout
    assert "The demo took" in demo.stdout


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}


@pytest.mark.slow
def test_the_demo_is_readable_where_the_environment_asks_for_ascii(monkeypatch) -> None:
    for name, value in ASCII.items():
        monkeypatch.setenv(name, value)
    demo = subprocess.run(**options(), capture_output=True, timeout=60)
    assert (demo.returncode, "Error" in demo.stderr) == (0, False), demo.stderr
    assert demo.stdout.count("任务运行时间") == 1
    assert demo.stdout.count("interval[0:00:05]: executed 1") == 2


@pytest.mark.slow
def test_the_demo_that_is_started_by_hand_ends_where_only_ascii_can_be_shown() -> None:
    given = options()
    given["env"] |= ASCII
    demo = subprocess.run(**given, capture_output=True, timeout=60)
    assert demo.returncode == 0, demo.stderr
    assert demo.stdout.count("interval[0:00:05]: executed 1") == 2
    assert "Job executed" in demo.stdout


def test_whatever_happens_to_the_presser_the_example_is_ended(monkeypatch) -> None:
    def fail(_):
        raise UnicodeEncodeError("ascii", "x", 0, 1, "not in range")

    presser = seed_demo.Presser({}, (0.0, 0.0))
    monkeypatch.setattr(seed_demo, "heading", fail)
    monkeypatch.setattr(seed_demo, "AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(presser, "press", presser.ended.set)
    presser.run()
    assert isinstance(presser.failure, UnicodeEncodeError)
    assert presser.ended.is_set()


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
    # It printed and was interrupted, so its run may have ended by now or not.
    assert re.search(r"my_job, interval\[0:00:05\]: (executed 1|no run has ended yet);", output)
    assert "What is special" not in output


def options() -> dict:
    return {
        "args": [sys.executable, "demo/seed_demo.py"],
        "cwd": ROOT,
        "env": os.environ | commands.demo_environment(),
        "encoding": "utf-8",
    }
