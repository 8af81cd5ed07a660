"""The outside judge: a file of marks that jobs write themselves, held against the ledger and the trigger's times.

It is no part of the system it judges: one ``write`` of one line to a file opened with O_APPEND, which the kernel keeps
whole and in order, whatever is killed.
"""

from __future__ import annotations

import os
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from apscheduler._engine.instants import to_us

CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
LONGEST_LINE = 4096
EARLY = 60_000
"""So many microseconds before its fire time a start is too soon: the clocks of a store and of a host differ a little."""
NOT_STARTED = {"missed", "skipped", "coalesced", "cancelled"}


@dataclass(frozen=True)
class Mark:
    """One line: a run started or ended."""

    job: str
    fire: int
    token: int
    attempt: int
    pid: int
    phase: str
    at: int


def mark(path: str, job: str, fire: int, token: int, attempt: int, phase: str) -> None:
    """Write one line, whole."""
    at = time.clock_gettime_ns(CLOCK) // 1000
    line = f"{job} {fire} {token} {attempt} {os.getpid()} {phase} {at}\n".encode()
    assert len(line) <= LONGEST_LINE, "a mark must go to the file in one piece"
    number = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        assert os.write(number, line) == len(line)
    finally:
        os.close(number)


def read(path: str) -> list[Mark]:
    """Return the marks in the order in which they were written."""
    found = []
    for line in Path(path).read_text(encoding="ascii").splitlines():
        job, fire, token, attempt, pid, phase, at = line.split()
        found.append(Mark(job, int(fire), int(token), int(attempt), int(pid), phase, int(at)))
    return found


@dataclass
class Verdict:
    """What is wrong; all lists are empty where promises were kept."""

    doubled: list = field(default_factory=list)
    """At-most-once fire times that were started twice, at-least-once ones started twice by one owner."""
    lost: list = field(default_factory=list)
    """Fire times without a row."""
    unaccounted: list = field(default_factory=list)
    """Rows without an outcome, or with one that the marks contradict."""
    uncompleted: list = field(default_factory=list)
    """At-least-once fire times that neither completed nor failed."""
    overlapping: list = field(default_factory=list)
    """Fire times of which two runs were under way at once; at-least-once jobs allow it, so it is no fault in itself."""
    early: list = field(default_factory=list)
    """Fire times that were started before they were due, by this machine's true clock."""
    fires: int = 0
    started: int = 0
    finished: int = 0
    outcomes: Counter = field(default_factory=Counter)

    @property
    def clean(self) -> bool:
        return not (self.doubled or self.lost or self.unaccounted or self.uncompleted or self.early)

    def __str__(self) -> str:
        lines = [f"{self.fires} fires, {self.started} starts, {dict(self.outcomes)}"]
        for name in ("doubled", "lost", "early", "unaccounted", "uncompleted", "overlapping"):
            found = getattr(self, name)
            if found:
                lines.append(f"{len(found)} {name}: {found[:5]}")
        return "; ".join(lines)


def judge(marks, rows, expected, delivery, unplanned=frozenset()) -> Verdict:
    """Hold the marks and the ledger against the fire times that the triggers give.

    :param rows: with job_id, fire_time, outcome, count, last_fire_time
    :param expected: fire times (microseconds) by job
    :param delivery: by job, "at_most_once" or "at_least_once"
    :param unplanned: jobs whose edits may pass over fire times, so that none is expected of them
    """
    verdict = Verdict(fires=sum(len(each) for each in expected.values()))
    starts: dict[tuple, list[int]] = defaultdict(list)
    ends: Counter = Counter()
    for each in marks:
        if each.phase == "start":
            starts[each.job, each.fire].append(each.token)
        else:
            ends[each.job, each.fire] += 1
    verdict.started = sum(len(tokens) for tokens in starts.values())
    verdict.finished = sum(ends.values())
    for (job, fire), tokens in starts.items():
        once = delivery.get(job) != "at_least_once"
        if len(tokens) > 1 and (once or len(set(tokens)) < len(tokens)):
            verdict.doubled.append((job, fire, tokens))
    verdict.overlapping = _overlapping(marks)
    verdict.early = _early(marks)
    accounted = _accounted(rows, expected, verdict)
    known = {(job, fire) for job, fires in expected.items() for fire in fires}
    verdict.lost.extend(
        (job, fire)
        for job, fires in expected.items()
        for fire in fires
        if (job, fire) not in accounted
    )
    verdict.unaccounted.extend(
        (job, fire, "started, not expected")
        for job, fire in starts
        if (job, fire) not in known and job not in unplanned
    )
    for (job, fire), outcome in accounted.items():
        problem = _contradiction(outcome, starts[job, fire], ends[job, fire])
        if problem:
            verdict.unaccounted.append((job, fire, problem))
        if delivery.get(job) == "at_least_once" and outcome == "lost":
            verdict.uncompleted.append((job, fire, outcome))
    return verdict


def _early(marks) -> list[tuple[str, int]]:
    """Return the fire times of starts that came too soon; a mark's clock is one that nobody sets."""
    boot_to_wall = (time.time_ns() - time.clock_gettime_ns(CLOCK)) // 1000
    starts = (each for each in marks if each.phase == "start")
    return [(each.job, each.fire) for each in starts if each.at + boot_to_wall < each.fire - EARLY]


def _overlapping(marks) -> list[tuple[str, int]]:
    """Return the fire times of which a run ended after another one had started; a run without an end died."""
    latest: dict[tuple, int] = {}
    found: dict[tuple, None] = {}
    for number, each in enumerate(marks):
        fire, run = (each.job, each.fire), (each.token, each.attempt, each.pid)
        if each.phase == "start":
            latest[fire] = latest[fire, run] = number
        elif latest.get((fire, run), latest.get(fire)) != latest.get(fire):
            found[fire] = None
    return list(found)


def _accounted(rows, expected, verdict) -> dict[tuple[str, int], str | None]:
    """Return the outcome of each fire time that has a row; two rows for one are a fault."""
    found: dict[tuple[str, int], str | None] = {}
    for row in rows:
        first = to_us(row.fire_time)
        outcome = None if row.outcome is None else str(row.outcome)
        verdict.outcomes[outcome] += row.count
        fires = [first]
        if row.count > 1:
            last = to_us(row.last_fire_time)
            fires = [fire for fire in expected.get(row.job_id, ()) if first <= fire <= last]
        for fire in fires:
            if (row.job_id, fire) in found:
                verdict.unaccounted.append((row.job_id, fire, "two rows"))
            found[row.job_id, fire] = outcome
    return found


def _contradiction(outcome: str | None, tokens: list[int], ended: int) -> str | None:
    if outcome is None:
        return "no outcome"
    if outcome == "executed" and not ended:
        return "executed, but never ended"
    if outcome in NOT_STARTED and tokens:
        return f"{outcome}, but started"
    if outcome == "lost" and ended and not tokens:
        return "ended without a start"
    return None
