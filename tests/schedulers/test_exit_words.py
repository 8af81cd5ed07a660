"""What a script is told at its end: that it ended too soon, that nothing was started, what is waited for."""

from __future__ import annotations

import sys
import threading
from importlib.util import find_spec
from types import SimpleNamespace

import pytest
from schedulers.scripts import Script, needs_signals

from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.testing import ManualScheduler

HOUR = 'seconds=3600, id="hourly"'


def told(tmp_path, *parts):
    """Run a script to its end and return what it wrote to its standard error."""
    script = Script(tmp_path, *parts).end()
    return script.err


# -- right after a start ------------------------------------------------------------------------------------

EARLY = {
    "background": f"""
        scheduler = BackgroundScheduler()
        scheduler.add_job(print, "interval", {HOUR})
        scheduler.start()
    """,
    "background, added after the start": f"""
        scheduler = BackgroundScheduler()
        scheduler.start()
        scheduler.add_job(print, "interval", {HOUR})
    """,
    "background, in a function": f"""
        def main():
            scheduler = BackgroundScheduler()
            scheduler.start()
            scheduler.add_job(print, "interval", {HOUR})
        main()
    """,
    "background, paused": f"""
        scheduler = BackgroundScheduler()
        scheduler.start(paused=True)
        scheduler.add_job(print, "interval", {HOUR})
    """,
    "background on a store": f"""
        from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
        os.chdir(os.path.dirname(__file__))
        scheduler = BackgroundScheduler(jobstores={{"default": SQLAlchemyJobStore("sqlite:///jobs.db")}})
        scheduler.add_job(print, "interval", {HOUR})
        scheduler.start()
    """,
    "asyncio": f"""
        import asyncio
        from apscheduler.schedulers.asyncio import AsyncIOScheduler
        async def main():
            global scheduler
            scheduler = AsyncIOScheduler()
            scheduler.add_job(print, "interval", {HOUR})
            scheduler.start()
        asyncio.run(main())
    """,
    "gevent": f"""
        from apscheduler.schedulers.gevent import GeventScheduler
        scheduler = GeventScheduler()
        scheduler.add_job(print, "interval", {HOUR})
        scheduler.start()
    """,
    "blocking in a thread": f"""
        scheduler = BlockingScheduler()
        scheduler.add_job(print, "interval", {HOUR})
        began = Event()
        scheduler.add_listener(lambda event: began.set(), events.EVENT_SCHEDULER_STARTED)
        threading.Thread(target=scheduler.start, daemon=True).start()
        began.wait(30)
    """,
}


@pytest.mark.parametrize("kind", EARLY)
def test_a_script_that_ends_right_after_a_start_is_told(tmp_path, kind):
    if kind == "gevent" and find_spec("gevent") is None:
        pytest.skip("gevent is not installed")
    said = told(tmp_path, EARLY[kind])
    assert said.count("\n") == 1, said
    assert "ends right after this" in said
    assert "before any job has run: the next was due at 2" in said


def test_the_word_names_what_keeps_the_program_alive(tmp_path):
    assert "Event().wait(), or use BlockingScheduler" in told(tmp_path, EARLY["background"])
    assert "await asyncio.Event().wait()" in told(tmp_path, EARLY["asyncio"])


# -- nothing was started --------------------------------------------------------------------------------------

FORGOTTEN = {
    "add_job": 'scheduler.add_job(print, "interval", seconds=5, id="a")',
    "scheduled_job": '@scheduler.scheduled_job("interval", seconds=5, id="a")\ndef tick(): pass',
    "add_jobs": 'scheduler.add_jobs([{"func": print, "trigger": "interval", "seconds": 5, "id": "a"}])',
    "in a function": 'def fill(): scheduler.add_job(print, "interval", seconds=5, id="a")\nfill()',
}


@pytest.mark.parametrize("host", ["BackgroundScheduler", "BlockingScheduler"])
@pytest.mark.parametrize("kind", FORGOTTEN)
def test_a_script_that_adds_jobs_and_starts_nothing_is_told(tmp_path, kind, host):
    said = told(tmp_path, f"scheduler = {host}()", FORGOTTEN[kind])
    assert said.count("\n") == 1, said
    assert f"this {host} was not started: 1 job was added and will not run: " in said
    assert "Call its start()" in said


def test_a_scheduler_that_was_shut_down_was_not_started_again(tmp_path):
    said = told(
        tmp_path,
        f"""
        scheduler = BackgroundScheduler()
        scheduler.start()
        scheduler.shutdown()
        scheduler.add_job(print, "interval", {HOUR})
        """,
    )
    assert "this BackgroundScheduler was not started again: 1 job was added" in said


# -- no word ------------------------------------------------------------------------------------------------

