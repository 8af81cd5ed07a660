"""``_start_timer`` and ``_stop_timer`` of one's own are asked by the schedulers in event loops, as in 3.11.3."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest import mock

from apscheduler.schedulers.asyncio import AsyncIOScheduler


def nothing() -> None:
    pass


async def turns(condition: Any) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what is waited for is a call of someone else's
            await asyncio.sleep(0)


def test_both_are_asked_where_3x_asks_them() -> None:
    asked: list[Any] = []

    class Mine(AsyncIOScheduler):
        def _start_timer(self, wait_seconds):
            asked.append(wait_seconds and round(wait_seconds))
            super()._start_timer(wait_seconds)

        def _stop_timer(self):
            asked.append("stop")
            super()._stop_timer()

    async def main() -> None:
        scheduler = Mine()
        scheduler.start()
        await turns(lambda: asked[-1:] == [None])
        scheduler.add_job(nothing, "interval", seconds=50)
        await turns(lambda: asked[-1:] == [50])
        scheduler.shutdown()
        await turns(lambda: asked[-1:] == ["stop"])

    asyncio.run(main())
    assert asked == ["stop", None, "stop", 50, "stop"]


def test_a_shorter_wait_is_kept() -> None:
    async def main() -> None:
        scheduler = AsyncIOScheduler()
        passes: list[int] = []
        real_start, real_pass = AsyncIOScheduler._start_timer, scheduler._process_jobs

        def soon(self, wait_seconds):
            real_start(self, 0.001)

        def one_pass():
            passes.append(1)
            return real_pass()

        scheduler._process_jobs = one_pass
        with mock.patch.object(AsyncIOScheduler, "_start_timer", soon):
            scheduler.start()
            await turns(lambda: len(passes) > 3)
        scheduler.shutdown()

    asyncio.run(main())


def test_one_that_raises_is_told_and_jobs_run(caplog) -> None:
    async def main() -> None:
        scheduler = AsyncIOScheduler()
        ran = asyncio.Event()
        scheduler._start_timer = mock.Mock(side_effect=OSError("no"))
        scheduler.start()
        await turns(lambda: scheduler._start_timer.called)

        async def job() -> None:
            ran.set()

        scheduler.add_job(job)
        await asyncio.wait_for(ran.wait(), 30)
        scheduler.shutdown()

    asyncio.run(main())
    assert "met an error and goes on" in caplog.text
