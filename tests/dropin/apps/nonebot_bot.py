"""A NoneBot with nonebot-plugin-apscheduler, on the driver that needs no network."""

from __future__ import annotations

import asyncio
import logging

import nonebot
from reporting import PATIENCE_SECONDS, ledger, report

from apscheduler.events import EVENT_JOB_EXECUTED

nonebot.init(
    driver="~none",
    log_level="WARNING",
    apscheduler_log_level=10,
    apscheduler_config={
        "apscheduler.timezone": "Asia/Tokyo",
        "apscheduler.job_defaults.misfire_grace_time": "60",
        "apscheduler.executors.threads": {"type": "threadpool", "max_workers": 2},
    },
)
nonebot.require("nonebot_plugin_apscheduler")

from nonebot_plugin_apscheduler import scheduler  # noqa: E402 - the plugin is there once it was required

driver = nonebot.get_driver()
greeted: list[list[object]] = []
counted: list[str] = []
enough = asyncio.Event()
running: dict[str, bool] = {"before": scheduler.running}


@scheduler.scheduled_job("interval", seconds=0.2, id="greet", args=[1], kwargs={"other": 2})
async def greet(first: int, other: int) -> None:
    greeted.append([first, other, asyncio.get_running_loop() is loops["driver"]])


@scheduler.scheduled_job("cron", second="*", id="count")
def count() -> None:
    counted.append("counted")


def in_a_thread() -> None:
    counted.append("thread")


loops: dict[str, asyncio.AbstractEventLoop] = {}
heard: list[str] = []


async def listen(event) -> None:
    """An async listener, which APScheduler itself would never await."""
    heard.append(event.job_id)
    if heard.count("greet") >= 2 and {"count", "once"} <= set(heard):
        enough.set()


scheduler.add_listener(listen, EVENT_JOB_EXECUTED)


@driver.on_startup
async def watch() -> None:
    loops["driver"] = asyncio.get_running_loop()
    scheduler.add_job(in_a_thread, "date", id="once", executor="threads")
    loops["task"] = asyncio.ensure_future(leave())


async def leave() -> None:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await enough.wait()
    finally:
        running["during"] = scheduler.running
        running["next"] = str(scheduler.get_job("count").next_run_time.tzinfo)
        facts["reached"] = enough.is_set()
        facts["ledger"] = ledger(scheduler)
        driver.exit()


facts: dict[str, object] = {}
logging.captureWarnings(True)
nonebot.run()
report(
    greeted=greeted,
    counted=sorted(set(counted)),
    running=running | {"after": scheduler.running},
    **facts,
)
