"""What is compared, and which ratio is wanted: the goals of docs/explanation/performance.md as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmarks.measuring import ALPHA, OURS, PEERS, REFERENCE, Comparison, Contender

GOALS = (*(f"G{number}" for number in range(1, 18)), "H1")

FASTER = "≥"
LESS = "≤"


@dataclass(frozen=True)
class Row:
    """One line of the table.

    :ivar others: names of contenders; the best of them in each round is what ours is divided by
    :ivar metric: which of the metrics is compared
    :ivar sense: ``FASTER``: how many times less than the others' cost; ``LESS``: which part of theirs
    :ivar bound: the wanted ratio, ``None`` where the line is for information
    """

    goal: str
    work: str
    comparison: str
    others: tuple[str, ...]
    metric: str
    bound: float | None
    sense: str = FASTER
    ours: str = OURS


@dataclass(frozen=True)
class Plan:
    """Comparisons by name, and the rows that are read from them."""

    comparisons: dict[str, Comparison]
    rows: list[Row]


class _Builder:
    """Collects comparisons and rows; ``quick`` makes everything small and measures it once."""

    def __init__(self, rounds: int, *, quick: bool) -> None:
        self.quick = quick
        self.rounds = rounds
        self.comparisons: dict[str, Comparison] = {}
        self.rows: list[Row] = []

    def size(self, full: int, quick: int) -> int:
        return quick if self.quick else full

    def compare(
        self, name: str, *contenders: Contender, rounds: int | None = None, warm: bool = True
    ) -> None:
        number = 1 if self.quick else max(rounds or self.rounds, 1)
        self.comparisons[name] = Comparison(
            contenders, number, warm=warm and not self.quick, timeout_seconds=240.0
        )

    def row(
        self,
        goal: str,
        work: str,
        comparison: str,
        others: str | tuple[str, ...],
        metric: str,
        bound: float | None,
        sense: str = FASTER,
        ours: str = OURS,
    ) -> None:
        names = (others,) if isinstance(others, str) else others
        self.rows.append(Row(goal, work, comparison, names, metric, bound, sense, ours))


def plan(*, quick: bool = False, rounds: int = 5) -> Plan:
    """Return everything that can be measured."""
    builder = _Builder(rounds, quick=quick)
    for part in (
        _triggers,
        _dispatch,
        _cron_dispatch,
        _extras,
        _single_jobs,
        _listing,
        _lateness,
        _idle,
        _startup,
        _stores,
        _stored_starts,
        _cluster,
        _processes,
        _loops,
    ):
        part(builder)
    builder.rows.sort(key=lambda row: GOALS.index(row.goal))
    return Plan(builder.comparisons, builder.rows)


def _both(work: str, **options: Any) -> tuple[Contender, Contender]:
    return (
        Contender(OURS, work, OURS, options),
        Contender(REFERENCE, work, REFERENCE, options),
    )


def _peer(name: str, work: str, **options: Any) -> Contender:
    """A library of other people, installed beside the reference."""
    return Contender(name, work, REFERENCE, options)


PUBLIC_GOALS = {
    "every 5 minutes": 5.0,
    "mon-fri 10:00": 5.0,
    "Feb 29": 5.0,
    "last day": 3.0,
    "daily 2:30": 5.0,
    "every 10 s": 5.0,
    "interval": 1.3,
}
INSIDE_GOALS = {
    "every 5 minutes": 20.0,
    "every 10 s": 20.0,
    "mon-fri 10:00": 7.0,
    "daily 2:30": 7.0,
    "interval": 10.0,
}


def _triggers(builder: _Builder) -> None:
    for kind, bound in PUBLIC_GOALS.items():
        options = {"kind": kind, "seconds": 0.02 if builder.quick else 0.06}
        name = f"next fire: {kind}"
        peers = [Contender("4.x alpha", "triggers.alpha", ALPHA, options)]
        own = ["cron"]
        if kind != "interval":
            own.append("crontab")
            peers += _cron_peers(options)
        _fire_times(builder, name, kind, bound, peers, own, ("public", "inside"), options)
    for kind, bound in PUBLIC_GOALS.items():
        if kind != "interval":
            options = {"kind": kind, "seconds": 0.02 if builder.quick else 0.06}
            name, work = f"previous fire: {kind}", ("public_back", "inside_back")
            peers = _cron_peers({**options, "back": True})
            # The reference cannot look back: it is asked for the next fire time here too.
            _fire_times(builder, name, kind, bound, peers, ["cron", "crontab"], work, options)


def _cron_peers(options: dict[str, Any]) -> list[Contender]:
    return [_peer(name, f"triggers.{name}", **options) for name in ("croniter", "cronsim")]


def _fire_times(
    builder: _Builder,
    name: str,
    kind: str,
    bound: float,
    peers: list[Contender],
    own: list[str],
    work: tuple[str, str],
    options: dict[str, Any],
) -> None:
    """One comparison of both cron triggers, their public methods and the engine's, with all others."""
    public, inside = work
    others = [Contender(REFERENCE, "triggers.public", REFERENCE, options), *peers]
    contenders: list[Contender] = []
    for trigger in own:
        label = OURS if trigger == "cron" else trigger
        shown = name if trigger == "cron" else f"{name}, crontab"
        asked = options | {"trigger": trigger}
        contenders.append(Contender(label, f"triggers.{public}", OURS, asked))
        builder.row("G1", shown, name, REFERENCE, "us", bound, ours=label)
        builder.row("G1", shown, name, tuple(peer.name for peer in peers), "us", 1.0, ours=label)
        if kind in INSIDE_GOALS:
            integers = f"{label}, integers"
            contenders.append(Contender(integers, f"triggers.{inside}", OURS, asked))
            wanted = INSIDE_GOALS[kind]
            builder.row("G2", f"{shown}, on integers", name, REFERENCE, "us", wanted, ours=integers)
    builder.compare(name, *contenders, *others, rounds=builder.rounds + 2)


