"""This build beside an earlier one: are the lines of the table that it has still as fast?

Both take turns in one run, many times. "Not slower" means that the interval of the median ratio reaches 0.97.
"""

from __future__ import annotations

import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import comb
from pathlib import Path

from benchmarks.goals import Plan
from benchmarks.measuring import OURS, ROOT, Comparison, Rounds, take_turns

ROUNDS = 15
WANTED = 0.97
_CONFIDENCE = 0.95


def compare(chosen: Plan, revision: str, python: str, rounds: int) -> int:
    """Print a line per measured metric; return how many are slower than before."""
    slower = 0
    print(
        f"this build beside {revision}: how many times as fast, {max(rounds, ROUNDS)} rounds",
        flush=True,
    )
    with sources_of(revision) as sources:
        for name, comparison in chosen.comparisons.items():
            metrics = {row.metric for row in chosen.rows if row.comparison == name}
            for pair in pairs(comparison, sources, rounds):
                measured = in_both_orders(pair, python)
                for line, is_slower in lines(name, measured, sorted(metrics)):
                    slower += is_slower
                    print(line, flush=True)
    return slower


def in_both_orders(pair: Comparison, python: str) -> Rounds:
    """Measure a pair in two halves: in each half another one of the two is started first.

    The process that fills its memory first has the better memory. With a million jobs it lists them a tenth faster than
    the same build that is filled second.
    """
    half = replace(pair, rounds=-(-pair.rounds // 2))
    found = take_turns(half, {OURS: python})
    later = take_turns(replace(half, contenders=half.contenders[::-1]), {OURS: python})
    for name, values in later.values.items():
        found.values[name].extend(values)
    found.errors.update(later.errors)
    return found


def pairs(comparison: Comparison, sources: str, rounds: int) -> Iterator[Comparison]:
    """Return a comparison for each contender that is ours: it, and the same work by the earlier build."""
    for contender in comparison.contenders:
        if contender.environment == OURS and not contender.work.startswith("limits."):
            now = replace(contender, name="now")
            before = replace(contender, name="before", sources=sources)
            yield replace(comparison, contenders=(now, before), rounds=max(rounds, ROUNDS))


@contextmanager
def sources_of(revision: str) -> Iterator[str]:
    """Enter a folder with the sources of an earlier commit."""
    with tempfile.TemporaryDirectory() as folder:
        archived = subprocess.run(
            ["git", "archive", revision, "src"], cwd=ROOT, check=True, capture_output=True
        )
        subprocess.run(["tar", "-x", "-C", folder], input=archived.stdout, check=True)
        yield str(Path(folder, "src"))


def lines(name: str, measured: Rounds, metrics: list[str]) -> Iterator[tuple[str, bool]]:
    """Return a line per metric, and whether it is slower than before; of all metrics less is better."""
    if measured.errors:
        yield f"{name}: not measured, {measured.errors}", True
        return
    for metric in metrics:
        both = zip(measured.values["now"], measured.values["before"], strict=True)
        found = [(now[metric], before[metric]) for now, before in both if metric in now]
        ratios = sorted(before / now for now, before in found if now and before)
        if metric == "delivered" or not ratios:
            continue
        low, high = interval(ratios)
        is_slower = high < WANTED
        verdict = "SLOWER" if is_slower else "ok"
        middle = statistics.median(ratios)
        yield f"{name}, {metric}: {middle:.3f} [{low:.3f}, {high:.3f}] {verdict}", is_slower


def interval(ratios: list[float]) -> tuple[float, float]:
    """Return the 95 % interval of the median, by the order of the values alone (sorted)."""
    count, left, outside = len(ratios), 0, 0.0
    while left < (count - 1) // 2:
        outside += 2 * comb(count, left) / 2**count
        if outside > 1 - _CONFIDENCE:
            break
        left += 1
    at = max(left - 1, 0)
    return ratios[at], ratios[count - 1 - at]
