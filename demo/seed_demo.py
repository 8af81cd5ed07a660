"""Runs the seed document's complete example as it stands, says what the ledger knows of it, then shows what is special.

The example runs until Ctrl-C, twice: once on threads, once on worker processes. So this script presses
Ctrl-C twice, and looks at each scheduler just before.
"""

from __future__ import annotations

import io
import os
import re
import signal
import sys
import tempfile
import textwrap
import threading
import time
import types
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(
    0, str(Path(__file__).resolve().parent.parent)
)  # where the script is started by its path
from demo import special

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

DOCUMENT = Path(__file__).resolve().parent.parent / "tests/data/seed-blocking-scheduler.md"
# Runs come every five seconds: one on threads, one on processes.
THREADS_SECONDS = 5.4
PROCESSES_SECONDS = 5.8
AGAIN_SECONDS = 0.7
WIDTH = 80


def complete_example() -> str:
    """Return the last and longest Python block of the seed document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    blocks: list[str] = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return max(blocks, key=len)


@dataclass
class Presser:
    """Presses Ctrl-C for the person, once per part of the example, and looks at the scheduler before."""

    namespace: dict[str, Any]
    seconds: Sequence[float]
    reports: list[str] = field(default_factory=list)
    failure: Exception | None = None
    pressing: bool = False
    by_person: bool = False
    stopped: threading.Event = field(default_factory=threading.Event)
    """Set when the person pressed Ctrl-C, or when the example has ended."""
    ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Look and press; whatever happens to it, the example is ended."""
        try:
            self.accompany()
        except Exception as error:  # noqa: BLE001 - main() raises it, when the example has ended
            self.failure = error
            self.stopped.set()
        # The example swallows its first Ctrl-C, so a person's may have to be pressed again.
        while not self.ended.wait(AGAIN_SECONDS):
            self.press()

    def accompany(self) -> None:
        """Say what runs, and press Ctrl-C after each part."""
        titles = ("worker threads", "worker processes")
        for title, seconds in zip(titles, self.seconds, strict=True):
            heading(f"The README's example on {title}, for {seconds:.0f} s (Ctrl-C ends the demo)")
            self.stopped.wait(seconds)
            self.look(title)
            if self.stopped.is_set():
                break
            self.press()

    def look(self, title: str) -> None:
        try:
            self.reports.append(f"On {title}\n\n{report(self.namespace.get('scheduler'))}")
        except Exception as error:  # noqa: BLE001 - main() raises it, when the example has ended
            self.failure = error

    def press(self) -> None:
        """Interrupt the main thread as Ctrl-C does."""
        self.pressing = True
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def interrupted(self, *_: object) -> None:
        """Take a SIGINT: raise as Python does, and note whose it was."""
        if not self.pressing:
            self.by_person = True
            self.stopped.set()
        self.pressing = False
        raise KeyboardInterrupt


def heading(text: str) -> None:
    print(f"\n── {text}\n", flush=True)


def report(scheduler: Any) -> str:
    """Return what a scheduler's ledger knows of each job, in sentences of 80 columns."""
    if scheduler is None:
        return "There is no scheduler yet."
    runs = scheduler.get_runs()
    told = [
        sentence(job, [run for run in runs if run.job_id == job.id]) for job in jobs_of(scheduler)
    ]
    return "\n".join(told) or "There is no job."


def jobs_of(scheduler: Any) -> list[Any]:
    jobs: list[Any] = scheduler.get_jobs()
    return jobs


def sentence(job: Any, runs: Sequence[Any]) -> str:
    """Return what became of a job's fire times, each outcome that is no success with its reason."""
    counts = Counter(str(run.outcome or "running") for run in runs)
    summary = ", ".join(f"{outcome} {count}" for outcome, count in sorted(counts.items()))
    parts = [f"{job.name}, {job.trigger}: {summary or 'no run has ended yet'}"]
    if runs:
        parts.append(f"last at {clock(max(run.fire_time for run in runs))}")
    parts.append(f"next at {clock(job.next_run_time)}" if job.next_run_time else "paused")
    reasons = dict.fromkeys(str(run.reason or run.error) for run in runs if run.reason or run.error)
    return textwrap.fill(
        "; ".join([*parts, *reasons]) + ".", WIDTH, subsequent_indent="    ", break_on_hyphens=False
    )


def clock(moment: datetime) -> str:
    return f"{moment:%H:%M:%S}"


def run_as_main(source: str, folder: str) -> types.ModuleType:
    """Return a module that worker processes find as the script they belong to, ready to be run."""
    script = Path(folder, "seed_example.py")
    script.write_text(source, encoding="utf-8")
    module = types.ModuleType("__main__")
    module.__file__ = str(script)
    sys.modules["__main__"] = module
    return module


def main(seconds: Sequence[float] = (THREADS_SECONDS, PROCESSES_SECONDS)) -> int:
    """Run the example, press Ctrl-C at its two waits, and show what was seen."""
    began = time.monotonic()
    source = complete_example()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        victim = special.begin(folder)
        module = run_as_main(source, folder)
        presser = Presser(module.__dict__, seconds)
        try:
            press_until_ended(presser, compile(source, str(module.__file__), "exec"))
            for text in presser.reports:
                heading(text)
            if presser.failure:
                raise presser.failure
            if not presser.by_person:
                heading("What is special")
                special.show(folder, victim)
        except KeyboardInterrupt:
            print("\nInterrupted.")
        finally:
            victim.kill()
            victim.wait()
    print(f"\nThe demo took {time.monotonic() - began:.0f} s.")
    return 0


def press_until_ended(presser: Presser, example: types.CodeType) -> None:
    """Run the example in this thread while the presser does in another."""
    before = signal.signal(signal.SIGINT, presser.interrupted)
    thread = threading.Thread(target=presser.run, name="presser", daemon=True)
    thread.start()
    try:
        exec(example, presser.namespace)  # noqa: S102 - running the document is the demo's point
    except KeyboardInterrupt:
        presser.stopped.set()
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        presser.ended.set()
        thread.join()
        signal.signal(signal.SIGINT, before)


def bear_any_encoding() -> None:
    """Show what a terminal's encoding has not as question marks, here and in worker processes, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    os.environ["PYTHONIOENCODING"] = f"{sys.stdout.encoding}:replace"


if __name__ == "__main__":
    bear_any_encoding()
    sys.exit(main())
