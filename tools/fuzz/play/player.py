"""Plays programs, one a line of standard input, and writes each one's trace as a line of JSON."""

from __future__ import annotations

import io
import json
import logging
import signal
import sys
import tempfile
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apscheduler.job
from apscheduler import events
from apscheduler.executors.debug import DebugExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.base import BaseScheduler

from . import clock, workload
from .values import brief_job, made, shown, shown_error

MOST_ENTRIES = 1500
PATIENCE_SECONDS = 1.0
"""So much processor time a program may take."""
FIRST: dict[str, Any] = {
    "now": "2024-01-01T00:00:00+00:00",
    "look": True,
    "watch": True,
    "steps": [
        {"do": "new", "stores": {"default": "memory", "other": "t0"}},
        {"do": "call", "name": "start", "args": [], "kwargs": {}},
        {
            "do": "call",
            "name": "add_job",
            "args": [{"$": "callable", "name": "note"}, "cron"],
            "kwargs": {"second": "*", "jobstore": "other"},
        },
        {"do": "advance", "seconds": 2.0, "passes": 1},
        {"do": "export", "kwargs": {}},
    ],
}
"""Played before all others, in any time: it imports, and maybe compiles, what they need."""
IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of one's own is made in it
"""Where Linux keeps files in memory: a database there does not wait for a disk."""
CODES = {
    code: name.removeprefix("EVENT_")
    for name, code in vars(events).items()
    if name.startswith("EVENT_") and name != "EVENT_ALL"
}


class Still(BaseScheduler):
    """A scheduler whose passes are made by hand."""

    def wakeup(self) -> None:
        pass

    def shutdown(self, wait: bool = True, **options: Any) -> None:
        super().shutdown(wait, **options)


class Ended(BaseException):
    """A program hangs, or its trace is long enough."""


class Ids:
    """``uuid4`` with the same answers on both sides.

    It counts anew at each step: a side that asks for an id before it refuses a job, where the other refuses first, has the
    same ids afterwards.

    :param step: the step's position
    """

    def __init__(self, step: int) -> None:
        self.step = step
        self.count = 0

    def __call__(self) -> Ids:
        self.count += 1
        return self

    @property
    def hex(self) -> str:
        return f"u{self.step}-{self.count}"


