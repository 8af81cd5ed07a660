"""A bot's job queue (python-telegram-bot) without network: the bot is never asked to speak to a server."""

from __future__ import annotations

import asyncio
import datetime as dt

from reporting import PATIENCE_SECONDS, ledger, report
from telegram.ext import Application, JobQueue

seen: list[tuple[str, object]] = []
changed = asyncio.Condition()
errors: list[str] = []
CHAT = 42


async def see(what: str, detail: object = None) -> None:
    async with changed:
        seen.append((what, detail))
        changed.notify_all()


async def until(what: str, count: int) -> None:
    """Wait until something was seen so often."""
    async with changed, asyncio.timeout(PATIENCE_SECONDS):
        await changed.wait_for(lambda: sum(name == what for name, _ in seen) >= count)


async def remind(context) -> None:
    context.chat_data["reminders"] = context.chat_data.get("reminders", 0) + 1
    await see("reminder", [context.job.data, context.job.chat_id, context.chat_data["reminders"]])


async def tick(context) -> None:
    await see(context.job.name)


async def stop_at_three(context) -> None:
    await see("countdown")
    if sum(name == "countdown" for name, _ in seen) == 3:
        context.job.schedule_removal()


async def fail(context) -> None:
    raise RuntimeError("the weather service is down")


async def note_error(update, context) -> None:
    errors.append(f"{context.job.name}: {context.error}")
    await see("error")


async def long_task(context) -> None:
    await see("long task began")
    await asyncio.sleep(0.3)
    await see("long task ended")


async def main() -> None:
    application = Application.builder().token("1:never-sent").updater(None).build()
    application.add_error_handler(note_error)
    queue = application.job_queue
    now = dt.datetime.now(dt.UTC)

    queue.run_once(remind, 0.2, data="tea", chat_id=CHAT)  # pending until the start
    await queue.start()
    every = queue.run_repeating(tick, interval=0.2, first=0.1, name="every")
    queue.run_repeating(stop_at_three, interval=0.1, first=0.05, name="countdown")
    queue.run_once(fail, now + dt.timedelta(seconds=0.2), name="weather")
    daily = queue.run_daily(tick, dt.time(9, 30, tzinfo=dt.UTC), days=(1, 3), name="daily")
    monthly = queue.run_monthly(tick, dt.time(12, tzinfo=dt.UTC), day=-1, name="monthly")
    custom = queue.run_custom(
        tick, {"trigger": "cron", "second": "*", "misfire_grace_time": 60}, name="custom"
    )
    for what, count in {"reminder": 1, "every": 2, "countdown": 3, "error": 1, "custom": 1}.items():
        await until(what, count)

    every.enabled = False
    disabled_next = every.next_t
    every.enabled = True
    enabled_next = every.next_t
    await until("every", sum(name == "every" for name, _ in seen) + 1)
    await monthly.run(application)  # at once, by hand
    names = sorted(job.name for job in queue.jobs())
    next_times = [daily.next_t.isoformat(), monthly.next_t.isoformat()]
    by_name = [job.name for job in queue.get_jobs_by_name("daily")]
    custom.schedule_removal()

    queue.run_once(long_task, 0, name="long")
    await until("long task began", 1)
    await queue.stop(wait=True)
    report(
        reminder=[detail for what, detail in seen if what == "reminder"],
        countdown=sum(what == "countdown" for what, _ in seen),
        errors=errors,
        names=names,
        by_name=by_name,
        next_times=next_times,
        disabled_next=disabled_next,
        enabled_next=bool(enabled_next),
        next_after_stop=bool(every.next_t),
        ran_by_hand=("monthly", None) in seen,
        long_task=[what for what, _ in seen if what.startswith("long task")],
        running=queue.scheduler.running,
        ledger=ledger(queue.scheduler),
        timezone=str(queue.scheduler.timezone),
        is_queue=isinstance(queue, JobQueue),
    )


asyncio.run(main())
