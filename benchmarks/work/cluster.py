"""Work that processes share on PostgreSQL: ours beside two queues and the 4.x alpha.

Each contender fills its tables, starts its processes, waits until all are ready, and lets them go at once.
The time ends when nothing is left to do and everything that it keeps about the work is committed.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from time import perf_counter, sleep, time
from typing import Any

from benchmarks.work.cluster_peers import (
    NODES,
    fill_alpha,
    fill_pgqueuer,
    fill_procrastinate,
    ready,
    with_schema,
)
from benchmarks.work.databases import POSTGRESQL, engine, is_due, place

_DEADLINE_SECONDS = 200


def ours(count: int, processes: int) -> dict[str, float]:
    """Due interval jobs, the ledger on, ten threads in each process."""
    from benchmarks.work.stores import accounted, descriptions, scheduler_of

    with place("PostgreSQL") as (url, table), engine(url) as made, made.connect() as connection:
        scheduler = scheduler_of(url, table)
        scheduler.start(paused=True)  # it only adds and asks: no lease, no claims
        due = datetime.now(UTC) - timedelta(seconds=1)
        scheduler.add_jobs(descriptions(count, due, "os:getpid"))

        def done() -> bool:
            if is_due(connection, table, time()):
                return False
            return accounted(scheduler, count) >= count

        try:
            return _timed(count, processes, ["ours", url, table], done)
        finally:
            scheduler.shutdown()


def pgqueuer(count: int, processes: int, batch: int = 1000) -> dict[str, float]:
    """Jobs of one entry point; finished ones go to its log table."""
    return _peer("pgqueuer", count, processes, fill_pgqueuer, "pgqueuer", str(batch))


def procrastinate(count: int, processes: int) -> dict[str, float]:
    """Tasks of one name, ten at a time in each process."""
    left = "procrastinate_jobs WHERE status IN ('todo', 'doing')"
    return _peer("procrastinate", count, processes, fill_procrastinate, left)


def alpha(count: int, processes: int) -> dict[str, float]:
    """Jobs of the 4.x alpha, ten threads in each process."""
    return _peer("alpha", count, processes, fill_alpha, "jobs")


def _peer(
    name: str, count: int, processes: int, fill: Any, left: str, *more: str
) -> dict[str, float]:
    from sqlalchemy import text

    query = text(f"SELECT 1 FROM {left} LIMIT 1")
    with _schema() as schema:
        asyncio.run(fill(schema, count))
        with engine(with_schema(schema)) as made, made.connect() as connection:

            def done() -> bool:
                found = connection.execute(query).first()
                connection.rollback()
                return found is None

            return _timed(count, processes, [name, schema, *more], done)


def _timed(
    count: int, processes: int, arguments: list[str], done: Callable[[], bool]
) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.work.cluster", *arguments]
    nodes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    try:
        for node in nodes:
            if node.stdout.readline() != "ready\n":  # type: ignore[union-attr]
                raise RuntimeError(f"a process of {arguments[0]} did not start")
        began = perf_counter()
        for node in nodes:
            node.stdin.write("go\n")  # type: ignore[union-attr]
            node.stdin.flush()  # type: ignore[union-attr]
        while not done():
            if perf_counter() - began > _DEADLINE_SECONDS:
                raise TimeoutError(f"{arguments[0]} left work undone")
            sleep(0.2)  # each look passes over the dead rows: ten times as often costs a fifth
        return {"us": (perf_counter() - began) / count * 1e6}
    finally:
        for node in nodes:
            node.kill()
            node.communicate()


@contextmanager
def _schema() -> Iterator[str]:
    """A schema of its own, which is dropped: peers choose the names of their tables."""
    from sqlalchemy import text

    with engine(POSTGRESQL) as made, place("PostgreSQL") as (_, name):
        with made.begin() as connection:
            connection.execute(text(f"CREATE SCHEMA {name}"))
        try:
            yield name
        finally:
            with made.begin() as connection:
                connection.execute(text(f"DROP SCHEMA {name} CASCADE"))


def _run_ours(url: str, table: str) -> None:
    from benchmarks.work.stores import scheduler_of

    scheduler = scheduler_of(url, table)
    scheduler.start(paused=True)
    ready()
    scheduler.resume()
    sys.stdin.read()  # until it is killed


if __name__ == "__main__":
    if sys.argv[1] == "ours":
        _run_ours(*sys.argv[2:])
    else:
        with suppress(KeyboardInterrupt):
            asyncio.run(NODES[sys.argv[1]](*sys.argv[2:]))
