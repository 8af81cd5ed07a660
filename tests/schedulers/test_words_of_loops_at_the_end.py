"""What is said where the end of an event loop, or of Python behind it, waits for a function that hangs in a thread."""

from __future__ import annotations

import signal
from importlib.util import find_spec

import pytest
from schedulers.scripts import Script, needs_signals

pytestmark = [needs_signals, pytest.mark.slow]

JOB = """
    import time
    from apscheduler.executors._ending import waits as waited_for
    waited_for.PATIENCE = 0.2
    began, go_on = Event(), Event()

    class GoesOnOnceItIsSaid(logging.Handler):
        def emit(self, record):
            say(record.getMessage())
            if "waits for jobs" in record.getMessage():
                go_on.set()
            elif "was told to stop" in record.getMessage():
                began.set()

    if GOES_ON:
        logging.getLogger("apscheduler").addHandler(GoesOnOnceItIsSaid(logging.WARNING))

    def hang():
        while not is_ready():
            time.sleep(0.01)
        say("hangs")
        if not OPTIONS:
            began.set()
        go_on.wait()

    def is_ready():
        # A Ctrl-C in the midst of handing over is another story.
        frame = sys._current_frames()[threading.main_thread().ident]
        return not WAITS_IN or frame.f_code.co_filename.endswith(WAITS_IN)

    def add(scheduler, **options):
        scheduler.start()
        scheduler.add_job(hang, id="hang", misfire_grace_time=None, **options)
"""
ASYNCIO = """
    import asyncio
    from apscheduler.schedulers.asyncio import AsyncIOScheduler

    async def main():
        add(AsyncIOScheduler(), **OPTIONS)
        while not (ENDS and began.is_set()):
            await asyncio.sleep(0.01)

    asyncio.run(main())
"""
ASYNCIO_OPEN = """
    import asyncio
    from apscheduler.schedulers.asyncio import AsyncIOScheduler

    async def main():
        add(AsyncIOScheduler(), **OPTIONS)
        while not (ENDS and began.is_set()):
            await asyncio.sleep(0.01)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    loop.close()
"""
ASYNCIO_IN_A_THREAD = """
    import asyncio
    from apscheduler.schedulers.asyncio import AsyncIOScheduler

    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    add(AsyncIOScheduler(event_loop=loop), **OPTIONS)
    began.wait()
    while not ENDS:
        time.sleep(0.01)
"""
TORNADO = """
    from tornado.ioloop import IOLoop, PeriodicCallback
    from apscheduler.schedulers.tornado import TornadoScheduler

    def look():
        if ENDS and began.is_set():
            IOLoop.current().stop()

    add(TornadoScheduler(), **OPTIONS)
    PeriodicCallback(look, 10).start()
    IOLoop.current().start()
    IOLoop.current().close()
"""
TWISTED = """
    from twisted.internet import reactor
    from twisted.internet.task import LoopingCall
    from apscheduler.schedulers.twisted import TwistedScheduler

    def look():
        if ENDS and began.is_set():
            looking.stop()
            reactor.stop()

    add(TwistedScheduler(), **OPTIONS)
    looking = LoopingCall(look)
    looking.start(0.01)
    reactor.run()
"""
QT = """
    from PySide6.QtCore import QCoreApplication, QTimer
    from apscheduler.schedulers.qt import QtScheduler

    def look():
        if ENDS and began.is_set():
            application.quit()

    application = QCoreApplication([])
    add(QtScheduler(), **OPTIONS)
    timer = QTimer()
    timer.timeout.connect(look)
    timer.start(10)
    application.exec()
"""
HOSTS = {
    "asyncio": (ASYNCIO, "The event loop's end"),
    "asyncio, left open": (ASYNCIO_OPEN, "The program's end"),
    "asyncio, in a thread": (ASYNCIO_IN_A_THREAD, "The program's end"),
    "tornado": (TORNADO, "The program's end"),
    "twisted": (TWISTED, "The reactor's end"),
    "qt": (QT, "The program's end"),
}
NEEDS = {"tornado": "tornado", "twisted": "twisted", "qt": "PySide6"}
WAITS_IN = {"asyncio, left open": "selectors.py", "tornado": "selectors.py"}


def run(tmp_path, host, *, ends, goes_on=True, **options):
    """Run a script of this host; unless it ``ends``, it goes on until a signal comes."""
    if host in NEEDS and find_spec(NEEDS[host]) is None:
        pytest.skip(f"{NEEDS[host]} is not installed")
    given = f"ENDS, GOES_ON, WAITS_IN, OPTIONS = {ends, goes_on, WAITS_IN.get(host, ''), options}"
    return Script(tmp_path, given, JOB, HOSTS[host][0])


