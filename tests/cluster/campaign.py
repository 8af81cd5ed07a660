"""Fault campaigns: one cluster goes on all the time, while processes that join it are killed or stopped.

``python -m cluster.campaign postgresql 10000`` (see ``dev.py test --long``) kills so many and writes what came of it.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

from cluster.disturbances import STORM, Disturbances
from cluster.processes import Cluster, Worker, end_all
from databases import SHARED, Place

LEASE = 2.0
POINTS = (
    *("join.begin", "join.written", "join.committed"),
    *("claim.read", "claim.planned", "claim.begun", "claim.settled", "claim.locked"),
    *("claim.inserted", "claim.moved", "claim.checked", "claim.committed"),
    *("run.starting", "run.ended"),
    *("settle.begun", "settle.written", "settle.committed"),
    *("beat.begin", "beat.written", "beat.committed"),
    *("reap.begun", "reap.locked", "reap.closed", "reap.checked", "reap.committed"),
    *("free.begun", "free.taken", "free.committed"),
)
"""Every named point between two steps of the protocol."""
LEAVING = ("run.starting", "run.ended", "claim.committed", "settle.begun")
TAKING = tuple(point for point in POINTS if point.startswith("free."))
"""Points that a scheduler comes to only while somebody's runs are free."""


class Campaign:
    """A cluster with steady workers, and victims that come and go."""

    def __init__(
        self, place, folder: Path, *, steady: int = 2, jobs: int = 12, seed: int = 0
    ) -> None:
        self.dice = random.Random(seed)
        self.cluster = Cluster(place, folder, lease=LEASE, options={"poll_interval": 0.2})
        for number in range(jobs):
            often = {"seconds": 1} if number % 3 else {"seconds": 0.25}
            delivery = "at_least_once" if number % 2 else "at_most_once"
            self.cluster.add(f"{delivery}-{number}", delivery=delivery, max_instances=3, **often)
        self.cluster.add("slow", args=(self.cluster.log, 0.3), seconds=1)
        self.steady = self.cluster.start_all(steady)
        self.disturbances = Disturbances(self)
        self.killed = 0
        self.stopped = 0
        self.reached: dict[str, int] = dict.fromkeys(POINTS, 0)

    def victim(self, **told) -> Worker:
        return self.cluster.start(**told)

    def forget_dead(self) -> None:
        """Drop workers that are gone, of which there are thousands in a long campaign."""
        self.cluster.workers[:] = [each for each in self.cluster.workers if not each.is_dead]

    def kill_at(self, points, *, patience: float, after: int | None = None) -> None:
        """Let one victim per point run into it, all at a time; who never comes to it is killed anyway.

        :param patience: seconds without a death, once all of them schedule
        """
        victims = {
            point: self.victim(point=point, after=after or self.dice.choice((1, 1, 2, 3, 5)))
            for point in points
        }
        for each in victims.values():
            each.wait_ready()
        dead, since = 0, time.monotonic()
        while dead < len(victims) and time.monotonic() - since < patience:
            time.sleep(0.02)
            now_dead = sum(each.is_dead for each in victims.values())
            if now_dead > dead:
                dead, since = now_dead, time.monotonic()
        for point, each in victims.items():
            self.reached[point] += each.was_killed
            each.kill()
            self.killed += each.was_killed
        self.forget_dead()

    def kill_while_taking_over(self) -> None:
        """Cut runs in the middle, which leaves some free, and kill those that take them."""
        self.kill_at(LEAVING, patience=1.0, after=1)
        self.kill_at(TAKING, patience=2.5, after=1)

    def stop_at(self, points, *, patience: float, seconds: float) -> None:
        """Stop one victim at each point for longer than its lease, let all go on, and end them."""
        victims = [self.victim(point=point, action="stop") for point in points]
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and not all(each.is_stopped for each in victims):
            time.sleep(0.02)
        for each, point in zip(victims, points, strict=True):
            self.reached[point] += each.is_stopped
            self.stopped += each.is_stopped
        time.sleep(seconds)
        for each in victims:
            each.signal(signal.SIGCONT)
        time.sleep(1.0)
        end_all(victims)
        self.forget_dead()

    def kill_by_chance(self, count: int) -> None:
        """Kill so many at random moments, steady ones among them."""
        for _ in range(count):
            if self.dice.random() < 0.1:
                one = self.dice.choice(self.steady)
                one.kill()
                self.steady[self.steady.index(one)] = self.victim()
            else:
                one = self.victim()
                time.sleep(self.dice.random() * 0.4)
                one.kill()
            self.killed += one.was_killed
        self.forget_dead()

    def kill_many_by_chance(self, count: int) -> None:
        """Kill so many, several at a time, each at a random point or moment."""
        victims = [
            self.victim(chance=0.02, seed=self.dice.randrange(1 << 30)) for _ in range(count)
        ]
        deadline = time.monotonic() + 0.1 + self.dice.random()
        while time.monotonic() < deadline and not all(each.is_dead for each in victims):
            time.sleep(0.02)
        for each in victims:
            each.kill()
        self.killed += sum(each.was_killed for each in victims)
        self.forget_dead()

    def verdict(self):
        """Come to rest and judge."""
        until = self.cluster.rest(seconds=120)
        end_all(self.cluster.workers)
        return self.cluster.verdict(until, unplanned={STORM})

    def close(self) -> None:
        self.cluster.close()
        self.disturbances.close()


