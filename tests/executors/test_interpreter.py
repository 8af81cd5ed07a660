"""Ends and beginnings of whole interpreters: real processes, because nothing else shows it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRELUDE = """
import os, sys, threading, time
from unittest.mock import Mock
from apscheduler.executors.base import now_us
from apscheduler.executors.pool import ProcessPoolExecutor, ThreadPoolExecutor
from apscheduler.executors.debug import DebugExecutor
from apscheduler.runs.claims import Claim
from tests.executors import sample_jobs

class Sink:
    def settle(self, claim, result):
        sys.stdout.write(f"{result.outcome} {result.retval}\\n")  # one piece: workers talk at once
        sys.stdout.flush()
        return claim.take(result.fire)
    def release(self, claim):
        pass

class Scheduler:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)
    def _create_lock(self):
        return threading.RLock()

def claim(func, *args, timeout=None):
    job = Mock(id="job", func=func, args=args, kwargs={}, timeout=timeout, _grace=10**15, func_ref=None)
    job._jobstore_alias = "default"
    from datetime import datetime, UTC
    job._at = lambda fire: datetime.now(UTC)
    return Claim(job, [now_us()], Sink())

def started(executor, **attributes):
    executor.start(Scheduler(**attributes), "default")
    return executor
"""


def script(body, guard=True):
    text = textwrap.dedent(body)
    if guard:
        text = "if __name__ == '__main__':\n" + textwrap.indent(text, "    ")
    return PRELUDE + text


def run(tmp_path, body, seconds=20, **options):
    path = tmp_path / "script.py"
    path.write_text(script(body, **options))
    return subprocess.run(
        [sys.executable, "-W", "error", str(path)],
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


@pytest.mark.trap(75)
@pytest.mark.parametrize("pool", ["ThreadPoolExecutor(2)", "ProcessPoolExecutor(2)"])
def test_what_runs_and_waits_is_finished_before_the_interpreter_ends(tmp_path, pool):
    done = run(
        tmp_path,
        f"""
        executor = started({pool})
        executor.submit_claims([claim(sample_jobs.hang, 0.2) for _ in range(4)])
        """,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["executed", "None"] * 4


@pytest.mark.trap(75)
def test_a_scheduler_that_outlives_the_main_thread_still_runs_jobs(tmp_path):
    done = run(
        tmp_path,
        """
        executor = started(ThreadPoolExecutor(3), _daemon=False)
        def scheduler():
            threading.main_thread().join()
            meeting = threading.Barrier(3)
            executor.submit_claims([claim(meeting.wait, 10) for _ in range(3)])
            time.sleep(0.3)
        threading.Thread(target=scheduler).start()
        """,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("executed") == 3


@pytest.mark.trap(75)
def test_work_that_comes_after_the_end_is_refused_without_noise(tmp_path):
    done = run(
        tmp_path,
        """
        executor = started(ThreadPoolExecutor(1))
        def daemon():
            while True:
                executor.submit_claims([claim(sample_jobs.nothing)])
                time.sleep(0.001)
        threading.Thread(target=daemon, daemon=True).start()
        time.sleep(0.1)
        """,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_hung_job_that_was_given_up_does_not_keep_the_interpreter(tmp_path):
    done = run(
        tmp_path,
        """
        import logging; logging.disable()
        executor = started(ThreadPoolExecutor(1))
        executor.timeout_grace = 0.1
        executor.submit_claims([claim(sample_jobs.hang, 60, timeout=0.1)])
        time.sleep(0.5)
        """,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("timed_out")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.trap(76)
def test_after_a_fork_the_child_has_no_threads_and_may_start_again(tmp_path):
    done = run(
        tmp_path,
        """
        import warnings; warnings.simplefilter("ignore")
        executor = started(ThreadPoolExecutor(2))
        executor.submit_claims([claim(sample_jobs.nothing)])
        time.sleep(0.1)
        if os.fork() == 0:
            refused = executor.submit_claims([claim(sample_jobs.nothing)])
            print("refused", len(refused), executor.running_count(), flush=True)
            started(executor)
            executor.submit_claims([claim(sample_jobs.add, 41)])
            executor.shutdown()
            os._exit(0)
        os.wait()
        """,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["executed None", "refused 1 0", "executed 42"]


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_script_without_a_main_guard_does_not_start_processes_in_its_workers(tmp_path, method):
    done = run(
        tmp_path,
        f"""
        executor = started(ProcessPoolExecutor(1, {{"mp_context": "{method}"}}))
        refused = executor.submit_claims([claim(sample_jobs.add, 1)])
        if not refused:
            executor.shutdown()
        """,
        guard=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "executed 2\n"


@pytest.mark.parametrize(
    ("pool", "module"),
    [("ThreadPoolExecutor(1)", "_threads.pool"), ("ProcessPoolExecutor(1)", "_processes.pool")],
)
def test_ctrl_c_at_the_end_leaves_at_once(tmp_path, pool, module):
    path = tmp_path / "script.py"
    path.write_text(
        script(
            f"""
            import apscheduler.executors.{module} as module
            executor = started({pool})
            executor.submit_claims([claim(sample_jobs.nothing)])
            executor.submit_claims([claim(sample_jobs.hang, 60)])
            [pool] = module._ending.pools
            shutdown = pool.shutdown
            def told(wait):
                shutdown(wait=wait)
                sys.stdout.write("ending\\n")  # one piece: a worker may be writing too
                sys.stdout.flush()
            pool.shutdown = told
            """
        )
    )
    child = subprocess.Popen(
        [sys.executable, str(path)],
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert "ending\n" in iter(child.stdout.readline, "")
        while child.poll() is None:
            os.killpg(child.pid, signal.SIGINT)
            try:
                child.wait(0.3)
            except subprocess.TimeoutExpired:
                continue
        error = child.communicate()[1]
    finally:
        child.kill()
        child.wait()
    assert child.returncode in (0, -signal.SIGINT)
    assert (
        error.count("Traceback") <= 1
    )  # the main thread may have been interrupted in its last line
    assert "left unfinished" in error


def test_workers_end_when_the_scheduler_is_killed(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(
        script(
            """
            executor = started(ProcessPoolExecutor(1))
            executor.submit_claims([claim(sample_jobs.pid)])
            executor.submit_claims([claim(sample_jobs.hang, 60)])
            time.sleep(60)
            """
        )
    )
    child = subprocess.Popen(
        [sys.executable, str(path)],
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        worker = int(child.stdout.readline().split()[1])
        child.kill()
        # The pipe reaches its end when nobody holds it open any more: the worker has ended too.
        assert child.stdout.read() == ""
    with pytest.raises(ProcessLookupError):
        _watch_end(worker)


def _watch_end(pid):
    for _ in range(1000):
        os.kill(pid, 0)
        signal.sigtimedwait([], 0.01)