@pytest.mark.parametrize("host", HOSTS)
def test_a_programs_end_beside_a_hanging_job_says_what_is_waited_for(tmp_path, host):
    script = run(tmp_path, host, ends=True).end()
    script.assert_clean()
    hangs, said = script.lines
    assert hangs == "hangs"
    assert said.startswith(f"{HOSTS[host][1]} waits for jobs that still run: hang. "), said


@pytest.mark.parametrize("host", [host for host in HOSTS if host != "qt"])  # Qt hears no Ctrl-C
def test_ctrl_c_beside_a_hanging_job_says_what_is_waited_for(tmp_path, host):
    script = run(tmp_path, host, ends=False)
    script.send_once_it_says("hangs", signal.SIGINT)
    script.end()
    (said,) = script.lines
    assert said.startswith(f"{HOSTS[host][1]} waits for jobs that still run: hang. "), said
    # Twisted takes the signal for its own, and ends as by stop().
    assert script.running.returncode == (0 if host == "twisted" else -signal.SIGINT)


def test_each_ctrl_c_ends_one_wait_and_the_next_wait_is_told_too(tmp_path):
    script = run(tmp_path, "asyncio", ends=False, goes_on=False)
    script.send_once_it_says("hangs", signal.SIGINT)
    told = []
    for line in script.running.stderr:
        if "waits for jobs" in line:
            told.append(line)
            script.running.send_signal(signal.SIGINT)
    script.end()
    ways_out = "Ctrl-C ends the wait; a job's timeout= bounds it\n"
    assert told == [
        f"{who} waits for jobs that still run: hang. {ways_out}"
        for who in ("The event loop's end", "The program's end")
    ]
    assert script.running.returncode == -signal.SIGINT


def test_a_shutdown_that_was_bounded_is_not_said_to_wait(tmp_path):
    bounded = ASYNCIO.replace(
        "await asyncio.sleep(0.01)",
        """await asyncio.sleep(0.01)
        await scheduler.ashutdown(timeout=0.05)""",
    ).replace("add(AsyncIOScheduler()", "scheduler = AsyncIOScheduler()\n        add(scheduler")
    given = f"ENDS, GOES_ON, WAITS_IN, OPTIONS = {True, True, '', {}}"
    script = Script(tmp_path, given, JOB, bounded).end()
    script.assert_clean()
    hangs, left, said = script.lines
    assert (hangs, left) == ("hangs", "Shut down after 0.05 s; these jobs still run: hang")
    assert said.startswith("The event loop's end waits for jobs that still run: hang. "), said


def test_the_wait_of_a_reactor_says_that_ctrl_c_does_not_end_it(tmp_path):
    script = run(tmp_path, "twisted", ends=True).end()
    assert script.lines[-1].endswith(
        "Ctrl-C does not end this wait, only a kill does; a job's timeout= bounds it"
    )


@pytest.mark.parametrize("host", ["asyncio", "tornado", "twisted"])
def test_a_job_that_hangs_on_past_its_timeout_is_waited_for_and_named(tmp_path, host):
    script = run(tmp_path, host, ends=True, timeout=0.05).end()
    (said,) = [line for line in script.lines if "waits for jobs" in line]
    who = HOSTS[host][1]
    assert said.startswith(f"{who} waits for jobs that still run: hang past its timeout. "), said


@pytest.mark.parametrize("host", HOSTS)
def test_a_wait_that_nobody_notices_is_not_told(tmp_path, host):
    if host in NEEDS and find_spec(NEEDS[host]) is None:
        pytest.skip(f"{NEEDS[host]} is not installed")
    given = f"ENDS, GOES_ON, WAITS_IN, OPTIONS = {True, True, '', {}}"
    ended = "waited_for.PATIENCE = 60\ngo_on.set()"
    script = Script(tmp_path, given, JOB, ended, HOSTS[host][0]).end(seconds=20)
    script.assert_clean()
    assert script.lines == ["hangs"]


def test_gevent_waits_for_nobody_and_says_what_became_of_the_job(tmp_path):
    if find_spec("gevent") is None:
        pytest.skip("gevent is not installed")
    script = Script(
        tmp_path,
        """
        import gevent
        from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
        from apscheduler.schedulers.gevent import GeventScheduler

        def hang():
            # Said by another greenlet: a Ctrl-C in the midst of this one would be its own outcome.
            gevent.spawn_later(0.01, say, "hangs")
            gevent.sleep(1000)

        os.chdir(os.path.dirname(__file__))
        scheduler = GeventScheduler(jobstores={"default": SQLAlchemyJobStore("sqlite:///jobs.db")})
        scheduler.add_job(hang, id="hang", misfire_grace_time=None)
        scheduler.start().join()
        """,
    )
    script.send_once_it_says("hangs", signal.SIGINT)
    script.end()
    assert script.running.returncode == -signal.SIGINT
    assert "waits for jobs" not in script.err
    assert "The process ends while jobs run: hang. " in script.err
    assert "ended while it ran)" in script.err
