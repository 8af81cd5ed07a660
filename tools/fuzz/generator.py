"""Makes a program from a seed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from tools.fuzz.arguments import MARK, NIGHTS, Arguments

IDS = ("a", "b", "c", "10", "2", "ä")
SCALES = (20.0, 600.0, 3600.0, 86400.0)
JOB_EVENTS = ("JOB_ADDED", "JOB_REMOVED", "JOB_MODIFIED", "JOB_EXECUTED", "JOB_ERROR", "JOB_MISSED")
OTHER_EVENTS = (
    "JOB_SUBMITTED",
    "JOB_MAX_INSTANCES",
    "SCHEDULER_STARTED",
    "SCHEDULER_PAUSED",
    "SCHEDULER_RESUMED",
    "SCHEDULER_SHUTDOWN",
    "ALL_JOBS_REMOVED",
    "JOBSTORE_ADDED",
    "ALL",
)
Step = dict[str, Any]


def program(seed: int) -> dict[str, Any]:
    """Return the program of a seed."""
    return _Generator(seed).program()


class _Generator:
    def __init__(self, seed: int) -> None:
        self.random = random = Random(seed)  # noqa: S311 - programs, no secrets
        start = datetime.fromisoformat(random.choice(NIGHTS)).replace(tzinfo=UTC)
        self.now = start + timedelta(minutes=random.randint(0, 600))
        oddness = random.choice((0.0, 0.0, 0.02, 0.15))
        self.arguments = Arguments(random, self.now, random.choice(SCALES), oddness)
        self.seed = seed
        self.stored = random.random() < 0.15
        self.aliases = ["default"] if random.random() < 0.6 else ["default", "other"]
        self.stores: dict[str, str] = {}

    def program(self) -> dict[str, Any]:
        random = self.random
        steps = [self._new()]
        pool = self._weighted()
        before = random.randint(0, 4)
        steps += [self._step(pool[:8]) for _ in range(before)]
        steps.append(_call("start", paused=True) if random.random() < 0.08 else _call("start"))
        for _ in range(random.randint(3, 18)):
            steps.append(self._step(pool))
            if steps[-1]["do"] == "call" and steps[-1]["name"] == "shutdown":
                steps += self._after_shutdown()
            if random.random() < 0.45:
                steps.append(self.advance())
        return {
            "seed": self.seed,
            "now": self.now.isoformat(),
            "look": random.random() < 0.7,
            "watch": random.random() < 0.8,
            "steps": steps,
        }

    def _weighted(self) -> list[tuple[Any, int]]:
        return [
            (self.add_job, 30),
            (self.add_job, 10),
            (self.listen, 6),
            (self.modify, 6),
            (self.by_id, 10),
            (self.look_at, 4),
            (self.other_listeners, 2),
            (self.decorate, 2),
            (self.advance, 30),
            (self.reschedule, 7),
            (self.handle, 8),
            (self.whole, 8),
            (self.transfer, 4),
            (self.stores_change, 3),
            (self.import_again, 2),
        ]

    def _step(self, pool: list[tuple[Any, int]]) -> Step:
        makers, weights = zip(*pool, strict=True)
        step: Step = self.random.choices(makers, weights)[0]()
        return step

    # -- life -------------------------------------------------------------------------------------------

    def _new(self) -> Step:
        self.stores = {
            alias: f"t{number}" if self.stored else "memory"
            for number, alias in enumerate(self.aliases)
        }
        options: dict[str, Any] = {}
        if self.random.random() < 0.8:
            options["timezone"] = self.arguments.sane_or_odd(self.arguments.zone())
        if self.random.random() < 0.35:
            options["job_defaults"] = self._defaults()
        return {"do": "new", "stores": self.stores, "options": options, "gconfig": self._gconfig()}

    def _defaults(self) -> dict[str, Any]:
        names = ("misfire_grace_time", "coalesce", "max_instances")
        given = self.arguments.job_options()
        return {name: given[name] for name in names if name in given}

    def _gconfig(self) -> dict[str, Any]:
        if self.random.random() < 0.85:
            return {}
        choices = {
            "apscheduler.job_defaults.coalesce": ("true", "false", "yes", "0"),
            "apscheduler.job_defaults.max_instances": ("3", 2, "x"),
            "apscheduler.job_defaults.misfire_grace_time": ("30", 5, None),
            "apscheduler.timezone": ("UTC", "Europe/Berlin"),
            "apscheduler.jobstore_retry_interval": ("5", 3),
        }
        name = self.random.choice(sorted(choices))
        return {name: self.random.choice(choices[name])}

    def _after_shutdown(self) -> list[Step]:
        steps = [self.add_job()] if self.random.random() < 0.3 else []
        if self.random.random() < 0.4:
            steps.append(self._new())
        return [*steps, _call("start")]

    def advance(self) -> Step:
        if self.random.random() < 0.25:
            return {"do": "follow", "passes": self.random.randint(1, 6), "most": 40000}
        return {
            "do": "advance",
            "seconds": self.arguments.seconds() * self.random.choice((1, 1, 0.5, 0.01)),
            "passes": self.random.choice((1, 1, 1, 2, 5)),
        }

    def whole(self) -> Step:
        """Something that concerns the whole scheduler."""
        name = self.random.choice(
            ("pause", "resume", "resume", "shutdown", "shutdown", "remove_all_jobs", "start")
        )
        if name == "remove_all_jobs" and self.random.random() < 0.5:
            return _call(name, jobstore=self._alias())
        return _call(name)

    def stores_change(self) -> Step:
        if self.random.random() < 0.5:
            return {"do": "add_jobstore", "kind": "memory", "alias": self._alias()}
        return _call("remove_jobstore", self._alias())

    # -- jobs -------------------------------------------------------------------------------------------

    def _id(self) -> Any:
        known: str = self.random.choice(IDS)
        if self.arguments.chance(self.arguments.oddness / 2):
            return self.random.choice(("gone", "", 5, None))
        return known

    def _alias(self) -> Any:
        alias = self.random.choice((*self.aliases * 4, "other"))
        return "gone" if self.arguments.chance(self.arguments.oddness) else alias

    def _in_store(self) -> dict[str, Any]:
        return {"jobstore": self._alias()} if self.random.random() < 0.25 else {}

    def _function(self) -> dict[str, Any]:
        """Return a function and its arguments."""
        name = self.random.choices(
            (
                "note",
                "fail",
                "leave",
                "slow",
                "call",
                "two",
                "method",
                "of_class",
                "static",
                "text",
            ),
            (40, 6, 1, 6, 12, 4, 2, 2, 2, 6),
        )[0]
        if self.arguments.chance(self.arguments.oddness / 2):
            return {"func": self.random.choice(("play.workload:gone", "no reference", 5, None))}
        if name == "text":
            return {"func": "play.workload:note", "args": [1, "two"]}
        return {"func": {MARK: "callable", "name": name}, **self._function_arguments(name)}

    def _function_arguments(self, name: str) -> dict[str, Any]:
        random = self.random
        if name == "call":
            return {"args": [{MARK: "raw", "value": self.inner()}]}
        if name == "slow":
            return {"args": [random.choice((0.5, 2, 100))]}
        if name == "two":
            return random.choice(
                (
                    {"args": [1]},
                    {"args": {MARK: "tuple", "items": [1, 2]}},
                    {"kwargs": {"first": 1}},
                    {"args": [1], "kwargs": {"second": [1, {"x": None}]}},
                    {"args": [1, 2, 3]},
                    {"kwargs": {"third": 3}},
                    {},
                )
            )
        if random.random() < 0.6:
            return {}
        return {"args": self.arguments.sane_or_odd([random.randint(0, 9), "text"])}

    def add_job(self) -> Step:
        kwargs = self._function()
        kwargs |= {"id": self._id()} if self.random.random() < 0.85 else {}
        kwargs |= self.arguments.how() if self.random.random() < 0.93 else {}
        kwargs |= self.arguments.job_options() | self._in_store()
        if self.random.random() < 0.35:
            kwargs["replace_existing"] = True
        if self.arguments.chance(self.arguments.oddness):
            kwargs["executor"] = self.random.choice(("gone", 5, None))
        return _call("add_job", **kwargs)

    def decorate(self) -> Step:
        kwargs = self.arguments.how() | self.arguments.job_options()
        return {"do": "decorate", "kwargs": {**kwargs, "id": self._id()}}

    def _changes(self) -> dict[str, Any]:
        changes = self.arguments.job_options()
        extras: dict[str, Any] = {
            "trigger": self.arguments.trigger_object,
            "args": lambda: [self.random.randint(0, 9)],
            "kwargs": dict,
            "func": lambda: {MARK: "callable", "name": self.random.choice(("note", "fail"))},
            "executor": lambda: "default",
        }
        changes |= self.arguments.sample(extras, 1)
        if self.arguments.chance(self.arguments.oddness):
            changes[self.random.choice(("id", "colour", "func_ref", "version"))] = "b"
        return changes

    def modify(self) -> Step:
        return _call("modify_job", self._id(), **self._in_store(), **self._changes())

    def reschedule(self) -> Step:
        how = self.arguments.how()
        return _call("reschedule_job", self._id(), **self._in_store(), **how)

    def by_id(self) -> Step:
        name = self.random.choice(("pause_job", "resume_job", "remove_job", "get_job"))
        return _call(name, self._id(), **self._in_store())

    def handle(self) -> Step:
        """A call of a job object's method."""
        step: Step = {"do": "job", "id": self.random.choice(IDS)}
        name = self.random.choice(("pause", "resume", "remove", "modify", "reschedule", "look"))
        if name == "look":
            return {**step, "do": "handle"}
        step["name"] = name
        if name == "modify":
            step["kwargs"] = self._changes()
        if name == "reschedule":
            step["kwargs"] = self.arguments.how()
        return step

    def look_at(self) -> Step:
        kwargs = self._in_store()
        if self.random.random() < 0.5:
            return {"do": "print", "kwargs": kwargs}
        return _call("get_jobs", **kwargs)

    def transfer(self) -> Step:
        return {"do": "export", "kwargs": self._in_store()}

    def import_again(self) -> Step:
        return {"do": "import", "kwargs": self._in_store()}

    # -- listeners --------------------------------------------------------------------------------------

    def inner(self) -> Step:
        """Return a step that jobs and listeners take."""
        maker = self.random.choice(
            (
                self._plain_add,
                self._plain_add,
                self.by_id,
                self.by_id,
                self.modify,
                self.reschedule,
                self.look_at,
                self.whole,
            )
        )
        step: Step = maker()
        return step

    def _not_a_start(self) -> Step:
        """A listener that starts the scheduler while it starts finds no two ways alike."""
        step = self.inner()
        return self.by_id() if step.get("name") == "start" else step

    def _plain_add(self) -> Step:
        kwargs = {"func": {MARK: "callable", "name": "note"}, "id": self._id()}
        return _call("add_job", **kwargs, **self.arguments.how(), **self._in_store())

    def listen(self) -> Step:
        pool = JOB_EVENTS * 3 + OTHER_EVENTS
        return {
            "do": "listen",
            "name": self.random.choice(("l1", "l2")),
            "events": sorted({self.random.choice(pool) for _ in range(self.random.randint(1, 2))}),
            "times": self.random.choice((1, 1, 2, 5)),
            "step": None if self.random.random() < 0.1 else self._not_a_start(),
        }

    def other_listeners(self) -> Step:
        kind = self.random.choice(("unlisten", "listen_again"))
        return {"do": kind, "name": self.random.choice(("l1", "l2"))}


def _call(name: str, /, *args: Any, **kwargs: Any) -> Step:
    return {"do": "call", "name": name, "args": list(args), "kwargs": kwargs}