def _dispatch(builder: _Builder) -> None:
    count = builder.size(100_000, 3_000)
    few = {"count": builder.size(20_000, 1_000)}
    many = {"count": count}
    builder.compare(
        "dispatch",
        *_both("dispatch.threaded", **many),
        Contender("inline", "dispatch.inline", OURS, many),
        Contender("heapreplace + call", "limits.heap", OURS, many),
        _peer("schedule", "limits.schedule", **many),
        _peer("huey (immediate)", "limits.huey_immediate", **few),
        _peer("huey (10 threads)", "limits.huey_consumer", **few),
        Contender("ThreadPoolExecutor.submit", "limits.pool", OURS, many),
        warm=False,
    )
    threads = f"{count // 1000}k due interval jobs, 10 threads"
    builder.row("G3", threads, "dispatch", REFERENCE, "us", 30.0)
    builder.row("G3", threads, "dispatch", "heapreplace + call", "us", 0.4)
    builder.row("G4", threads, "dispatch", "schedule", "us", 1.0)
    builder.row("G4", threads, "dispatch", ("huey (immediate)", "huey (10 threads)"), "us", 10.0)
    builder.row("G4", threads, "dispatch", "ThreadPoolExecutor.submit", "us", 4.0)
    inline = f"{count // 1000}k due interval jobs, inline"
    builder.row("G4", inline, "dispatch", "schedule", "us", 1.5, ours="inline")


def _cron_dispatch(builder: _Builder) -> None:
    count = builder.size(50_000, 2_000)
    for trigger, bound in (("daily", 12.0), ("minute", 30.0), ("second", 30.0)):
        name = f"{count // 1000}k due cron jobs ({trigger}), 10 threads"
        options = {"count": count, "trigger": trigger}
        builder.compare(name, *_both("dispatch.threaded", **options), warm=False)
        builder.row("G5", name, name, REFERENCE, "us", bound)


def _extras(builder: _Builder) -> None:
    """What a listener, the ledger and the garbage collector cost: ours beside ours."""
    count = builder.size(100_000, 3_000)
    name = "with and without"

    def variant(label: str, **options: Any) -> Contender:
        return Contender(label, "dispatch.threaded", OURS, {"count": count, **options})

    builder.compare(
        name,
        variant("plain"),
        variant("with a listener", listener=True),
        variant("without ledger", ledger=False),
        variant("GC off", collector=False),
        rounds=builder.rounds + 4,
    )
    builder.row("G6", "an EXECUTED listener", name, "plain", "us", 1.25, LESS, "with a listener")
    # There is no switch: the ledger's write is replaced by an empty call.
    builder.row("G6", "history on", name, "without ledger", "us", 1.25, LESS, "plain")
    builder.row("G7", "garbage collector on", name, "GC off", "us", 1.15, LESS, "plain")


