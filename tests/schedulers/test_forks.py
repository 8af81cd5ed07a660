"""Children made by a fork beside a running scheduler on a real database, and other workers of one application."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest
from databases import SHARED, Place

from tools import ROOT, TESTED

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
]

PREAMBLE = """
import logging, os, sys, threading, time
from datetime import datetime, timedelta, timezone
from apscheduler import current_run
from apscheduler.events import EVENT_JOB_EXECUTED
from apscheduler._engine.instants import to_us
from apscheduler.schedulers.background import BackgroundScheduler
from cluster.support.judge import mark
logging.basicConfig(level=logging.WARNING, format="%(process)d %(message)s")

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())
"""


def run(folder, *parts, arguments=(), **environment):
    """Run a script to its end and return its lines and what it logged."""
    path = folder / "script.py"
    path.write_text("\n".join(textwrap.dedent(part) for part in (PREAMBLE, *parts)))
    paths = os.pathsep.join(map(str, (TESTED, ROOT / "tests")))
    done = subprocess.run(
        [sys.executable, path, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": paths, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), done.stderr


# -- a store in use ----------------------------------------------------------------------------------


@pytest.fixture
def place(request, tmp_path):
    made = Place(request.param, tmp_path)
    yield made
    made.close()


STORE = """
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
url, table, log = sys.argv[1:]
runs = threading.Semaphore(0)

def tick():
    run = current_run()
    fire = to_us(run.scheduled_time)
    mark(log, run.job_id, fire, run.token, run.attempt, "start")
    mark(log, run.job_id, fire, run.token, run.attempt, "end")
    runs.release()

def wait_for_runs(count):
    return all(runs.acquire(timeout=20) for _ in range(count))

def me():
    (found,) = [each for each in scheduler.nodes() if each.is_self]
    return found.name, found.epoch, found.pid

