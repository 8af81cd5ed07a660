"""Scheduler processes of a cluster, as a user would write them, with a hook at the protocol's named points.

``python worker.py`` reads one JSON object per line and forks a scheduler for each: what is to be killed thousands of
times must start in milliseconds. Nothing is shared by the forks but imported modules. It writes one JSON object per
line: ``{"pid": …, "name": …}``, ``{"ready": name}``, ``{"exit": name, "status": …}``. Names, since a campaign of
thousands uses process ids again.
"""

from __future__ import annotations

import json
import logging
import os
import random
import select
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from cluster.support import skew

from apscheduler.cluster import points
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

ACTIONS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


def hook_for(told: dict) -> None:
    """Kill or stop this process at the n-th time it comes to a point, or by chance at any."""
    point, after = told.get("point"), told.get("after", 1)
    chance = told.get("chance", 0.0)
    number = ACTIONS[told.get("action", "kill")]
    dice = random.Random(told.get("seed", os.getpid()))
    seen = 0

    def hook(name: str) -> None:
        nonlocal seen
        if name == point:
            seen += 1
            if seen == after:
                os.kill(os.getpid(), number)
        elif chance and dice.random() < chance:
            os.kill(os.getpid(), number)

    if point or chance:
        points.hook = hook


def say(**what) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def serve(told: dict) -> None:
    """Be a scheduler until told to end, or until the parent is gone."""
    parent = os.getppid()
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(name)s %(message)s", force=True
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    if told.get("skew"):
        skew.live_by(skew.Skew(Path(told["skew"])))
    if told.get("mutant"):
        from cluster import mutants

        mutants.apply(told["mutant"])
    store = SQLAlchemyJobStore(
        told["url"],
        tablename=told["table"],
        lease=told.get("lease", 15.0),
        **told.get("options", {}),
    )
    scheduler = BackgroundScheduler(
        jobstores={"default": store},
        executors={"default": ThreadPoolExecutor(told.get("threads", 10))},
        timezone="UTC",
    )
    hook_for(told)
    try:
        scheduler.start()
        say(ready=told["name"])
        while os.getppid() == parent:
            time.sleep(0.2)
    finally:
        if scheduler.running:
            scheduler.shutdown()


def fork(told: dict, names: dict[int, str]) -> None:
    """Fork a scheduler, and note its name under its process id as long as that is its own."""
    pid = os.fork()
    if pid:
        names[pid] = told["name"]
        say(pid=pid, name=told["name"])
        return
    status = 1
    try:
        errors = os.open(told["errors"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.dup2(errors, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        signal.set_wakeup_fd(-1)
        serve(told)
        status = 0
    except SystemExit:
        status = 0
    except BaseException:
        logging.getLogger("worker").exception("it ended by an exception")
    finally:
        os._exit(status)


def main() -> None:
    buffer = b""
    names: dict[int, str] = {}
    while True:
        readable, _, _ = select.select([0], [], [], 0.02)
        if readable:
            read = os.read(0, 1 << 20)
            if not read:
                return
            buffer += read
            *lines, buffer = buffer.split(b"\n")
            for line in lines:
                fork(json.loads(line), names)
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    break
                say(exit=names.pop(pid), status=status)


if __name__ == "__main__":
    main()
