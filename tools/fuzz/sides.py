"""The two implementations, each in a process that plays one program after another."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any, Self

from tools import ROOT, TESTED

if TYPE_CHECKING:
    from pathlib import Path

_START = "import sys; sys.path[:0] = sys.argv[1:]; from play.player import main; main()"
PLAYED_BY_ONE = 2000
"""The number of programs after which a process is made anew."""


class Side:
    """One implementation.

    :param python: the interpreter of its environment
    :param paths: what is put before that environment's own packages
    """

    def __init__(self, python: Path | str, *paths: Path) -> None:
        here = ROOT / "tools" / "fuzz"
        self.command = [str(python), "-E", "-c", _START, str(here), *(str(path) for path in paths)]
        self.process: subprocess.Popen[str] | None = None
        self.played = 0

    def send(self, program: dict[str, Any]) -> None:
        if self.process is not None and self.played >= PLAYED_BY_ONE:
            self.close()
        if self.process is None:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                env=os.environ | {"TZ": "Europe/Berlin", "PYTHONHASHSEED": "0"},
            )
            self.played = 0
        self.played += 1
        assert self.process.stdin is not None  # noqa: S101 - a pipe was asked for
        self.process.stdin.write(json.dumps(program) + "\n")
        self.process.stdin.flush()

    def receive(self) -> list[Any]:
        """Return the trace of the program that was sent last; a process that died leaves a short one."""
        assert self.process is not None  # noqa: S101 - send() came first
        assert self.process.stdout is not None  # noqa: S101 - a pipe was asked for
        line = self.process.stdout.readline()
        if not line:
            status = self.process.wait()
            self.close()
            return [["died", status]]
        trace: list[Any] = json.loads(line)
        if trace[-1:] == [["hang"]]:  # cut off anywhere, maybe with a lock of the standard library
            self.process.kill()
            self.close()
        return trace

    def close(self) -> None:
        if self.process is not None:
            self.process.communicate()
            self.process = None


class Both:
    """3.11.3 and ours."""

    def __init__(self, reference: Path | str, ours: Path | str) -> None:
        self.sides = (Side(reference), Side(ours, TESTED))

    def play(self, program: dict[str, Any]) -> tuple[list[Any], list[Any]]:
        """Return 3.11.3's trace of a program, and ours."""
        for side in self.sides:
            side.send(program)
        theirs, ours = (side.receive() for side in self.sides)
        return theirs, ours

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for side in self.sides:
            side.close()
