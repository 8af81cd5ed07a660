"""What each store for one process keeps beside 3.11.3, as tests to inherit."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from plain import definitions
from plain.services import miss

HERE = Path(__file__).parent


class Place:
    """Where the jobs of one test are.

    :ivar options: keyword arguments of the store, the same for both implementations
    """

    store_class: type
    client: str
    options: dict

    def store(self, **more):
        return self.store_class(**self.options, **more)

    def raw(self):
        """Return what the server holds, each pickle as its state."""
        raise NotImplementedError

    def spoil(self, job_id: str) -> None:
        """Replace the job's pickle by bytes that are none."""
        raise NotImplementedError

    def mend(self, job_id: str) -> None:
        """Put the job's pickle back."""
        raise NotImplementedError

    def is_bare(self) -> bool:
        """Return whether the server holds nothing, not even what a store makes as it starts."""
        return not self.raw()

    def close(self) -> None:
        """Remove everything."""


class Reference:
    """3.11.3 in its own environment."""

    def __init__(self, python: Path) -> None:
        self.python = python

    def __call__(self, place: Place, action: str) -> dict:
        """Have it do something to the store of a place, and return what it holds then."""
        self._require(place.client)
        module, name = place.store_class.__module__, place.store_class.__name__
        asked = json.dumps([module, name, place.options, action])
        done = self._run([str(HERE / "reference_side.py"), asked])
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout)

    def _require(self, client: str) -> None:
        if self._run(["-c", f"import {client}"]).returncode:
            miss(f"the reference's environment has no {client}")

    def _run(self, arguments: list[str]) -> subprocess.CompletedProcess:
        return subprocess.run(
            [str(self.python), "-E", *arguments],
            cwd="/",
            capture_output=True,
            text=True,
            timeout=60,
        )


def ours(place: Place, action: str) -> dict:
    """Do the same here."""
    store = place.store()
    scheduler = definitions.paused_scheduler(store)
    try:
        if action != "read":
            getattr(definitions, action)(scheduler)
        return definitions.described(store)
    finally:
        scheduler.shutdown()


def plain_state(state: dict) -> dict:
    """Return a job's pickled state as values that compare."""
    return {
        **state,
        "trigger": repr(state["trigger"]),
        "next_run_time": str(state["next_run_time"]),
    }


class BesideReference:
    """Subclasses have fixtures ``place`` and ``other_place``: two empty places on one server."""

    def test_what_3_11_3_wrote_is_read_and_left_as_it_is(self, place, reference):
        written = reference(place, "add_all")
        before = place.raw()
        assert ours(place, "read") == written
        assert place.raw() == before

    def test_what_is_written_here_is_read_by_3_11_3(self, place, reference):
        written = ours(place, "add_all")
        assert len(written["jobs"]) == 8
        assert reference(place, "read") == written

    def test_both_write_the_same(self, place, other_place, reference):
        ours(place, "add_all")
        reference(other_place, "add_all")
        assert place.raw() == other_place.raw()

    def test_what_3_11_3_wrote_is_changed_in_place(self, place, other_place, reference):
        for each in (place, other_place):
            reference(each, "add_all")
        changed = ours(place, "change_all")
        assert reference(other_place, "change_all") == changed
        assert place.raw() == other_place.raw()
        assert reference(place, "read") == changed

    def test_what_was_written_here_is_changed_by_3_11_3(self, place, reference):
        ours(place, "add_all")
        changed = reference(place, "change_all")
        assert ours(place, "read") == changed
