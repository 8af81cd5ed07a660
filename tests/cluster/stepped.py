"""A scheduler process whose clock the test sets (by libfaketime) while it runs: url, table, lease."""

from __future__ import annotations

import logging
import os
import sys

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

if __name__ == "__main__":
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s"
    )
    store = SQLAlchemyJobStore(sys.argv[1], tablename=sys.argv[2], lease=float(sys.argv[3]))
    scheduler = BackgroundScheduler(
        jobstores={"default": store},
        executors={"default": ThreadPoolExecutor(10)},
        timezone="UTC",
    )
    scheduler.start()
    print(os.getpid(), flush=True)
    sys.stdin.readline()
    scheduler.shutdown()
