"""Taking turns: every contender of a comparison lives in a process of its own and measures when it is asked.

This machine's speed drifts within minutes, so contenders alternate, and only values of one round are divided.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

OURS = "ours"
REFERENCE = "reference"
ALPHA = "alpha"
PEERS = "peers"

Metrics = dict[str, float]


class MeasurementError(Exception):
    """A worker could not do its measurement; the message is its own."""


@dataclass(frozen=True)
class Contender:
    """What does the work: code under ``benchmarks.work``, run by the interpreter of ``environment``.

    :ivar sources: a folder whose packages come before those that are installed
    """

    name: str
    work: str
    environment: str = OURS
    options: dict[str, Any] = field(default_factory=dict)
    sources: str | None = None


@dataclass(frozen=True)
class Comparison:
    """Contenders that are measured in turns.

    :ivar warm: whether a first round is thrown away
    """

    contenders: tuple[Contender, ...]
    rounds: int
    warm: bool = True
    timeout_seconds: float = 120.0


@dataclass
class Rounds:
    """What the contenders of one comparison measured, round by round; who failed has a word about it instead."""

    values: dict[str, list[Metrics]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


class Worker:
    """The process of one contender."""

    def __init__(self, contender: Contender, python: str, timeout_seconds: float) -> None:
        self._contender = contender
        self._timeout = timeout_seconds
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.worker"],
            cwd=ROOT,
            env=_environment(contender),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def measure(self) -> Metrics:
        """Return the metrics of one measurement, made now."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"work": self._contender.work, "options": self._contender.options}
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
        except OSError as exc:
            raise MeasurementError(f"its process ended: {exc}") from exc
        if not select.select([self._process.stdout], [], [], self._timeout)[0]:
            raise MeasurementError(f"no answer within {self._timeout:g} s")
        line = self._process.stdout.readline()
        if not line:
            raise MeasurementError(f"its process ended with status {self._process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise MeasurementError(answer["error"])
        return dict(answer["metrics"])

    def close(self) -> None:
        """End the process; its state is of no further use."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


def _environment(contender: Contender) -> dict[str, str]:
    """Without Python's settings: a developer's (no compiled files, warnings) would be measured, too."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    path = contender.sources or os.environ.get("PYTHONPATH")
    # It may point at our own sources, which are none of the others' business.
    return plain | {"PYTHONPATH": path} if path and contender.environment == OURS else plain


def take_turns(comparison: Comparison, pythons: dict[str, str]) -> Rounds:
    """Measure each contender once per round, every second round in reverse order."""
    found = Rounds({contender.name: [] for contender in comparison.contenders})
    workers: dict[str, Worker] = {}
    for contender in comparison.contenders:
        python = pythons.get(contender.environment)
        if python is None:
            found.errors[contender.name] = f"no environment {contender.environment!r} here"
        else:
            workers[contender.name] = Worker(contender, python, comparison.timeout_seconds)
    try:
        for number in range(-1 if comparison.warm else 0, comparison.rounds):
            _one_round(list(workers) if number % 2 else list(workers)[::-1], workers, found, number)
    finally:
        for worker in workers.values():
            worker.close()
    return found


def _one_round(order: list[str], workers: dict[str, Worker], found: Rounds, number: int) -> None:
    for name in order:
        if name in found.errors:
            continue
        try:
            metrics = workers[name].measure()
        except MeasurementError as exc:
            found.errors[name] = str(exc)
            print(f"  {name} failed: {exc}", file=sys.stderr, flush=True)
            continue
        if number >= 0:
            found.values[name].append(metrics)
