"""What happens to a cluster besides kills: clocks that step, silent connections, orderly ends, edits, bad rows.

Each is one short episode of a campaign. What it adds to the cluster is judged like everything else.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from cluster.processes import end_all
from cluster.support.proxy import Proxy
from cluster.support.skew import Skew
from sqlalchemy import insert, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from apscheduler.jobstores.base import JobLookupError

STEPS_SECONDS = (60, 3600, -60, -3600)
BAD_MOMENTS = (float("-inf"), float("inf"), 1e300, -1e300, 1e15, -1e15)
STORM = "storm"
"""The job that is edited all the time; edits may pass over its fire times, so only its starts are judged."""


class Disturbances:
    """Episodes for one campaign."""

    def __init__(self, campaign) -> None:
        self.campaign = campaign
        self.cluster = campaign.cluster
        self.dice = campaign.dice
        self.made: dict[str, int] = {}
        self._skew = Skew(self.cluster.folder / "skew")
        self._proxy: Proxy | None = None
        self._one_shots = 0
        self._bad_rows: list[str] = []

    def choose(self) -> None:
        """Play one of them."""
        episodes = [self.orderly_end, self.edit_storm, self.bad_rows, self.clock_step]
        episodes += [] if self.cluster.place.kind == "sqlite" else [self.silent_connection]
        episode = self.dice.choice(episodes)
        episode()
        self.made[episode.__name__] = self.made.get(episode.__name__, 0) + 1

    # -- the episodes ---------------------------------------------------------------------------------------

    def clock_step(self) -> None:
        """Set one process's clock forward or back while it schedules, then right again."""
        self._skew.step(0)
        worker = self.cluster.start(skew=str(self._skew.path))
        worker.wait_ready()
        self._skew.step(self.dice.choice(STEPS_SECONDS))
        time.sleep(1.5)  # the episode itself: so long it schedules by a wrong clock
        self._skew.step(0)
        time.sleep(0.5)  # and so long by one that was set right
        self._end(worker)

    def silent_connection(self) -> None:
        """Let one process's connections go silent for longer than its lease, then be cut."""
        address = make_url(self.cluster.place.url)
        if self._proxy is None:
            self._proxy = Proxy(address.host, address.port)
        through = address.set(host="127.0.0.1", port=self._proxy.port)
        worker = self.cluster.start(url=through.render_as_string(hide_password=False))
        worker.wait_ready()
        self._proxy.hang()
        time.sleep(1.5 * self.cluster.options["lease"])
        self._proxy.cut()
        worker.kill()
        self.campaign.forget_dead()
        self._proxy.heal()

    def orderly_end(self) -> None:
        """End a process by SIGTERM while many one-shot jobs wait in its queue."""
        worker = self.cluster.start(threads=2)
        worker.wait_ready()
        due = datetime.now(UTC) + timedelta(seconds=0.2)
        for _ in range(40):
            self._one_shots += 1
            delivery = self.dice.choice(("at_most_once", "at_least_once"))
            self.cluster.add(
                f"one-shot-{self._one_shots}",
                "date",
                run_date=due,
                delivery=delivery,
                args=(self.cluster.log, 0.05),
            )
        time.sleep(max(0.0, due.timestamp() - time.time()) + self.dice.random() * 0.4)
        self._end(worker)

    def edit_storm(self) -> None:
        """Resume and reschedule a job of a tenth of a second in a loop, in several threads."""
        options = {"seconds": 0.1, "max_instances": 20}
        with suppress(JobLookupError):
            self.cluster.editor.remove_job(STORM)
        self.cluster.add(STORM, **options)
        until = time.monotonic() + 1.5
        threads = [threading.Thread(target=self._edit, args=(until,)) for _ in range(2)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        self.cluster.editor.remove_job(STORM)
        del self.cluster.triggers[STORM]

    def _edit(self, until: float) -> None:
        start = self.cluster.triggers[STORM][0].start_date
        while time.monotonic() < until:
            self.cluster.editor.resume_job(STORM)
            self.cluster.editor.reschedule_job(
                STORM, trigger="interval", seconds=0.1, start_date=start
            )

    def bad_rows(self) -> None:
        """Write rows that no scheduler would, as another program may; take the last ones away."""
        table = self.cluster.editor._jobstores["default"].jobs_t
        place = self.cluster.place
        engine = place.engine()
        with engine.begin() as connection:
            for job_id in self._bad_rows:
                connection.execute(table.delete().where(table.c.id == job_id))
        self._bad_rows = [f"bad-{self.dice.randrange(1 << 40)}" for _ in BAD_MOMENTS]
        good = self.cluster.editor.get_jobs()[0]
        for job_id, moment in zip(self._bad_rows, BAD_MOMENTS, strict=True):
            blob = self.dice.choice((b"", b"rubbish", self._bytes_of(engine, table, good.id)))
            values = {"id": job_id, "next_run_time": moment, "job_state": blob}
            with suppress(DBAPIError), engine.begin() as connection:  # MariaDB has no infinity
                connection.execute(insert(table).values(values))

    def _bytes_of(self, engine, table, job_id: str) -> bytes:
        statement = text(f"SELECT job_state FROM {table.name} WHERE id = :id")
        with engine.connect() as connection:
            return bytes(connection.scalar(statement, {"id": job_id}))

    def _end(self, worker) -> None:
        end_all([worker])
        self.campaign.forget_dead()

    # -- the end --------------------------------------------------------------------------------------------

    def close(self) -> None:
        self._skew.close()
        if self._proxy is not None:
            self._proxy.close()
