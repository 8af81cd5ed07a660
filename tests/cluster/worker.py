"""One scheduler process of a cluster, as a user would write it, with a hook at the protocol's named points.

``python worker.py '<json>'``; see :class:`cluster.processes.Worker` for what the JSON may say.
"""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import sys
import time

from apscheduler.cluster import points
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


def main() -> None:
    told = json.loads(sys.argv[1])
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    if told.get("mutant"):
        from cluster import mutants

        mutants.apply(told["mutant"])
    store = SQLAlchemyJobStore(
        told["url"], tablename=told["table"], lease=told.get("lease", 15.0), **told.get("options", {})
    )
    scheduler = BackgroundScheduler(
        jobstores={"default": store},
        executors={"default": {"type": "threadpool", "max_workers": told.get("threads", 10)}},
        timezone="UTC",
    )
    hook_for(told)
    scheduler.start()
    print("ready", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        while os.getppid() == told["parent"]:
            time.sleep(0.2)
    finally:
        scheduler.shutdown()


if __name__ == "__main__":
    main()
