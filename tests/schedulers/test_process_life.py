"""A scheduler in a process of its own: forks, ends of the main thread, signals, and other hosts."""

from __future__ import annotations

import os
import signal

import pytest
from schedulers.scripts import Script, needs_signals

PROMPTLY = 5
WAYS_TO_START = ["spawn", "forkserver"]

FORKED = """
ran = threading.Semaphore(0)
def tick():
    ran.release()

def wait_for_runs(count):
    return all(ran.acquire(timeout=10) for _ in range(count))

def in_child():
    say("child", scheduler.running, scheduler.state)
    while ran.acquire(blocking=False):
        pass
    scheduler.start()
    say("child runs", wait_for_runs(3), scheduler.running)
    scheduler.shutdown()

scheduler = BackgroundScheduler()
scheduler.add_job(tick, "interval", seconds=0.05, **PATIENT)
scheduler.start()
wait_for_runs(2)
"""
FORKED_SAYS = ["child False 0", "child runs True True", "parent goes on True True"]

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

pytestmark = pytest.mark.slow


# -- fork ----------------------------------------------------------------------------------------


@needs_fork
@pytest.mark.trap(76)
@pytest.mark.parametrize("leave", ["os._exit(0)", "sys.exit()"])
def test_after_a_fork_the_child_is_stopped_and_may_start_and_the_parent_goes_on(tmp_path, leave):
    done = Script(
        tmp_path,
        FORKED,
        f"""
        pid = os.fork()
        if not pid:
            in_child()
            {leave}
        status = os.waitpid(pid, 0)[1]
        while ran.acquire(blocking=False):
            pass
        say("parent goes on", status == 0 and wait_for_runs(2), scheduler.running)
        scheduler.shutdown()
        """,
    ).end()
    done.assert_clean()
    assert done.lines == FORKED_SAYS


@needs_fork
@pytest.mark.trap(76)
@pytest.mark.parametrize("where", ["main thread", "job"])
def test_a_forked_multiprocessing_child_is_stopped_and_may_start(tmp_path, where):
    done = Script(
        tmp_path,
        FORKED,
        f"""
        done = Event()
        def fork():
            child = multiprocessing.get_context("fork").Process(target=in_child)
            child.start()
            child.join()
            while ran.acquire(blocking=False):
                pass
            say("parent goes on", child.exitcode == 0 and wait_for_runs(2), scheduler.running)
            done.set()
        if {where == "job"}:
            scheduler.add_job(fork)
        else:
            fork()
        done.wait(20)
        scheduler.shutdown()
        """,
    ).end()
    done.assert_clean()
    assert done.lines == FORKED_SAYS


@needs_fork
@pytest.mark.trap(76)
def test_a_forked_child_that_leaves_the_scheduler_alone_ends_at_once(tmp_path):
    done = Script(
        tmp_path,
        """
        release = Event()
        begun = Event()
        def hold():
            begun.set()
            release.wait(20)
        scheduler = BackgroundScheduler(daemon=False)
        scheduler.add_job(hold, **PATIENT)
        scheduler.start()
        begun.wait(10)
        pid = os.fork()
        if not pid:
            say("child", scheduler.running, len(scheduler.get_jobs()))
            sys.exit(0)
        say("child ended", os.waitpid(pid, 0)[1], release.is_set())
        release.set()
        scheduler.shutdown()
        """,
    ).end()
    done.assert_clean()
    assert done.lines == ["child False 0", "child ended 0 False"]


# -- ends of the program ----------------------------------------------------------------------------


@pytest.mark.trap(75)
@pytest.mark.parametrize("pool", ["ThreadPoolExecutor(3)", "ProcessPoolExecutor(1)"])
def test_without_a_daemon_thread_jobs_go_on_after_the_main_thread_until_shutdown(tmp_path, pool):
    done = Script(
        tmp_path,
        f"""
        def tick():
            say("run", os.getpid())

        def count(event):
            global left
            first.set()
            left -= 1
            if not left:
                say("main thread alive", threading.main_thread().is_alive())
                scheduler.shutdown(wait=False)

        if __name__ == "__main__":
            left, first = 4, Event()
            scheduler = BackgroundScheduler(daemon=False, executors={{"default": {pool}}})
            scheduler.add_listener(count, events.EVENT_JOB_EXECUTED)
            scheduler.add_job(tick, "interval", seconds=0.2, **PATIENT)
            scheduler.start()
            first.wait(10)
        """,
    ).end()
    done.assert_clean()
    assert len([line for line in done.lines if line.startswith("run")]) >= 4
    assert "main thread alive False" in done.lines