def _single_jobs(builder: _Builder) -> None:
    few, many = builder.size(10_000, 1_000), builder.size(1_000_000, 5_000)
    small, large = f"at {_short(few)}", f"at {_short(many)}"
    count = builder.size(500, 100)
    builder.compare(small, *_both("jobs.operations", size=few, count=count))
    builder.row("G8", f"add_job {small}", small, REFERENCE, "add", 4.0)
    alias = f"add_job by alias, no id, {small}"
    builder.compare(alias, *_both("jobs.add_by_alias", size=few, count=count))
    builder.row("G8", alias, alias, REFERENCE, "add", None)
    builder.compare(large, *_both("jobs.operations", size=many, count=count))
    builder.row("G8", f"add_job {large}, random place", large, REFERENCE, "add", 8.0)
    for shared, whose in ((True, "one trigger for all"), (False, "each its own trigger")):
        work = f"bytes per job, {whose}"
        size = builder.size(100_000, 5_000)
        builder.compare(work, *_both("memory.per_job", count=size, shared=shared), warm=False)
        builder.row("G8", work, work, REFERENCE, "bytes", 0.6, LESS)
    for step in ("remove", "pause", "resume", "reschedule"):
        builder.row("G9", f"{step}_job {large}", large, REFERENCE, step, 20.0)


def _short(number: int) -> str:
    millions, thousands = divmod(number, 1_000_000)[0], number // 1000
    return f"{millions}M" if millions else f"{thousands}k" if thousands else str(number)


def _listing(builder: _Builder) -> None:
    sizes = (100, 1_000) if builder.quick else (100, 10_000, 100_000, 1_000_000)
    for size in sizes:
        name = f"get_jobs of {_short(size)}"
        builder.compare(name, *_both("jobs.listing", size=size, seconds=0.02))
        builder.row("G10", name, name, REFERENCE, "unchanged", 1.0)
        builder.row("G10", f"{name}, after a change each", name, REFERENCE, "changed", 1.0)


def _lateness(builder: _Builder) -> None:
    seconds = builder.size(3, 1)
    calm, storm, burst = (
        builder.size(10_000, 1_000),
        builder.size(50_000, 2_000),
        builder.size(10_000, 1_000),
    )
    name = f"{_short(calm)} fires/s, spread"
    builder.compare(name, *_both("lateness.spread", per_second=calm, seconds=seconds), warm=False)
    builder.row("G11", f"{name}: p99 lateness", name, REFERENCE, "p99_ms", 0.5, LESS)
    builder.row("G11", f"{name}: processor time", name, REFERENCE, "cores", 0.45, LESS)
    name = f"{_short(storm)} fires/s"
    builder.compare(name, *_both("lateness.spread", per_second=storm, seconds=seconds), warm=False)
    builder.row("G11", f"{name}: share delivered", name, (), "delivered", 1.0)
    builder.row("G11", f"{name}: p99 lateness", name, REFERENCE, "p99_ms", None, LESS)
    name = f"{_short(burst)} fires at one instant"
    builder.compare(name, *_both("lateness.burst", count=burst), warm=False)
    builder.row("G11", f"{name}: p99 lateness", name, REFERENCE, "p99_ms", 1 / 15, LESS)


def _idle(builder: _Builder) -> None:
    seconds = builder.size(30, 3)
    jobs = builder.size(10_000, 500)
    name = f"{_short(jobs)} jobs far away"
    options = {"jobs": jobs, "seconds": seconds, "copies": builder.size(5, 1)}
    # Five processes wait side by side: that is the median here.
    builder.compare(name, *_both("idle.waiting", **options), rounds=1, warm=False)
    builder.row("G12", f"{name}: wake-ups per second", name, REFERENCE, "wakeups", 1.0, LESS)
    builder.row("G12", f"{name}: processor time", name, REFERENCE, "cpu_ms", 1.0, LESS)


def _startup(builder: _Builder) -> None:
    for work, function, bound in (
        ("import BlockingScheduler, over bare Python", "startup.importing", 1 / 4),
        ("import + start + shutdown", "startup.starting", 1 / 3),
    ):
        builder.compare(work, *_both(function), rounds=builder.rounds * 3)
        builder.row("G13", work, work, REFERENCE, "ms", bound, LESS)


STORE_GOALS = {"SQLite": (20.0, 15.0), "PostgreSQL": (15.0, 15.0), "MariaDB": (None, None)}


def _stores(builder: _Builder) -> None:
    """Rates are compared: the reference, a hundred times slower per job, gets fewer."""
    own = {"count": builder.size(20_000, 300)}
    few = {"count": builder.size(500, 50)}

    def against(name: str, function: str, *more: Contender) -> None:
        ours = Contender(OURS, function, OURS, {"database": name.split(maxsplit=1)[0]} | own)
        other = Contender(
            REFERENCE, function, REFERENCE, {"database": name.split(maxsplit=1)[0]} | few
        )
        builder.compare(name, ours, other, *more, warm=False)

    for database, (fires, adds) in STORE_GOALS.items():
        name = f"{database} due interval jobs, 10 threads"
        against(name, "stores.fires")
        builder.row("G14", name, name, REFERENCE, "us", fires)
        name = f"{database} pending jobs at start"
        bulk = Contender("add_jobs", "stores.bulk", OURS, {"database": database} | own)
        against(name, "stores.pending", bulk)
        builder.row("G15", name, name, REFERENCE, "us", adds)
        work = f"{database} add_jobs, by pending jobs"
        builder.row("G15", work, name, REFERENCE, "us", adds, ours="add_jobs")


