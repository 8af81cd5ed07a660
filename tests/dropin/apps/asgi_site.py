"""An ASGI site with fastapi-scheduler under uvicorn: its admin API pauses, changes and removes jobs."""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from fastapi_amis_admin.admin.settings import Settings
from fastapi_amis_admin.admin.site import AdminSite
from fastapi_scheduler import SchedulerAdmin
from reporting import Tally, ledger, report

from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler

folder = Path(sys.argv[1])
tally = Tally()
listening = socket.create_server(("127.0.0.1", 0))
site = AdminSite(settings=Settings(database_url_async=f"sqlite+aiosqlite:///{folder}/admin.db"))
scheduler = SchedulerAdmin.bind(
    site,
    scheduler=AsyncIOScheduler(
        jobstores={"kept": SQLAlchemyJobStore(f"sqlite:///{folder}/jobs.db")},
        job_defaults={"misfire_grace_time": 60},
    ),
)


@scheduler.scheduled_job("interval", seconds=0.2, id="pulse")
async def pulse() -> None:
    await asyncio.sleep(0)
    tally.add("pulse")


@scheduler.scheduled_job("interval", seconds=0.2, id="beat", jobstore="kept")
def beat() -> None:
    tally.add("beat")


async def last_words() -> None:
    tally.add("last words began")
    await asyncio.sleep(30)


@asynccontextmanager
async def lifespan(app: FastAPI):
    scheduler.start()
    report(port=listening.getsockname()[1])
    yield
    scheduler.shutdown(wait=False)
    await asyncio.sleep(0)
    report(running=scheduler.running, ledger=ledger(scheduler))


app = FastAPI(lifespan=lifespan)
site.mount_app(app)


@app.get("/tally/{name}/{count}")
def wait_for(name: str, count: int) -> dict[str, object]:
    return {"reached": tally.reached(name, count), "count": tally[name]}


@app.get("/ledger")
def show_ledger() -> list[dict[str, object]]:
    return ledger(scheduler)


@app.post("/last-words")
async def add_last_words() -> dict[str, str]:
    return {"id": scheduler.add_job(last_words, id="last words").id}


uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])