@pytest.mark.trap(75)
def test_with_a_daemon_thread_a_running_job_is_finished_when_the_program_ends(tmp_path):
    done = Script(
        tmp_path,
        """
        begun, leaving = Event(), Event()
        def long():
            begun.set()
            leaving.wait(10)
            Event().wait(0.5)  # the main thread is through with the script
            say("finished")
        scheduler = BackgroundScheduler()
        scheduler.add_job(long)
        scheduler.start()
        say("leaving", begun.wait(10))
        leaving.set()
        """,
    ).end()
    done.assert_clean()
    assert done.lines == ["leaving True", "finished"]


@pytest.mark.trap(75)
def test_with_a_daemon_thread_an_interval_of_milliseconds_does_not_disturb_the_end(tmp_path):
    done = Script(
        tmp_path,
        """
        runs = threading.Semaphore(0)
        scheduler = BackgroundScheduler()
        scheduler.add_job(runs.release, "interval", seconds=0.001, **PATIENT)
        scheduler.start()
        for _ in range(20):
            runs.acquire(timeout=10)
        """,
    ).end()
    done.assert_clean()


# -- signals -------------------------------------------------------------------------------------


@needs_signals
@pytest.mark.parametrize("pool", ["ThreadPoolExecutor(1)", "ProcessPoolExecutor(1)"])
def test_sigterm_ends_it_promptly_with_all_of_its_children(tmp_path, pool):
    script = Script(
        tmp_path,
        f"""
        def hold():
            say("held")
            Event().wait(60)

        if __name__ == "__main__":
            from apscheduler.schedulers._end import signals as signals_module
            signals_module.RUNNING_SECONDS = 0.3
            scheduler = BlockingScheduler(executors={{"default": {pool}}})
            scheduler.add_job(hold, **PATIENT)
            scheduler.start()
        """,
    )
    script.send_once_it_says("held", signal.SIGTERM)
    done = script.end(PROMPTLY)
    assert (done.running.returncode, done.lines) == (-signal.SIGTERM, [])


@needs_signals
@pytest.mark.parametrize("wait", [True, False])
def test_ctrl_c_leaves_start_and_shutdown_still_works(tmp_path, wait):
    script = Script(
        tmp_path,
        f"""
        scheduler = BlockingScheduler()
        scheduler.add_job(say, args=["ready"])
        try:
            scheduler.start()
        except KeyboardInterrupt:
            say("caught", scheduler.running)
            scheduler.shutdown(wait={wait})
        say("ended", scheduler.running)
        """,
    )
    script.send_once_it_says("ready", signal.SIGINT)
    done = script.end(PROMPTLY)
    done.assert_clean()
    assert done.lines == ["caught True", "ended False"]


@needs_signals
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("wait", [True, False])
def test_a_signal_handler_may_shut_a_blocking_scheduler_down(tmp_path, number, wait):
    script = Script(
        tmp_path,
        f"""
        def stop(number, frame):
            scheduler.shutdown(wait={wait})
        scheduler = BlockingScheduler()
        signal.signal({int(number)}, stop)
        scheduler.add_job(say, args=["ready"])
        scheduler.start()
        say("ended", scheduler.running)
        """,
    )
    script.send_once_it_says("ready", number)
    done = script.end(PROMPTLY)
    done.assert_clean()
    assert done.lines == ["ended False"]


# -- shutdown from within ----------------------------------------------------------------------------


@pytest.mark.trap(74)
@pytest.mark.parametrize("kind", ["BackgroundScheduler", "BlockingScheduler"])
@pytest.mark.parametrize("wait", [True, False])
def test_a_job_may_shut_its_scheduler_down(tmp_path, kind, wait):
    done = Script(
        tmp_path,
        f"""
        ended = Event()
        def stop():
            scheduler.shutdown(wait={wait})
            say("shut down", scheduler.running)
            ended.set()
        scheduler = {kind}()
        scheduler.add_job(stop)
        scheduler.start()
        ended.wait(20)
        """,
    ).end()
    done.assert_clean()
    assert done.lines == ["shut down False"]


