"""Real web servers that are told to end: what is known is in the ledger, nothing is held, the node has signed off."""

from __future__ import annotations

import os
import signal
import sys

import pytest
from databases import Place
from servers.running import Server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(sys.platform == "win32", reason="these servers fork"),
]

RUNNING = 1
HOOK, NOBODY = {"end": "hook"}, {"end": "nobody"}


@pytest.fixture
def started(tmp_path):
    servers, places = [], []

    def start(kind, server, *arguments, workers=1, **told):
        place = Place(kind, tmp_path)
        places.append(place)
        told = {"url": place.url, "table": place.table, "lease": 30, "job": 1, **told}
        servers.append(Server(server, tmp_path, *arguments, workers=workers, **told))
        return servers[-1], place

    yield start
    for each in servers:
        each.end()
    for each in places:
        each.close()


def nodes(place):
    return [row.pid for row in place.rows("SELECT pid FROM {t}_nodes")]


def unaccounted(running, place):
    """Return the runs that ended by the marks they made, and whose row does not say so."""
    states = {row.fire_us: row.state for row in place.rows("SELECT fire_us, state FROM {t}_runs")}
    ended = {each.fire for each in running.marks() if each.phase == "end"}
    return [fire for fire in ended if states.get(fire, 0) <= RUNNING], [
        fire for fire, state in states.items() if state == RUNNING
    ]


@pytest.mark.parametrize(
    ("kind", "server", "told"),
    [
        ("sqlite", ("gunicorn",), {}),
        ("postgresql", ("gunicorn",), {}),
        ("postgresql", ("gunicorn", "--threads", "2"), {}),
        ("sqlite", ("uvicorn",), {"start": "lifespan", **HOOK}),
        ("postgresql", ("uvicorn",), {"start": "lifespan", **HOOK}),
        ("postgresql", ("sanic",), {"start": "listener", **HOOK}),
        ("sqlite", ("sanic",), {"start": "listener", **NOBODY}),
        ("sqlite", ("hypercorn",), NOBODY),
        ("sqlite", ("granian", "--interface", "asgi"), HOOK),
        ("sqlite", ("granian", "--interface", "wsgi"), {}),
        ("sqlite", ("robyn",), {"workers": 2}),
    ],
    ids=lambda each: (
        "-".join(each)
        if isinstance(each, tuple)
        else each
        if isinstance(each, str)
        else each.get("end", "")
    ),
)
def test_a_server_that_is_told_to_end_leaves_nothing_behind(started, kind, server, told):
    running, place = started(kind, *server, **told)
    running.wait_for_runs(4)
    running.process.terminate()
    running.process.wait(60)
    assert unaccounted(running, place) == ([], [])
    assert nodes(place) == [], running.said()


def test_uvicorn_without_a_hook_dies_of_the_signal_and_leaves_no_seam(started):
    """As documented: its node is found dead."""
    running, place = started("sqlite", "uvicorn", start="import", **NOBODY)
    running.wait_for_runs(4)
    running.process.terminate()
    assert running.process.wait(60) == -signal.SIGTERM
    assert len(nodes(place)) == 1


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_gunicorn_worker_that_has_had_its_requests_signs_off_and_the_next_one_goes_on(
    started, kind
):
    running, place = started(kind, "gunicorn", "--max-requests", "2")
    (first,) = running.workers(1)
    running.wait_for_runs(3)
    running.wait_until(
        lambda: (said := running.status()) is not None and said["pid"] != first, "another worker"
    )
    running.wait_until(lambda: first not in nodes(place), "sign-off")
    running.wait_for_runs(3, since=len(running.marks()))
    running.process.terminate()
    running.process.wait(60)
    assert unaccounted(running, place) == ([], [])


def test_of_robyns_processes_the_parent_runs_the_jobs(started):
    running, place = started("sqlite", "robyn", workers=2)
    running.wait_for_runs(3)
    assert {each.pid for each in running.marks()} == set(nodes(place)) == {running.process.pid}


def test_where_sanics_workers_only_re_import_the_program_start_does_nothing(started):
    running, _ = started("sqlite", "sanic", start="import", end="nobody", job=1)
    running.wait_for_runs(2)
    assert {each.pid for each in running.marks()} == {running.process.pid}
    assert os.getpid() != running.process.pid