SILENT = {
    "shut down": f"""
        scheduler = BackgroundScheduler()
        scheduler.add_job(print, "interval", {HOUR})
        scheduler.start()
        scheduler.shutdown()
    """,
    "no jobs": "scheduler = BackgroundScheduler()\nscheduler.start()",
    "only paused jobs": f"""
        scheduler = BackgroundScheduler()
        scheduler.add_job(print, "interval", {HOUR}, next_run_time=None)
        scheduler.start()
    """,
    "a job has run": f"""
        ran = Event()
        scheduler = BackgroundScheduler(job_defaults=PATIENT)
        scheduler.add_listener(lambda event: ran.set(), events.EVENT_JOB_EXECUTED)
        scheduler.add_job(abs, "date", args=[1])
        scheduler.add_job(print, "interval", {HOUR})
        scheduler.start()
        ran.wait(30)
    """,
    "a job has run on a store": f"""
        from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
        os.chdir(os.path.dirname(__file__))
        ran = Event()
        stores = {{"default": SQLAlchemyJobStore("sqlite:///jobs.db")}}
        scheduler = BackgroundScheduler(jobstores=stores, job_defaults=PATIENT)
        scheduler.add_listener(lambda event: ran.set(), events.EVENT_JOB_EXECUTED)
        scheduler.add_job(abs, "date", args=[1])
        scheduler.add_job(print, "interval", {HOUR})
        scheduler.start()
        ran.wait(30)
    """,
    "the jobs are only looked at": f"""
        scheduler = BackgroundScheduler(timezone="UTC")
        scheduler.add_job(print, "interval", {HOUR})
        scheduler.preview(1)
    """,
    "the jobs are only printed": f"""
        scheduler = BackgroundScheduler(timezone="UTC")
        scheduler.add_job(print, "interval", {HOUR})
        scheduler.print_jobs(out=open(os.devnull, "w"))
    """,
    "the jobs were removed again": f"""
        scheduler = BackgroundScheduler(timezone="UTC")
        scheduler.add_job(print, "interval", {HOUR})
        scheduler.remove_all_jobs()
    """,
    "a start that was refused": f"""
        from apscheduler.jobstores.memory import MemoryJobStore
        class Broken(MemoryJobStore):
            def start(self, scheduler, alias):
                raise OSError("gone")
        scheduler = BackgroundScheduler(jobstores={{"default": Broken()}})
        scheduler.add_job(print, "interval", {HOUR})
        try:
            scheduler.start()
        except OSError:
            pass
    """,
    "another module's jobs": f"""
        other = types.ModuleType("other")
        sys.modules["other"] = other
        exec('''if True:
            from apscheduler.schedulers.background import BackgroundScheduler
            scheduler = BackgroundScheduler()
            scheduler.add_job(print, "interval", {HOUR})
        ''', other.__dict__)
    """,
    "a child's end": f"""
        scheduler = BackgroundScheduler()
        scheduler.add_job(print, "interval", {HOUR})
        if os.fork() == 0:
            sys.exit()
        os.wait()
        scheduler.remove_all_jobs()
    """,
}


@pytest.mark.parametrize("kind", SILENT)
@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_a_script_that_forgets_nothing_is_told_nothing(tmp_path, kind):
    # A script's warnings are errors, so a file that is left open would be told, too.
    assert (
        told(
            tmp_path,
            SILENT[kind].replace('open(os.devnull, "w")', "types.SimpleNamespace(write=len)"),
        )
        == ""
    )


@pytest.mark.parametrize("start", ["scheduler.start()", ""])
@pytest.mark.parametrize("error", ["KeyboardInterrupt", "ValueError"])
def test_after_an_exception_its_traceback_is_all_that_is_said(tmp_path, error, start):
    said = told(
        tmp_path,
        "scheduler = BackgroundScheduler()",
        'scheduler.add_job(print, "interval", seconds=3600)',
        start,
        f"raise {error}",
    )
    assert "Traceback" in said
    assert "The program ends" not in said


@pytest.mark.parametrize(
    ("daemon", "main_lives", "error", "is_told"),
    [
        (True, False, RuntimeError, False),
        (True, True, RuntimeError, True),
        (False, False, RuntimeError, True),
        (True, False, ValueError, True),
    ],
)
def test_a_store_that_can_start_no_thread_at_the_programs_end_is_no_outage(
    monkeypatch, caplog, daemon, main_lives, error, is_told
):
    class StartsThreads(MemoryJobStore):
        def claim_due(self, request):
            raise error("can't create new thread at interpreter shutdown")

    scheduler = ManualScheduler(jobstores={"default": StartsThreads()})
    scheduler.start()
    scheduler.add_job(print, "interval", seconds=1)
    scheduler.clock.advance(1)
    monkeypatch.setattr(threading.main_thread(), "is_alive", lambda: main_lives)
    monkeypatch.setattr(
        threading, "current_thread", lambda: SimpleNamespace(daemon=daemon, name="")
    )
    scheduler.tick()
    monkeypatch.undo()
    scheduler.shutdown()
    assert ("failed; its jobs wait" in caplog.text) == is_told