def _stored_starts(builder: _Builder) -> None:
    """Bounds in seconds and bytes: nobody else is measured."""
    waiting, due = builder.size(100_000, 500), builder.size(200_000, 500)
    for database in ("SQLite", "PostgreSQL"):
        name = f"{database}, start with {_short(waiting)} jobs, none due"
        options = {"database": database, "count": waiting}
        contender = Contender(OURS, "stores_start.waiting", OURS, options)
        builder.compare(name, contender, rounds=3, warm=False)
        builder.row("G14", name, name, (), "ms", 50.0, LESS)
        name = f"{database}, start with {_short(due)} due one-shots"
        options = {"database": database, "count": due}
        contender = Contender(OURS, "stores_start.flood", OURS, options)
        builder.compare(name, contender, rounds=1, warm=False)
        builder.row("G14", f"{name}: to the first run", name, (), "s", 1.0, LESS)
        builder.row("G14", f"{name}: peak memory", name, (), "peak_mb", 300.0, LESS)


CLUSTER_PEERS = {
    "pgqueuer": (20_000, 500),
    "procrastinate": (1_000, 100),
    "alpha": (300, 30),
}


def _cluster(builder: _Builder) -> None:
    count = builder.size(20_000, 500)
    alone, pair = "PostgreSQL, one process", "PostgreSQL, two processes"
    for name, processes, fewest in ((alone, 1, 3.0), (pair, 2, 2.5)):
        options = {"count": count, "processes": processes}
        contenders = [Contender(OURS, "cluster.ours", OURS, options)]
        for peer, (full, quick) in CLUSTER_PEERS.items():
            options = {"count": builder.size(full, quick), "processes": processes}
            contenders.append(Contender(peer, f"cluster.{peer}", PEERS, options))
        if processes == 2:
            options = {"count": count, "processes": 1}
            contenders.append(Contender("one process", "cluster.ours", OURS, options))
        builder.compare(name, *contenders, warm=False)
        builder.row("G16", name, name, "pgqueuer", "us", fewest)
        builder.row("G16", name, name, "procrastinate", "us", None)
        builder.row("G16", name, name, "alpha", "us", 100.0)
    builder.row("G16", pair, pair, "one process", "us", 1.3)


def _processes(builder: _Builder) -> None:
    options = {"count": builder.size(10_000, 500)}
    name = "process pool, 2 workers"
    builder.compare(
        name,
        *_both("processes.scheduled", **options),
        Contender("concurrent.futures", "processes.futures", OURS, options),
        warm=False,
    )
    builder.row("G17", name, name, REFERENCE, "us", 3.0)
    builder.row("G17", name, name, "concurrent.futures", "us", 2.5)


LOOP_GOALS = {
    "stall_p50_ms": ("p50 stall", None),
    "stall_p99_ms": ("p99 stall", 1.0),
    "stall_longest_ms": ("longest stall", 1.0),
    "p50_ms": ("p50 lateness", None),
    "p99_ms": ("p99 lateness", 1.0),
    "longest_ms": ("longest lateness", None),
    "cores": ("processor time", 1.0),
}


def _loops(builder: _Builder) -> None:
    """An asyncio loop: how long it is held up, how late coroutine jobs start, what the process burns."""
    seconds = builder.size(5, 1)
    for full, quick in ((1_000, 100), (10_000, 500)):
        per_second = builder.size(full, quick)
        name = f"asyncio, {_short(per_second)} fires/s"
        options = {"per_second": per_second, "seconds": seconds}
        builder.compare(name, *_both("loops.spread", **options), warm=False)
        for metric, (what, bound) in LOOP_GOALS.items():
            builder.row("H1", f"{name}: {what}", name, REFERENCE, metric, bound, LESS)
    name = "asyncio, a store of 50 ms per statement"
    builder.compare(name, *_both("loops.slow_store", seconds=builder.size(12, 3)), warm=False)
    builder.row("H1", f"{name}: longest stall", name, (), "stall_longest_ms", 15.0, LESS)
    builder.row("H1", f"{name}: longest stall", name, REFERENCE, "stall_longest_ms", 0.1, LESS)
    builder.row("H1", f"{name}: p50 lateness", name, REFERENCE, "p50_ms", None, LESS)
    builder.row("H1", f"{name}: p99 lateness", name, REFERENCE, "p99_ms", 1.0, LESS)