class Player:
    """One program, from its first step to its last."""

    def __init__(self, program: dict[str, Any], folder: Path) -> None:
        self.program = program
        self.trace: list[Any] = []
        self.handles: dict[str, Any] = {}
        self.listeners: dict[str, Any] = {}
        self.exported = '{"version": 1, "jobs": []}'
        self.url = f"sqlite:///{folder}/{id(self)}.sqlite"
        self.database = folder / f"{id(self)}.sqlite"
        self.depth = 0
        self.ended = ""
        self.is_stored = False
        self.scheduler: Any = None
        self.shown = shown

    def play(self) -> list[Any]:
        clock.set_to(datetime.fromisoformat(self.program["now"]))
        job_module: Any = apscheduler.job
        workload.play_with(self)
        try:
            for position, step in enumerate(self.program["steps"]):
                job_module.uuid4 = Ids(position)
                self.trace.append(["step", position, step["do"]])
                self.take(step)
                self.heed_end()
                if self.program["look"]:
                    self.look()
            self.look()
        except Ended as exc:
            self.trace.append([str(exc)])
        finally:
            self.leave()
        return self.trace

    def heed_end(self) -> None:
        """Raise again what an executor may have taken for the exception of its job."""
        if self.ended:
            raise Ended(self.ended)

    def leave(self) -> None:
        try:
            if self.scheduler is not None and self.scheduler.running:
                self.program["watch"] = False
                self.scheduler.shutdown(wait=False)
        except (Exception, Ended):  # noqa: BLE001 - the trace has been made
            logging.getLogger("fuzz").debug("no clean end")
        for end in ("", "-wal", "-shm", "-journal"):
            Path(f"{self.database}{end}").unlink(missing_ok=True)

    def note(self, *entry: Any) -> None:
        if len(self.trace) > MOST_ENTRIES:
            self.ended = self.ended or "long"
        self.heed_end()
        self.trace.append(list(entry))

    def take(self, step: dict[str, Any]) -> None:
        """Do one step and note what came of it."""
        try:
            result = getattr(self, f"do_{step['do']}")(step)
        except Exception as exc:  # noqa: BLE001 - whatever either side raises is what is compared
            self.note("raised", shown_error(exc))
        else:
            self.note("returned", shown(result))

    def inner(self, step: dict[str, Any]) -> None:
        """Take a step from inside a job or a listener."""
        if self.depth < 2:
            self.depth += 1
            try:
                self.note("inner", step)
                self.take(step)
            finally:
                self.depth -= 1

    def look(self) -> None:
        try:
            jobs = [brief_job(job) for job in self.scheduler.get_jobs()]
        except Exception as exc:  # noqa: BLE001 - as in take()
            self.note("raised", shown_error(exc))
        else:
            if self.is_stored:  # 3.11.3 leaves it to the database which of one instant comes first
                jobs.sort(key=lambda each: (str(each[1]), str(each[0])))
            self.note("jobs", self.scheduler.state, jobs)

    # -- steps ------------------------------------------------------------------------------------------

    def _made(self, value: Any) -> Any:
        return made(value, workload.CALLABLES)

    def do_new(self, step: dict[str, Any]) -> None:
        """Make a scheduler, the old one shut down or not."""
        options = self._made(step.get("options", {}))
        gconfig = step.get("gconfig", {})
        self.is_stored = "memory" not in step["stores"].values()
        scheduler = Still(gconfig, **options)
        scheduler.add_executor(DebugExecutor())
        for alias, kind in step["stores"].items():
            scheduler.add_jobstore(self._store(kind), alias)
        if self.program["watch"]:
            scheduler.add_listener(self.watch, events.EVENT_ALL)
        self.scheduler = scheduler

    def _store(self, kind: str) -> Any:
        if kind == "memory":
            return MemoryJobStore()
        from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore

        return SQLAlchemyJobStore(self.url, tablename=kind)

    def watch(self, event: Any) -> None:
        if not self.program["watch"]:
            return
        entry = {name: shown(each) for name, each in _details(event).items()}
        self.note("event", CODES.get(event.code, event.code), entry)

    def do_call(self, step: dict[str, Any]) -> Any:
        args, kwargs = self._made(step.get("args", [])), self._made(step.get("kwargs", {}))
        result = getattr(self.scheduler, step["name"])(*args, **kwargs)
        return self._kept(result)

    def _kept(self, result: Any) -> Any:
        if isinstance(result, apscheduler.job.Job):
            self.handles[result.id] = result
        return result

    def do_decorate(self, step: dict[str, Any]) -> Any:
        args, kwargs = self._made(step.get("args", [])), self._made(step.get("kwargs", {}))
        self.scheduler.scheduled_job(*args, **kwargs)(workload.note)

    def do_job(self, step: dict[str, Any]) -> Any:
        handle = self.handles.get(step["id"])
        if handle is None:
            return "no handle"
        args, kwargs = self._made(step.get("args", [])), self._made(step.get("kwargs", {}))
        result = getattr(handle, step["name"])(*args, **kwargs)
        return handle if result is handle else shown(result)

    def do_handle(self, step: dict[str, Any]) -> Any:
        return self.handles.get(step["id"], "no handle")

    def do_add_jobstore(self, step: dict[str, Any]) -> None:
        self.scheduler.add_jobstore(self._store(step["kind"]), step["alias"])

    def do_listen(self, step: dict[str, Any]) -> None:
        inner, left = step["step"], [step["times"]]

        def listener(event: Any) -> None:
            if left[0] > 0:
                left[0] -= 1
                self.note("listener", step["name"], CODES.get(event.code, event.code))
                if inner is None:
                    raise LookupError("a listener that fails")
                self.inner(inner)

        self.listeners[step["name"]] = listener
        mask = 0
        for name in step["events"]:
            mask |= getattr(events, f"EVENT_{name}")
        self.scheduler.add_listener(listener, mask)

    def do_listen_again(self, step: dict[str, Any]) -> None:
        self.scheduler.add_listener(self.listeners.get(step["name"], self.watch), events.EVENT_ALL)

    def do_unlisten(self, step: dict[str, Any]) -> None:
        self.scheduler.remove_listener(self.listeners.get(step["name"], workload.note))

    def do_print(self, step: dict[str, Any]) -> str:
        out = io.StringIO()
        self.scheduler.print_jobs(out=out, **step.get("kwargs", {}))
        return out.getvalue()

    def do_export(self, step: dict[str, Any]) -> None:
        out = io.StringIO()
        self.scheduler.export_jobs(out, **step.get("kwargs", {}))
        self.exported = out.getvalue()

    def do_import(self, step: dict[str, Any]) -> None:
        self.scheduler.import_jobs(io.StringIO(self.exported), **step.get("kwargs", {}))

    def do_advance(self, step: dict[str, Any]) -> None:
        """Let time go by, and make passes."""
        for _ in range(step.get("passes", 1)):
            clock.advance(step["seconds"])
            self.pass_once()

    def pass_once(self) -> None:
        """Make a pass, as hosts do: none while the scheduler is stopped."""
        if self.scheduler.running:
            self.note("pass")
            self.scheduler._process_jobs()
            self.note("passed")

    def do_follow(self, step: dict[str, Any]) -> None:
        """Make passes just when something is due."""
        for _ in range(step["passes"]):
            times = [job.next_run_time for job in self.scheduler.get_jobs() if job.next_run_time]
            if not times:
                break
            seconds = (min(times) - clock.now()).total_seconds()
            clock.advance(min(max(seconds, 0.0), step["most"]))
            self.pass_once()


def _details(event: Any) -> dict[str, Any]:
    found = {"alias": getattr(event, "alias", None)}
    for name in ("job_id", "jobstore", "scheduled_run_time", "scheduled_run_times", "retval"):
        if hasattr(event, name):
            found[name] = _instants(getattr(event, name))
    exc = getattr(event, "exception", None)
    found["exception"] = None if exc is None else type(exc).__name__
    return found


def _instants(value: Any) -> Any:
    """Return moments in UTC: the page says in which zone each side gives them."""
    if isinstance(value, list):
        return [_instants(each) for each in value]
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def _hanging(*_: Any) -> None:
    workload.current().ended = "hang"
    raise Ended("hang")


def main() -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    clock.install()
    signal.signal(signal.SIGPROF, _hanging)
    out = sys.stdout
    sys.stdout = sys.stderr
    place = IN_MEMORY if IN_MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=place) as name:
        Player(FIRST, Path(name)).play()
        for line in sys.stdin:
            player = Player(json.loads(line), Path(name))
            signal.setitimer(
                signal.ITIMER_PROF, player.program.get("patience", PATIENCE_SECONDS), 0.5
            )
            try:
                try:
                    trace = player.play()
                finally:
                    signal.setitimer(signal.ITIMER_PROF, 0)
            except Ended as exc:  # maybe only when the time was taken back
                signal.setitimer(signal.ITIMER_PROF, 0)
                trace = [*player.trace, [str(exc)]]
            out.write(json.dumps(trace) + "\n")
            out.flush()