def test_a_later_end_is_no_oversight(monkeypatch, caplog):
    from apscheduler.schedulers._end import exit_words
    from apscheduler.schedulers.background import BackgroundScheduler

    scheduler = BackgroundScheduler(timezone="UTC")
    scheduler.add_job(print, "interval", seconds=3600)
    scheduler.start()
    exit_words.tell_of_early_end(scheduler)
    assert caplog.text.count("ends right after") == 1
    scheduler._started_at_monotonic -= exit_words.SECONDS
    exit_words.tell_of_early_end(scheduler)
    assert caplog.text.count("ends right after") == 1
    scheduler.shutdown()


# -- what is waited for ---------------------------------------------------------------------------------------

HANGING = """
    import time

    def waits():
        \"\"\"Return whether the scheduler is done with handing over: a Ctrl-C before that cancels the job.\"\"\"
        frame = sys._current_frames()[threading.main_thread().ident]
        return frame.f_code.co_filename.endswith("waiting.py")

    def hang():
        while not waits():
            time.sleep(0.01)
        say("hangs")
        Event().wait()

    try:
        scheduler = BlockingScheduler(job_defaults=PATIENT, executor={executor})
        scheduler.add_job(hang, "date", id="hang\\n")
        scheduler.start()
    except KeyboardInterrupt:
        {then}
"""


@needs_signals
@pytest.mark.slow
@pytest.mark.parametrize(
    ("then", "who"),
    [("pass", "The program's end waits"), ("scheduler.shutdown()", "shutdown() waits")],
)
def test_ctrl_c_beside_a_hanging_job_says_what_is_waited_for(tmp_path, then, who):
    script = Script(tmp_path, HANGING.format(executor="ThreadPoolExecutor()", then=then))
    script.send_once_it_says("hangs", 2)
    first = script.running.stderr.readline()
    assert first.startswith(f"{who} for jobs that still run: hang (hang\\n). Ctrl-C ends"), first
    script.running.send_signal(2)
    if then != "pass":  # shutdown() raised it; the program's end waits once more
        for line in script.running.stderr:
            if line.startswith("The program's end waits"):
                script.running.send_signal(2)
                break
    script.end()
    assert "left unfinished" in script.err


@needs_signals
@pytest.mark.slow
def test_the_end_says_too_what_python_waits_for_in_a_pool_of_its_own(tmp_path):
    hanging = HANGING.format(executor="concurrent.futures.ThreadPoolExecutor(1)", then="pass")
    script = Script(tmp_path, "import concurrent.futures", hanging)
    script.send_once_it_says("hangs", 2)
    said = script.running.stderr.readline()
    assert said.startswith("The program's end waits for jobs that still run: hang"), said
    script.running.send_signal(2)
    script.end()
    assert "waits for jobs" not in script.err  # once


@needs_signals
@pytest.mark.slow
def test_a_scheduler_that_outlives_the_main_thread_is_no_wait_for_its_jobs(tmp_path):
    script = Script(
        tmp_path,
        """
        import concurrent.futures, time
        from apscheduler.executors._ending import waits as waited_for
        def job():
            time.sleep(waited_for.PATIENCE + 0.5)
            say("ends")
            scheduler.shutdown(wait=False)
        pool = concurrent.futures.ThreadPoolExecutor(1)
        scheduler = BackgroundScheduler(daemon=False, executor=pool, job_defaults=PATIENT)
        scheduler.add_job(job, "date")
        scheduler.start()
        """,
    ).end()
    assert (script.lines, script.err) == (["ends"], "")


def test_a_shutdown_that_waits_long_says_for_what_and_one_that_does_not_says_nothing(
    caplog, monkeypatch
):
    from threading import Event

    from apscheduler.executors._ending import waits as waited_for
    from apscheduler.schedulers.background import BackgroundScheduler

    said, began, go_on = Event(), Event(), Event()

    def job():
        began.set()
        go_on.wait(30)

    class Noting(list):
        def warning(self, text, *args):
            self.append(text % args)
            said.set()
            go_on.set()

    monkeypatch.setattr(waited_for, "PATIENCE", 0.01)
    scheduler = BackgroundScheduler(timezone="UTC")
    scheduler.start()
    scheduler.add_job(job, id="b6e7dd", name="My Hang", misfire_grace_time=None)
    assert began.wait(30)
    lines = Noting()
    with waited_for.Telling(scheduler._executors.values(), lines):
        assert said.wait(30)
    assert lines[0].startswith("shutdown() waits for jobs that still run: My Hang (b6e7dd). ")
    scheduler.shutdown()
    with waited_for.Telling(scheduler._executors.values(), lines):
        pass
    assert len(lines) == 1


def test_many_jobs_are_told_by_the_first_ten():
    from apscheduler.executors._ending.waits import told as words

    assert words([f"j{n}" for n in range(12)]).endswith("j9 and 2 more")
    assert words([f"j{n}" for n in range(10)]).endswith(", j8, j9")
    assert words(["a", "b"]) == "a, b"