def wait(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

store = SQLAlchemyJobStore(url, tablename=table)
scheduler = BackgroundScheduler(jobstores={"default": store}, timezone="UTC")
scheduler.add_job(
    tick, "interval", seconds=0.1, id="tick", max_instances=100, misfire_grace_time=None,
    coalesce=False, replace_existing=True,
)
scheduler.start()
wait_for_runs(2)
"""


def doubled(log):
    fires = [line.split()[1] for line in log.read_text().splitlines() if " start " in line]
    return len(fires) - len(set(fires))


@pytest.mark.trap(76)
@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_children_that_only_look_and_end_disturb_nothing_of_the_parents(tmp_path, place):
    """They end with the interpreter's whole clean-up, in which drivers would say goodbye on inherited sockets."""
    log = tmp_path / "marks"
    lines, errors = run(
        tmp_path,
        STORE,
        """
        before = me()
        for number in range(4):
            pid = os.fork()
            if not pid:
                if number % 2:
                    counted = sum(scheduler.outcome_counts().values())
                    say("child", scheduler.running, scheduler.is_leader, counted > 0, len(scheduler.get_runs()) > 0)
                    assert not any(each.is_self for each in scheduler.nodes())
                    assert scheduler.get_running() is not None
                sys.exit()
            assert wait(pid) == 0
        say("parent", wait_for_runs(12), me() == before)
        scheduler.shutdown()
        """,
        arguments=(place.url, place.table, log),
    )
    assert lines == ["child False False True True"] * 2 + ["parent True True"]
    assert errors == ""
    assert doubled(log) == 0


@pytest.mark.trap(76)
@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_a_child_says_nothing_of_a_job_that_its_parent_runs(tmp_path, place):
    lines, errors = run(
        tmp_path,
        STORE,
        """
        running, may_end, job = threading.Event(), threading.Event(), []
        def long():
            running.set()
            assert may_end.wait(20)
        scheduler.add_listener(lambda event: job.append(event.job_id) if event.job_id == "long" else None, EVENT_JOB_EXECUTED)
        scheduler.add_job(long, id="long")
        assert running.wait(20)
        pid = os.fork()
        if not pid:
            sys.exit()
        assert wait(pid) == 0
        held = [each for each in scheduler.get_running() if each.job_id == "long"]
        may_end.set()
        scheduler.shutdown()
        say(len(held), job)
        """,
        arguments=(place.url, place.table, log := tmp_path / "marks"),
    )
    assert lines == ["1 ['long']"]
    assert errors == ""
    assert doubled(log) == 0


@pytest.mark.trap(76)
@pytest.mark.parametrize("end", ["return", "raise KeyError('child')", "sys.exit()"])
@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_a_child_that_comes_out_of_the_job_that_forked_it_writes_nothing_of_its_runs(
    tmp_path, place, end
):
    """It has its parent's claim, of which a second fire time waits, and would settle one and give back the other."""
    lines, errors = run(
        tmp_path,
        STORE,
        f"""
        scheduler.pause_job("tick")
        began, ended, out, may_end = [], [], os.pipe(), threading.Event()
        def forks():
            began.append(current_run().scheduled_time)
            if len(began) > 1:
                return
            pid = os.fork()
            if not pid:
                logging.getLogger().addHandler(Tells())
                {end}
            assert os.read(out[0], 1)
            may_end.wait(1)
            os.kill(pid, 9)
            os.waitpid(pid, 0)
        class Tells(logging.Handler):
            def emit(self, record):
                if "by a fork" in record.getMessage():
                    os.write(out[1], b"x")
        def told(event):
            if event.job_id == "forks":
                ended.append(event.code)
                if len(ended) == 2:
                    all_ended.set()
        all_ended = threading.Event()
        scheduler.add_listener(told, EVENT_JOB_EXECUTED)
        start = datetime.now(timezone.utc) - timedelta(seconds=1.5)
        scheduler.add_job(
            forks, "interval", seconds=1, id="forks", start_date=start, end_date=start + timedelta(seconds=1.1),
            next_run_time=start, coalesce=False, misfire_grace_time=None,
        )
        assert all_ended.wait(20)
        scheduler.shutdown()
        scheduler.start(paused=True)
        runs = [each.outcome for each in scheduler.get_runs() if each.job_id == "forks"]
        say(len(began), len(set(began)), *map(str, runs))
        scheduler.shutdown()
        """,
        arguments=(place.url, place.table, tmp_path / "marks"),
    )
    assert lines == ["2 2 executed executed"]
    assert "in a child process that it had made by a fork" in errors
    assert "changes nothing" not in errors


@pytest.mark.trap(76)
@pytest.mark.parametrize("place", SHARED, indirect=True)
def test_a_child_that_starts_the_same_scheduler_is_a_node_of_its_own(tmp_path, place):
    log = tmp_path / "marks"
    lines, errors = run(
        tmp_path,
        STORE,
        """
        name, epoch, pid = me()
        child = os.fork()
        if not child:
            scheduler.start()
            scheduler.add_job(tick, id="only the child's", next_run_time=None)
            assert scheduler.modify_job("tick", name="changed") is not None
            time.sleep(0.5)
            mine = me()
            say("child", mine[0] != name, mine[1] != epoch, mine[2] == os.getpid() != pid, len(scheduler.nodes()))
            scheduler.shutdown()
            say("child ends", scheduler.running)
            sys.exit()
        status = wait(child)
        say("parent", status, me() == (name, epoch, pid), len(scheduler.nodes()), wait_for_runs(10))
        scheduler.shutdown()
        """,
        arguments=(place.url, place.table, log),
    )
    assert lines == ["child True True True 2", "child ends False", "parent 0 True 1 True"]
    assert errors == ""
    assert doubled(log) == 0


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_fork_waits_for_sqlite_whose_locks_would_stay_in_the_childs_memory(tmp_path, place):
    lines, errors = run(
        tmp_path,
        STORE,
        """
        ending = threading.Event()
        def write_all_the_time():
            while not ending.is_set():
                with store._database.transaction():
                    ending.wait(0.02)
                ending.wait(0.02)
        writer = threading.Thread(target=write_all_the_time)
        writer.start()
        for _ in range(6):
            pid = os.fork()
            if not pid:
                store._database.engine.connect().close()
                with store._database.transaction():
                    os._exit(7)
            say(wait(pid))
        ending.set()
        writer.join()
        scheduler.shutdown()
        """,
        arguments=(place.url, place.table, tmp_path / "marks"),
    )
    assert lines == ["7"] * 6
    assert "locked" not in errors


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
def test_a_child_does_not_hold_its_parents_leader_lock(tmp_path, place):
    lines, errors = run(
        tmp_path,
        """
        from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
        url, table, path = sys.argv[1:]
        for lock in (path, path, path, "default"):  # what the loop's frame still held was a matter of luck
            store = SQLAlchemyJobStore(url, tablename=table)
            scheduler = BackgroundScheduler(jobstores={"default": store}, leader_lock=lock)
            scheduler.start()
            deadline = time.monotonic() + 20
            while not scheduler.is_leader and time.monotonic() < deadline:
                time.sleep(0.01)
            release, told = os.pipe(), os.pipe()
            if not os.fork():
                say("child", scheduler.is_leader, store.leader_lock().held)
                os.write(told[1], b".")
                os.read(release[0], 1)
                os._exit(0)
            os.read(told[0], 1)
            say("parent", scheduler.is_leader)
            scheduler.shutdown()
            other = BackgroundScheduler(
                jobstores={"default": SQLAlchemyJobStore(url, tablename=table)}, leader_lock=lock
            )
            other.start()
            while not other.is_leader and time.monotonic() < deadline:
                time.sleep(0.01)
            say("other", other.is_leader)
            other.shutdown()
            os.write(release[1], b".")
            os.wait()
        """,
        arguments=(place.url, place.table, tmp_path / "leader"),
    )
    assert lines == ["child False False", "parent True", "other True"] * 4
    assert errors == ""


# -- other workers of one application ---------------------------------------------------------------------

WORKERS = """
from apscheduler.jobstores.memory import MemoryJobStore

def work(begun, end, **options):
    scheduler = BackgroundScheduler(**options)
    scheduler.start()
    os.write(begun[1], b".")
    os.read(end[0], 1)
    os._exit(0)

def side_by_side(*functions):
    begun, end = os.pipe(), os.pipe()
    for function in functions:
        if not os.fork():
            function(begun, end)
        os.read(begun[0], 1)
    os.write(end[1], b"." * len(functions))
    for _ in functions:
        os.wait()
"""
WARNING = "A scheduler of this application runs in process"


def test_a_second_process_that_starts_its_jobs_at_the_same_line_is_warned_about(tmp_path):
    _, errors = run(tmp_path, WORKERS, "side_by_side(work, work, work)")
    assert errors.count(WARNING) == 2


NO_SECOND_WORKERS = """
def begin(begun, end, *schedulers, **options):
    for scheduler in schedulers:
        scheduler.start(**options)
    os.write(begun[1], b".")
    os.read(end[0], 1)
    os._exit(0)

# One after another, two in one process, and after those that were shut down.
side_by_side(work)
side_by_side(work)
side_by_side(lambda *pipes: begin(*pipes, BackgroundScheduler(), BackgroundScheduler()))

def ended(*pipes):
    for _ in range(2):
        first = BackgroundScheduler()
        first.start()
        first.shutdown()
    begin(*pipes)
side_by_side(ended, ended)

# Another line of the program, another command line, another process group: other applications.
def other(*pipes):
    BackgroundScheduler().start()
    begin(*pipes)
side_by_side(work, other)

def told_otherwise(*pipes):
    sys.argv.append("--other")
    work(*pipes)
side_by_side(work, told_otherwise)

def grouped_otherwise(*pipes):
    os.setpgid(0, 0)
    work(*pipes)
side_by_side(work, grouped_otherwise)

# Those that only edit jobs, those that share a store, those of which one leads.
def editing(*pipes):
    begin(*pipes, BackgroundScheduler(), paused=True)
side_by_side(editing, editing)

def sharing(*pipes):
    store = {"type": "sqlalchemy", "url": f"sqlite:///{sys.argv[1]}"}
    work(*pipes, jobstores={"default": store})
side_by_side(sharing, sharing)

def led(*pipes):
    work(*pipes, leader_lock=f"{sys.argv[1]}.lock")
side_by_side(led, led)
say("done")
"""


def test_what_is_no_second_worker_is_not_warned_about(tmp_path):
    lines, errors = run(tmp_path, WORKERS, NO_SECOND_WORKERS, arguments=(tmp_path / "file",))
    assert (lines, errors) == (["done"], "")


def test_its_parents_scheduler_is_a_second_one_to_a_forked_child_that_starts_its_own(tmp_path):
    _, errors = run(
        tmp_path,
        """
        scheduler = BackgroundScheduler()
        def begin():
            scheduler.start()
        begin()
        if not os.fork():
            begin()
            os._exit(0)
        os.wait()
        scheduler.shutdown()
        """,
    )
    assert errors.count(WARNING) == 1


@pytest.mark.parametrize("kind", ["missing", "file", "link", "folder"])
def test_a_start_does_not_fail_where_the_file_cannot_be_made(tmp_path, kind):
    folder = tmp_path / "runtime"
    path = folder / f"tickwright-{os.getuid()}.lock"
    if kind != "missing":
        folder.mkdir()
    if kind == "file":
        path.write_text("kept as it is")
        path.chmod(0o400)
    if kind == "link":
        path.symlink_to(tmp_path / "elsewhere")
    if kind == "folder":
        path.mkdir()
    _, errors = run(tmp_path, WORKERS, "side_by_side(work)", TMPDIR=str(folder), XDG_RUNTIME_DIR="")
    assert errors == ""
    assert not (tmp_path / "elsewhere").exists()
    if kind == "file":
        assert path.read_text() == "kept as it is"


def test_the_file_is_the_users_alone_and_holds_nothing(tmp_path):
    run(tmp_path, WORKERS, "side_by_side(work)", XDG_RUNTIME_DIR=str(tmp_path))
    made = tmp_path / "tickwright.lock"
    assert (oct(made.stat().st_mode & 0o777), made.stat().st_size) == ("0o600", 0)
