"""SIGTERM: a BlockingScheduler comes to its end, within a bound, and its process dies of the signal."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading

import pytest
from databases import Place
from schedulers.scripts import Script, needs_signals

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.blocking import BlockingScheduler

pytestmark = [needs_signals, pytest.mark.slow]

DIED_OF_IT = -signal.SIGTERM
STORE = """
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
store = SQLAlchemyJobStore({url!r}, tablename={table!r})
"""


def test_a_running_job_comes_to_its_end_and_the_process_dies_of_the_signal(tmp_path):
    script = Script(
        tmp_path,
        """
        def work():
            say("begun")
            time.sleep(0.5)
            say("ended")

        import time
        scheduler = BlockingScheduler()
        scheduler.add_listener(lambda event: say("told"), events.EVENT_SCHEDULER_SHUTDOWN)
        scheduler.add_job(work, **PATIENT)
        scheduler.start()
        """,
    )
    script.send_once_it_says("begun", signal.SIGTERM, signal.SIGTERM)
    done = script.end()
    assert done.running.returncode == DIED_OF_IT
    assert done.lines == ["ended", "told"]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_outcome_is_written_what_waits_is_given_back_and_the_node_signs_off(tmp_path, kind):
    place = Place(kind, tmp_path)
    script = Script(
        tmp_path,
        STORE.format(url=place.url, table=place.table),
        """
        import time
        def work(first):
            if first:
                say("begun")
            time.sleep(0.4)

        scheduler = BlockingScheduler(
            jobstores={"default": store}, executors={"default": ThreadPoolExecutor(1)}
        )
        for number in range(5):
            scheduler.add_job(work, args=[not number], id=str(number), misfire_grace_time=None)
        scheduler.start()
        """,
    )
    script.send_once_it_says("begun", signal.SIGTERM)
    done = script.end()
    assert done.running.returncode == DIED_OF_IT
    states = [row.state for row in place.rows("SELECT state FROM {t}_runs")]
    jobs = len(place.rows("SELECT id FROM {t}"))
    nodes = place.rows("SELECT name FROM {t}_nodes")
    place.close()
    assert nodes == []
    assert 1 not in states
    assert len([each for each in states if each > 1]) == 1
    assert len(states) + jobs == 5


def test_after_the_bound_a_job_that_goes_on_is_left_behind_and_its_run_recorded(tmp_path):
    place = Place("sqlite", tmp_path)
    script = Script(
        tmp_path,
        STORE.format(url=place.url, table=place.table),
        """
        from apscheduler.schedulers._end import signals
        signals.RUNNING_SECONDS = 0.3

        def work():
            say("begun")
            Event().wait(60)

        scheduler = BlockingScheduler(jobstores={"default": store})
        scheduler.add_job(work, id="once", delivery="at_most_once", **PATIENT)
        scheduler.start()
        """,
    )
    script.send_once_it_says("begun", signal.SIGTERM)
    done = script.end(10)
    assert done.running.returncode == DIED_OF_IT
    assert "these jobs still run" in done.err
    ((reason, state),) = place.rows("SELECT reason, state FROM {t}_runs")
    assert "ended while it ran" in reason
    assert state > 1
    assert place.rows("SELECT name FROM {t}_nodes") == []
    place.close()


def test_a_main_thread_that_does_not_come_back_is_ended_a_little_later(tmp_path):
    script = Script(
        tmp_path,
        """
        from apscheduler.executors.debug import DebugExecutor
        from apscheduler.schedulers._end import signals
        signals.RUNNING_SECONDS = 0.1
        signals._STUCK_SECONDS = 0.1

        def work():
            say("begun")
            Event().wait(60)

        scheduler = BlockingScheduler(executors={"default": DebugExecutor()})
        scheduler.add_job(work, **PATIENT)
        scheduler.start()
        """,
    )
    script.send_once_it_says("begun", signal.SIGTERM)
    done = script.end(10)
    assert done.running.returncode == 128 + signal.SIGTERM
    assert "main thread is still busy" in done.err


@pytest.mark.parametrize(
    ("option", "handler", "lines", "status"),
    [
        ("", "say('theirs')", ["theirs", "ran"], 0),
        ("handle_signals=True", "say('theirs')", [], DIED_OF_IT),
        ("handle_signals=False", None, [], DIED_OF_IT),
    ],
    ids=["a handler of the program's stays", "forced", "never"],
)
def test_who_handles_it(tmp_path, option, handler, lines, status):
    script = Script(
        tmp_path,
        f"""
        def theirs(number, frame):
            {handler or "pass"}
            again.set()

        def work():
            say("ready")
            if again.wait({2 if lines else 0.3}):
                say("ran")
            scheduler.shutdown(wait=False)

        again = Event()
        if {handler is not None}:
            signal.signal(signal.SIGTERM, theirs)
        scheduler = BlockingScheduler({option})
        scheduler.add_listener(lambda event: {"say('told')" if "False" in option else "None"}, events.EVENT_SCHEDULER_SHUTDOWN)
        scheduler.add_job(work, **PATIENT)
        scheduler.start()
        """,
    )
    script.send_once_it_says("ready", signal.SIGTERM)
    done = script.end()
    assert (done.running.returncode, done.lines) == (status, lines)


def test_ctrl_c_beats_the_wait_for_running_jobs(tmp_path):
    script = Script(
        tmp_path,
        """
        def work():
            say("begun")
            Event().wait(3)

        scheduler = BlockingScheduler()
        logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
        logging.getLogger("apscheduler").setLevel(logging.WARNING)
        logging.getLogger("apscheduler.scheduler").setLevel(logging.INFO)
        logging.getLogger("apscheduler.scheduler").addFilter(lambda line: line.msg.startswith("SIGTERM"))
        signal.signal(signal.SIGINT, signal.default_int_handler)
        scheduler.add_job(work, **PATIENT)
        try:
            scheduler.start()
        except KeyboardInterrupt:
            say("caught", signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)
            os._exit(0)
        """,
    )
    script.send_once_it_says("begun", signal.SIGTERM)
    assert script.running.stdout.readline().startswith("SIGTERM: the scheduler shuts down")
    script.running.send_signal(signal.SIGINT)
    done = script.end()
    assert done.lines == ["caught True"]


def test_a_forked_child_of_a_job_dies_of_it_at_once(tmp_path):
    script = Script(
        tmp_path,
        """
        def work():
            for _ in range(30):  # it comes before the child's first step in one of three
                child = multiprocessing.get_context("fork").Process(target=Event().wait, args=[60])
                child.start()
                child.terminate()
                child.join(5)
                say("child", child.exitcode)
                child.kill()
            say(signal.pthread_sigmask(signal.SIG_BLOCK, []))
            scheduler.shutdown(wait=False)

        scheduler = BlockingScheduler()
        scheduler.add_job(work, **PATIENT)
        scheduler.start()
        """,
    )
    done = script.end()
    assert done.lines == [f"child {DIED_OF_IT}"] * 30 + ["set()"]


def test_a_fork_that_fails_leaves_the_signal_as_it_was(tmp_path):
    script = Script(
        tmp_path,
        """
        import resource

        def work():
            if os.getuid() == 0:
                os.setuid(65534)  # root has no limit
            resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
            try:
                os.fork()
            except OSError:
                say("refused", signal.pthread_sigmask(signal.SIG_BLOCK, []))
            scheduler.shutdown(wait=False)

        scheduler = BlockingScheduler()
        scheduler.add_job(work, **PATIENT)
        scheduler.start()
        """,
    )
    done = script.end()
    assert done.lines == ["refused set()"]


def test_the_first_process_of_a_container_ends_though_the_signal_does_not_end_it(tmp_path):
    """The kernel ignores a signal without a handler there."""
    unshare = shutil.which("unshare")
    tried = [unshare, "--user", "--map-root-user", "--pid", "--fork", "true"]
    if unshare is None or subprocess.run(tried, check=False, capture_output=True).returncode:
        pytest.skip("this system allows no process namespace of one's own")
    path = tmp_path / "first.py"
    path.write_text(
        "import os\n"
        "from apscheduler.schedulers.blocking import BlockingScheduler\n"
        "import signal\n"
        "scheduler = BlockingScheduler()\n"
        "scheduler.add_job(lambda: os.kill(1, signal.SIGTERM), misfire_grace_time=None)\n"
        "print(os.getpid(), flush=True)\n"
        "scheduler.start()\n"
    )
    done = subprocess.run(
        [*tried[:-1], sys.executable, str(path)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("1\n", 128 + signal.SIGTERM), done.stderr


def test_true_in_another_thread_is_refused_before_anything_starts():
    scheduler = BlockingScheduler(handle_signals=True)
    raised = []

    def start():
        try:
            scheduler.start()
        except RuntimeError as exc:
            raised.append(str(exc))

    thread = threading.Thread(target=start)
    thread.start()
    thread.join(10)
    assert "main thread" in raised[0]
    assert not scheduler.running


def test_hosts_whose_start_returns_refuse_it():
    with pytest.raises(ValueError, match="handle_signals is for BlockingScheduler"):
        BackgroundScheduler(handle_signals=True)
    assert not BackgroundScheduler(handle_signals=None).running
    assert BlockingScheduler({"apscheduler.handle_signals": "no"})._handle_signals is False
