"""What the peers of ``cluster`` do: how each gets its work, and how one of its processes does it.

The functions are coroutines; the first argument is the schema that holds the tables.
"""

from __future__ import annotations

import sys
from typing import Any

from benchmarks.work.databases import POSTGRESQL


def with_schema(schema: str) -> str:
    """Return the URL of the database, with this schema before all others."""
    return f"{POSTGRESQL}?options=-csearch_path%3D{schema}"


def _conninfo(schema: str) -> str:
    return with_schema(schema).replace("+psycopg", "")


def ready() -> None:
    """Tell the parent, and wait for its word."""
    print("ready", flush=True)
    sys.stdin.readline()


async def _pgqueuer_connection(schema: str) -> Any:
    import asyncpg  # type: ignore[import-not-found]

    return await asyncpg.connect(
        "postgresql://root@127.0.0.1/test", server_settings={"search_path": schema}
    )


async def fill_pgqueuer(schema: str, count: int) -> None:
    """Make the tables and add the work."""
    from pgqueuer import AsyncpgDriver, Queries  # type: ignore[import-not-found]

    connection = await _pgqueuer_connection(schema)
    queries = Queries(AsyncpgDriver(connection))
    await queries.install()
    await queries.enqueue(["work"] * count, [None] * count, [0] * count)
    await connection.close()


async def run_pgqueuer(schema: str, batch: str) -> None:
    """Work until this process is killed."""
    from pgqueuer import AsyncpgDriver, PgQueuer

    application = PgQueuer(AsyncpgDriver(await _pgqueuer_connection(schema)))

    @application.entrypoint("work")  # type: ignore[untyped-decorator]
    async def _(job: Any) -> None:
        """Nothing: the way there and back is what is measured."""

    ready()
    await application.run(batch_size=int(batch))


def _procrastinate_app(schema: str) -> Any:
    import procrastinate as library  # type: ignore[import-not-found]

    app = library.App(connector=library.PsycopgConnector(conninfo=_conninfo(schema)))

    @app.task(name="work")  # type: ignore[untyped-decorator]
    async def work() -> None:
        """Nothing: the way there and back is what is measured."""

    return app, work


async def fill_procrastinate(schema: str, count: int) -> None:
    """Make the tables and add the work."""
    app, work = _procrastinate_app(schema)
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await work.batch_defer_async(*({} for _ in range(count)))


async def run_procrastinate(schema: str) -> None:
    """Work until this process is killed."""
    app, _ = _procrastinate_app(schema)
    async with app.open_async():
        ready()
        await app.run_worker_async(concurrency=10, install_signal_handlers=False)


def _alpha_scheduler(schema: str) -> Any:
    from sqlalchemy.ext.asyncio import create_async_engine

    import apscheduler
    from apscheduler.datastores.sqlalchemy import (  # type: ignore[import-not-found]
        SQLAlchemyDataStore,
    )
    from apscheduler.eventbrokers.psycopg import (  # type: ignore[import-not-found]
        PsycopgEventBroker,
    )

    store = SQLAlchemyDataStore(create_async_engine(with_schema(schema)))
    kind: Any = vars(apscheduler)["AsyncScheduler"]  # 4.x has it, ours has not
    return kind(store, PsycopgEventBroker(_conninfo(schema)), max_concurrent_jobs=100)


async def fill_alpha(schema: str, count: int) -> None:
    """Make the tables and add the work."""
    import os

    async with _alpha_scheduler(schema) as scheduler:
        await scheduler.configure_task("work", func=os.getpid, max_running_jobs=None)
        for _ in range(count):
            await scheduler.add_job("work")


async def run_alpha(schema: str) -> None:
    """Work until this process is killed."""
    async with _alpha_scheduler(schema) as scheduler:
        ready()
        await scheduler.run_until_stopped()


NODES: dict[str, Any] = {
    "pgqueuer": run_pgqueuer,
    "procrastinate": run_procrastinate,
    "alpha": run_alpha,
}