def run(kind: str, kills: int, seed: int, folder: Path, minutes: float = 600.0) -> dict:
    """Run a long campaign, at most so many minutes, and return its report."""
    place = Place(kind, folder)
    campaign = Campaign(place, folder, seed=seed)
    began = time.monotonic()
    try:
        while campaign.killed < kills and time.monotonic() - began < minutes * 60:
            kind_of = campaign.dice.random()
            if kind_of < 0.08:
                campaign.disturbances.choose()
            elif kind_of < 0.2:
                points = campaign.dice.choices(POINTS, k=6)
                campaign.kill_at(tuple(dict.fromkeys(points)), patience=2.0)
            elif kind_of < 0.22:
                campaign.kill_while_taking_over()
            elif kind_of < 0.985:
                campaign.kill_many_by_chance(12)
            else:
                points = campaign.dice.choices(POINTS, k=4)
                campaign.stop_at(tuple(dict.fromkeys(points)), patience=1.0, seconds=LEASE + 0.5)
            print(f"\r{kind}: {campaign.killed} kills", end="", file=sys.stderr, flush=True)
        verdict = campaign.verdict()
    finally:
        campaign.close()
        place.close()
    return {
        "store": kind,
        "seed": seed,
        "seconds": round(time.monotonic() - began),
        "kills": campaign.killed,
        "stops": campaign.stopped,
        "disturbances": campaign.disturbances.made,
        "points": campaign.reached,
        "fires": verdict.fires,
        "starts": verdict.started,
        "outcomes": dict(verdict.outcomes),
        "lost": len(verdict.lost),
        "early": len(verdict.early),
        "doubled": len(verdict.doubled),
        "unaccounted": len(verdict.unaccounted),
        "uncompleted": len(verdict.uncompleted),
        "verdict": str(verdict),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", choices=SHARED)
    parser.add_argument("kills", type=int)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--minutes", type=float, default=600.0)
    parser.add_argument("--report", help="a file to which the report is added, one JSON line")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = run(given.store, given.kills, given.seed, Path(folder), given.minutes)
    line = json.dumps(report)
    print("\n" + line)
    if given.report:
        with Path(given.report).open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    faults = ("early", "lost", "doubled", "unaccounted", "uncompleted")
    return int(any(report[name] for name in faults))


if __name__ == "__main__":
    sys.exit(main())
