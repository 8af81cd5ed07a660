"""A Flask site with flask-apscheduler: jobs from its configuration, from a decorator, and over its REST API."""

from __future__ import annotations

import sys

from flask import Flask, current_app, jsonify
from flask_apscheduler import APScheduler
from flask_apscheduler.auth import HTTPBasicAuth
from reporting import Tally, ledger, report
from werkzeug.serving import make_server

from apscheduler.events import EVENT_JOB_EXECUTED

tally = Tally()
scheduler = APScheduler()


CONFIGURATION = {
    "SCHEDULER_API_ENABLED": True,
    "SCHEDULER_AUTH": HTTPBasicAuth(),
    "SCHEDULER_TIMEZONE": "Europe/Berlin",
    "SCHEDULER_EXECUTORS": {"default": {"type": "threadpool", "max_workers": 4}},
    "SCHEDULER_JOB_DEFAULTS": {"coalesce": False, "max_instances": 2, "misfire_grace_time": 60},
    "JOBS": [
        {
            "id": "beat",
            "func": "__main__:beat",
            "args": ("beat",),
            "trigger": "interval",
            "seconds": 0.2,
        }
    ],
}


def beat(name: str) -> None:
    tally.add(name)


@scheduler.task("cron", id="each_second", second="*")
def each_second() -> None:
    with scheduler.app.app_context():
        tally.add(f"cron in {current_app.name}")


@scheduler.authenticate
def may_enter(auth) -> bool:
    return auth["username"] == "operator" and auth["password"] == "secret"


def make_site() -> Flask:
    site = Flask("flask_site")
    site.config.from_mapping(CONFIGURATION)
    scheduler.init_app(site)
    scheduler.add_listener(lambda event: tally.add(f"event of {event.job_id}"), EVENT_JOB_EXECUTED)
    scheduler.start()

    @site.get("/tally/<name>/<int:count>")
    def wait_for(name, count):
        return jsonify(reached=tally.reached(name, count), count=tally[name])

    @site.get("/ledger")
    def show_ledger():
        return jsonify(ledger(scheduler.scheduler))

    return site


if __name__ == "__main__":
    server = make_server("127.0.0.1", 0, make_site(), threaded=True)
    report(port=server.server_port)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)
