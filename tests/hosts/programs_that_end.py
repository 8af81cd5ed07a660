"""Programs whose event loop ends before their scheduler is shut down: what each prints is what was told."""

from __future__ import annotations

import sys
from threading import Event

ended: list[str] = []
go_on = Event()


def function():
    go_on.wait(30)


def say():
    sys.stdout.write(f"{sorted(ended)}\n")


def begin(scheduler, coroutine, stop, *, later):
    """Start three jobs, and stop the loop when they run."""
    from apscheduler.events import EVENT_ALL, EVENT_JOB_CANCELLED

    begun = []

    async def job():
        begun.append(1)
        if len(begun) == 2:
            later(0.3, stop)
        await coroutine()

    def told(event):
        for run in scheduler.get_runs() if hasattr(event, "scheduled_run_time") else ():
            text = f"{run.job_id} {run.outcome} {run.reason or ''}".strip()
            if text not in ended:
                ended.append(text)

    scheduler.add_listener(told, EVENT_ALL | EVENT_JOB_CANCELLED)
    scheduler.start()
    scheduler.add_job(function, id="function")
    scheduler.add_job(job, id="cut off")
    scheduler.add_job(job, id="too late", timeout=0.31)


def twisted():
    from twisted.internet import reactor, task

    from apscheduler.schedulers.twisted import TwistedScheduler

    scheduler = TwistedScheduler(timezone="UTC")

    async def coroutine():
        await task.deferLater(reactor, 3600)

    def start():
        begin(scheduler, coroutine, stop, later=reactor.callLater)

    def stop():
        reactor.stop()
        go_on.set()  # the reactor's end waits for its threads

    reactor.callWhenRunning(start)
    reactor.run(installSignalHandlers=False)
    return scheduler


def tornado():
    import asyncio

    from tornado.ioloop import IOLoop

    from apscheduler.schedulers.tornado import TornadoScheduler

    loop = IOLoop.current()
    scheduler = TornadoScheduler(timezone="UTC")

    async def coroutine():
        await asyncio.sleep(3600)

    def start():
        begin(scheduler, coroutine, loop.stop, later=loop.call_later)

    loop.add_callback(start)
    loop.start()
    loop.close()
    go_on.set()
    return scheduler


if __name__ == "__main__":
    made = {"twisted": twisted, "tornado": tornado}[sys.argv[1]]()
    Event().wait(0.1)  # the timeout of one is over, and its loop has ended
    if sys.argv[2] == "shutdown":
        made.shutdown()
        say()
    else:
        from apscheduler import ends

        ends.at_finish(say)