@pytest.mark.trap(74)
@pytest.mark.parametrize("kind", ["BackgroundScheduler", "BlockingScheduler"])
@pytest.mark.parametrize(
    ("code", "cancelled"), [("JOB_SUBMITTED", 1), ("JOB_REMOVED", 1), ("JOB_EXECUTED", 0)]
)
@pytest.mark.parametrize("wait", [True, False])
def test_a_listener_may_shut_its_scheduler_down(tmp_path, kind, code, cancelled, wait):
    done = Script(
        tmp_path,
        f"""
        ended = Event()
        def stop(event):
            scheduler.shutdown(wait={wait})
            say("shut down", scheduler.running)
            ended.set()
        scheduler = {kind}()
        scheduler.add_listener(stop, events.EVENT_{code})
        scheduler.add_job(int)
        scheduler.start()
        ended.wait(20)
        """,
    ).end()
    assert done.running.returncode == 0
    assert done.lines == ["shut down False"]
    # What is told before the run is handed over keeps it from running; that is said, once.
    assert [": cancelled" in line for line in done.err.splitlines()] == [True] * cancelled


@pytest.mark.trap(74)
def test_a_listener_may_shut_it_down_before_start_has_returned(tmp_path):
    done = Script(
        tmp_path,
        """
        ended = Event()
        def stop(event):
            scheduler.shutdown(wait=False)
            ended.set()
            Event().wait(0.5)  # the program has ended long since
        class HeldUp(threading.Thread):
            def start(self):
                super().start()
                ended.wait(20)
        from apscheduler.schedulers import background
        background.Thread = HeldUp
        scheduler = BackgroundScheduler()
        scheduler.add_listener(stop, events.EVENT_JOB_SUBMITTED)
        scheduler.add_job(int)
        scheduler.start()
        """,
    ).end()
    assert done.running.returncode == 0
    assert [": cancelled" in line for line in done.err.splitlines()] == [True]


# -- other hosts ------------------------------------------------------------------------------------


@pytest.mark.trap(77)
@pytest.mark.parametrize("kind", ["BackgroundScheduler", "BlockingScheduler"])
@pytest.mark.parametrize(
    ("options", "starts"),
    [
        ({}, True),
        ({b"http": b":8000"}, False),
        ({b"http": b":8000", b"enable-threads": True}, True),
        ({"http": ":8000", "threads": "2"}, True),
    ],
)
def test_under_uwsgi_a_scheduler_starts_only_with_threads(tmp_path, kind, options, starts):
    done = Script(
        tmp_path,
        f"""
        sys.modules["uwsgi"] = types.ModuleType("uwsgi")
        sys.modules["uwsgi"].opt = {options!r}
        ran = Event()
        def job():
            ran.set()
            scheduler.shutdown(wait=False)
        scheduler = {kind}()
        scheduler.add_job(job)
        try:
            scheduler.start()
        except RuntimeError as error:
            say("refused", "--enable-threads" in str(error), scheduler.running)
        else:
            say("ran", ran.wait(10))
        """,
    ).end()
    done.assert_clean()
    assert done.lines == ["ran True" if starts else "refused True False"]


@needs_signals
@pytest.mark.parametrize("method", WAYS_TO_START)
def test_a_child_that_re_imports_main_without_a_guard_starts_nothing_and_says_so(tmp_path, method):
    done = Script(
        tmp_path,
        f"""
        logging.basicConfig(level=logging.INFO, format="%(process)d %(message)s")

        def work():
            say("worked", os.getpid())

        def use_a_child():
            child = multiprocessing.get_context("{method}").Process(target=work)
            child.start()
            child.join()
            say("parent", os.getpid())
            scheduler.shutdown(wait=False)

        scheduler = BlockingScheduler()
        scheduler.add_job(use_a_child)
        scheduler.start()
        """,
    ).end()
    assert done.running.returncode == 0
    said = [line.split()[0] for line in done.lines]
    assert said == ["worked", "parent"]
    logged = [line.split(maxsplit=1) for line in done.err.splitlines()]
    refusals = [pid for pid, text in logged if text.startswith("Not started")]
    starts = [pid for pid, text in logged if text == "Scheduler started"]
    parent = done.lines[1].split()[1]
    assert starts == [parent]
    assert len(refusals) == 1
    assert parent not in refusals
