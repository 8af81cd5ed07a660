"""The application under Sanic: its workers are spawned and only re-import it, so a listener starts the scheduler."""

from __future__ import annotations

import json
import os

from sanic import Sanic
from sanic.response import raw
from servers import application

app = Sanic("Tried")


@app.before_server_start
async def start(_app):
    application.scheduler.start()


@app.after_server_stop
async def end(_app):
    if application.END == "hook":
        application.scheduler.shutdown()


@app.get("/")
async def status(_request):
    said = {**json.loads(application.status()), "worker": os.environ.get("SANIC_WORKER_NAME")}
    return raw(json.dumps(said).encode(), content_type="application/json")
