"""The mission's document: each of its Python blocks runs verbatim, as a process of its own, on real time."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from itertools import pairwise
from pathlib import Path

import pytest

from tools import ROOT, TESTED

DOCUMENT = ROOT / "tests" / "data" / "seed-blocking-scheduler.md"
BLOCKS = [
    textwrap.dedent(block)
    for block in re.findall(
        r"^ *```python\n(.*?)^ *```", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
]
COMPLETE = BLOCKS[-1]
THREADS, PROCESSES = re.split(r"^(?=# 多进程版本)", COMPLETE, flags=re.MULTILINE)
START = BLOCKS[4]

# Comes before the script in each process: says who prints when, and sets the start method, outside of the block.
CUSTOMIZE = """
import builtins, multiprocessing, os, time
if {method!r}:
    multiprocessing.set_start_method({method!r}, force=True)
plain = builtins.print
def stamped(*words, **options):
    plain("@", os.getpid(), time.time(), *words, **{{**options, "flush": True}})
builtins.print = stamped
"""
RUNS = 3
PROMPTLY = 5
SECONDS = RUNS * 5 + 2

pytestmark = [
    pytest.mark.slow,
    pytest.mark.serial,
    pytest.mark.skipif(os.name == "nt", reason="sends SIGINT to one process"),
]


class Process:
    """One script, running."""

    def __init__(self, folder: Path, name: str, script: str, method: str = ""):
        home = folder / name
        home.mkdir()
        (home / "sitecustomize.py").write_text(CUSTOMIZE.format(method=method))
        (home / "seed.py").write_text(script, encoding="utf-8")
        path = os.pathsep.join([str(home), str(TESTED)])
        self.running = subprocess.Popen(
            [sys.executable, "seed.py"],
            cwd=home,
            env={**os.environ, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )

    def interrupt(self):
        """Send SIGINT to the script alone, not to its children."""
        self.interrupted = time.monotonic()
        self.running.send_signal(signal.SIGINT)

    def end(self):
        """Return what it printed, once it has ended; nothing of its session may be left."""
        self.out, self.err = self.running.communicate(timeout=20)
        self.seconds_to_end = time.monotonic() - self.interrupted
        self.status = self.running.returncode
        self.lines = [line.split(maxsplit=3) for line in self.out.splitlines()]
        self.pids = {int(pid) for _, pid, _, _ in self.lines}
        return self

    def times(self, words):
        return [float(moment) for _, _, moment, said in self.lines if said.startswith(words)]

    def leftovers(self):
        try:
            os.killpg(self.running.pid, 0)
        except ProcessLookupError:
            return False
        return True


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """Run all scripts at the same time, press Ctrl-C, and return them ended."""
    folder = tmp_path_factory.mktemp("seed")
    small = "\n".join(BLOCKS[:5])
    options = "\n".join([*BLOCKS[:4], *BLOCKS[5:-1], START])
    running = {
        "basic": Process(folder, "basic", small),
        "options": Process(folder, "options", options),
        "threads": Process(folder, "threads", THREADS),
        "complete": Process(folder, "complete", COMPLETE),
    }
    for method in ("fork", "spawn", "forkserver"):
        running[method] = Process(folder, method, PROCESSES, method)
    began = time.monotonic()
    wait_until(began + SECONDS)
    for process in running.values():
        process.interrupt()
    done = {name: process.end() for name, process in running.items() if name != "complete"}
    wait_until(time.monotonic() + SECONDS)  # the second half of the complete example
    running["complete"].interrupt()
    done["complete"] = running["complete"].end()
    return done


def wait_until(moment):
    """Let real time pass: five-second schedules are what is tested."""
    signal.sigtimedwait([], max(0, moment - time.monotonic()))


def assert_five_seconds_apart(times, runs=RUNS):
    assert len(times) >= runs
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert [round(gap, 2) for gap in gaps if abs(gap - 5) > 0.1] == []


def test_the_document_is_word_for_word_the_one_that_was_given():
    digest = "f9462699b660295429bdcb8d88541e80252eaeaa6f8d49290c36ade177f47b82"
    assert hashlib.sha256(DOCUMENT.read_bytes()).hexdigest() == digest


def test_the_document_has_the_blocks_this_test_knows():
    assert len(BLOCKS) == 13
    assert START.strip() == "scheduler.start()"
    assert "ProcessPoolExecutor(max_workers=5)" in PROCESSES


def test_the_basic_usage_runs_every_five_seconds_until_ctrl_c(ended):
    assert_five_seconds_apart(ended["basic"].times("任务运行时间"))
    assert ended["basic"].err.endswith("KeyboardInterrupt\n")


def test_options_triggers_and_job_management_run_as_written(ended):
    assert_five_seconds_apart(ended["options"].times("任务运行时间"))
    assert (
        "2024-07-23 10:00:00" in ended["options"].err
    )  # the one-off run is past, and said to be missed
    assert ended["options"].err.endswith("KeyboardInterrupt\n")


def test_the_complete_example_ends_at_ctrl_c_with_status_0(ended):
    process = ended["threads"]
    assert_five_seconds_apart(process.times("任务运行时间"))
    assert (process.status, process.err) == (0, "")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_the_multi_process_version_runs_its_jobs_in_its_pool(ended, method):
    process = ended[method]
    assert_five_seconds_apart(process.times("Job executed"))
    assert len(process.times("Job executed")) == RUNS  # no child has started a scheduler too
    assert process.running.pid not in process.pids
    assert "KeyboardInterrupt" in process.err
    assert process.status in {-signal.SIGINT, 1, 130}


def test_the_complete_block_runs_one_version_after_the_other(ended):
    process = ended["complete"]
    first, second = process.times("任务运行时间"), process.times("Job executed")
    assert_five_seconds_apart(first)
    assert_five_seconds_apart(second)
    assert max(first) < min(second)
    assert "KeyboardInterrupt" in process.err


def test_every_script_ends_within_seconds_of_ctrl_c(ended):
    slow = {name: process.seconds_to_end for name, process in ended.items()}
    assert {name: seconds for name, seconds in slow.items() if seconds > PROMPTLY} == {}


def test_nothing_is_left_running(ended):
    assert [name for name, process in ended.items() if process.leftovers()] == []
