"""What only an asyncio host does: finding its loop, the shutdown that is awaited, store I/O beside the loop."""

from __future__ import annotations

import asyncio
from datetime import UTC

import pytest

from apscheduler.schedulers.asyncio import AsyncIOScheduler


async def nothing():
    pass


@pytest.mark.trap(93)
def test_a_start_without_a_loop_says_how_to_have_one():
    scheduler = AsyncIOScheduler(timezone=UTC)
    with pytest.raises(RuntimeError, match=r"asyncio\.run\(main\(\)\).*event_loop=loop"):
        scheduler.start()
    assert not scheduler.running


@pytest.mark.trap(93)
def test_a_configured_loop_need_not_run_yet():
    loop = asyncio.new_event_loop()
    scheduler = AsyncIOScheduler(timezone=UTC, event_loop=loop)

    async def stop():
        loop.stop()

    scheduler.add_job(stop)
    scheduler.start()
    loop.run_forever()
    loop.run_until_complete(scheduler.ashutdown())
    loop.close()
    (run,) = scheduler.get_runs()
    assert run.outcome == "executed"
