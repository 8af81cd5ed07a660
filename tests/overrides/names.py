"""Which names the modules of 3.11.3 have: their own, and those that they import.

Run by 3.11.3 in an environment of its own, with all that its extras and PySide6 need, from outside a checkout, it
writes the golden data (etcd3 wants PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=python):

    python -E tests/overrides/names.py > tests/data/names-3.11.3.json
"""

from __future__ import annotations

import json
import sys
from importlib import import_module

MODULES = [
    "events",
    "executors.asyncio",
    "executors.base",
    "executors.debug",
    "executors.gevent",
    "executors.pool",
    "executors.tornado",
    "executors.twisted",
    "job",
    "jobstores.base",
    "jobstores.etcd",
    "jobstores.memory",
    "jobstores.mongodb",
    "jobstores.redis",
    "jobstores.rethinkdb",
    "jobstores.sqlalchemy",
    "jobstores.zookeeper",
    "schedulers.asyncio",
    "schedulers.background",
    "schedulers.base",
    "schedulers.blocking",
    "schedulers.gevent",
    "schedulers.qt",
    "schedulers.tornado",
    "schedulers.twisted",
    "triggers.base",
    "triggers.calendarinterval",
    "triggers.combining",
    "triggers.cron",
    "triggers.cron.expressions",
    "triggers.cron.fields",
    "triggers.date",
    "triggers.interval",
    "util",
]


def names(module):
    found = vars(import_module(f"apscheduler.{module}")).items()
    return {
        name: f"{each.__module__}:{each.__qualname__}"
        if str(getattr(each, "__module__", "")).startswith("apscheduler.")
        and hasattr(each, "__qualname__")
        else None
        for name, each in found
        if not name.startswith("_")
    }


if __name__ == "__main__":
    answer = {module: names(module) for module in MODULES}
    sys.stdout.write(json.dumps(answer, indent=1, sort_keys=True) + "\n")
