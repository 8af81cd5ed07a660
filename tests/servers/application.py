"""An application as its users write it, for real web servers: what it does is told by environment variables.

``application`` is for WSGI servers, ``asgi`` for ASGI servers, ``flask`` for Flask's own. Each answers any request with
what this worker's scheduler says of itself, as JSON.
"""

from __future__ import annotations

import json
import logging
import os

from cluster.support.judge import mark

from apscheduler import current_run
from apscheduler._engine.instants import to_us
from apscheduler.events import EVENT_SCHEDULER_STARTED
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

LOG = os.environ["TRIED_LOG"]
START = os.environ.get("TRIED_START", "import")
END = os.environ.get("TRIED_END", "hook")
"""Whether the server's own hook shuts the scheduler down, or nobody does."""
PATIENT = {"misfire_grace_time": None, "max_instances": 100}

logging.basicConfig(level=logging.INFO, format="%(process)d %(name)s %(message)s")
logging.getLogger("apscheduler.executors").setLevel(logging.WARNING)


def tick() -> None:
    run = current_run()
    fire = to_us(run.scheduled_time)
    mark(LOG, "tick", fire, run.token, run.attempt, "start")
    mark(LOG, "tick", fire, run.token, run.attempt, "end")


def made(kind=BackgroundScheduler):
    store = MemoryJobStore()
    if "TRIED_URL" in os.environ:
        lease = float(os.environ.get("TRIED_LEASE", "15"))
        store = SQLAlchemyJobStore(
            os.environ["TRIED_URL"], tablename=os.environ["TRIED_TABLE"], lease=lease
        )
    options = {"apscheduler.leader_lock": os.environ.get("TRIED_LEADER_LOCK", "")}
    pool = ThreadPoolExecutor(int(os.environ.get("TRIED_THREADS", "10")))
    found = kind(options, executors={"default": pool}, jobstores={"default": store}, timezone="UTC")
    if os.environ.get("TRIED_TELL") == "start":
        found.add_listener(lambda _: mark(LOG, "-", 0, 0, 0, "started"), EVENT_SCHEDULER_STARTED)
    if os.environ.get("TRIED_JOB"):
        found.add_job(tick, "interval", seconds=0.2, id="tick", replace_existing=True, **PATIENT)
    return found


scheduler = made()
if START in ("import", "import and post_fork") or os.environ.get("WERKZEUG_RUN_MAIN") == START:
    scheduler.start()


def status() -> bytes:
    said = {
        "pid": os.getpid(),
        "running": scheduler.running,
        "state": scheduler.state,
        "leader": scheduler.is_leader,
    }
    return json.dumps(said).encode()


def post_fork(server, worker) -> None:
    """What gunicorn calls in each worker, given as its configuration."""
    if START.endswith("post_fork"):
        scheduler.start()


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [status()]


async def asgi(scope, receive, send) -> None:
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                if START == "lifespan":
                    scheduler.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                if scheduler.running and END == "hook":
                    scheduler.shutdown()
                await send({"type": "lifespan.shutdown.complete"})
                return
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": status()})
