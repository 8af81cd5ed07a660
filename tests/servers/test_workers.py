"""One application in several workers of real web servers: what runs where, and what is said about it."""

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
WARNING = "A scheduler of this application runs in process"


@pytest.fixture
def start(tmp_path):
    servers = []

    def started(*arguments, **told):
        servers.append(Server(arguments[0], tmp_path, *arguments[1:], **told))
        return servers[-1]

    yield started
    for each in servers:
        each.end()


@pytest.fixture
def postgresql(tmp_path):
    place = Place("postgresql", tmp_path)
    yield place
    place.close()


def shared(place, lease=3):
    return {"url": place.url, "table": place.table, "lease": lease, "job": 1}


def doubled(marks):
    fires = [each.fire for each in marks if each.phase == "start"]
    return len(fires) - len(set(fires))


# -- jobs in memory ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("server", "told"),
    [
        (("gunicorn",), {}),
        (("uvicorn",), {"start": "lifespan"}),
        (("uwsgi", "--enable-threads", "--lazy-apps"), {}),
    ],
    ids=["gunicorn", "uvicorn", "uwsgi"],
)
def test_a_second_worker_with_jobs_in_memory_is_warned_about_once(start, server, told):
    running = start(*server, job=1, **told)
    workers = running.workers(2)
    assert all(each["running"] and each["leader"] for each in workers.values())
    running.wait_until(lambda: WARNING in running.said(), "warning")
    lines = [line for line in running.said().splitlines() if WARNING in line]
    assert len(lines) == 1
    named = int(lines[0].partition(WARNING)[2].split()[0])
    warned = int(lines[0].split()[0])
    assert {named, warned} == set(workers)


def test_preloaded_by_gunicorn_it_runs_in_the_master_and_the_workers_say_so(start):
    running = start("gunicorn", "--preload", job=1)
    workers = running.workers(2)
    assert [(each["running"], each["state"]) for each in workers.values()] == [(False, 0)] * 2
    assert {each.pid for each in running.wait_for_runs(3)} == {running.process.pid}
    assert WARNING not in running.said()


@pytest.mark.trap(77)
def test_uwsgi_without_threads_refuses_the_start_and_says_how(start):
    running = start("uwsgi", "--lazy-apps", job=1)
    running.wait_until(lambda: "--enable-threads" in running.said(), "refusal")
    assert "RuntimeError: uWSGI runs this application with threads disabled" in running.said()
    assert running.marks() == []


@pytest.mark.trap(76)
def test_a_fork_of_uwsgi_that_python_is_not_told_of_leaves_no_worker_that_claims_to_run(start):
    running = start("uwsgi", "--enable-threads", job=1)
    workers = running.workers(2)
    assert [(each["running"], each["state"]) for each in workers.values()] == [(False, 0)] * 2
    assert not {each.pid for each in running.marks()} & set(workers)


def test_under_flasks_reloader_the_watching_process_is_named(start):
    running = start("flask", "--reload", job=1)
    running.wait_until(lambda: WARNING in running.said(), "warning")
    assert "WERKZEUG_RUN_MAIN is 'true'" in running.said()


def test_flasks_reloader_with_the_documented_condition_runs_one_scheduler(start):
    running = start("flask", "--reload", job=1, start="true")
    (serving,) = running.workers(1)
    assert {each.pid for each in running.wait_for_runs(3)} == {serving}
    assert WARNING not in running.said()


# -- a store that they share -----------------------------------------------------------------------


@pytest.mark.trap(76)
def test_a_store_that_was_in_use_before_gunicorn_forked_shares_nothing_with_the_master(
    start, postgresql
):
    running = start("gunicorn", "--preload", **shared(postgresql), start="import and post_fork")
    workers = running.workers(2)
    assert all(each["running"] for each in workers.values())
    looking = postgresql.store()
    nodes = "SELECT pid, name, epoch FROM {t}_nodes"
    running.wait_until(lambda: len(postgresql.rows(nodes)) == 3, "three nodes")
    rows = postgresql.rows(nodes)
    assert {row.pid for row in rows} == {*workers, running.process.pid}
    assert all(f"-{row.pid}-" in row.name for row in rows)
    assert len({row.epoch for row in rows}) == 3
    held = {row.pid: row.epoch for row in rows}
    running.wait_for_runs(15)
    victim = max(workers)
    os.kill(victim, signal.SIGKILL)  # a death says nothing on anybody's socket
    running.workers(2)
    marks = running.wait_for_runs(10, since=len(running.marks()))
    assert doubled(running.marks()) == 0
    assert victim not in {each.pid for each in marks}
    kept = {row.pid: row.epoch for row in postgresql.rows(nodes) if row.pid in held}
    assert all(held[pid] == epoch for pid, epoch in kept.items()), "a lease was lost"
    assert "could not" not in running.said()
    assert "no answer" not in running.said()
    looking.engine.dispose()


# -- one leader --------------------------------------------------------------------------------------


def one_leader(workers):
    return len([each for each in workers.values() if each["leader"]]) == 1


def assert_taken_over(running, lock_seconds):
    """Kill the leader; another one leads within the promised time, and no two ever ran at once."""
    workers = running.workers(2)
    running.wait_until(lambda: one_leader(running.workers(2)), "leader")
    assert all(each["running"] for each in workers.values())
    (leader,) = {each.pid for each in running.wait_for_runs(3)}
    killed_at = running.marks()[-1].at
    os.kill(leader, signal.SIGKILL)
    marks = running.wait_until(
        lambda: [each for each in running.marks() if each.pid != leader], "takeover"
    )
    assert marks[0].at - killed_at < (lock_seconds + 10) * 1_000_000
    running.wait_for_runs(3, since=len(running.marks()))
    order = [each.pid for each in running.marks()]
    assert order == [leader] * order.count(leader) + [marks[0].pid] * order.count(marks[0].pid)
    assert WARNING not in running.said()


def test_of_gunicorns_workers_the_holder_of_a_file_leads_and_another_takes_over(start, tmp_path):
    running = start("gunicorn", job=1, leader_lock=tmp_path / "leader")
    assert_taken_over(running, 1)
    assert oct((tmp_path / "leader").stat().st_mode & 0o777) == "0o600"


def test_of_uvicorns_workers_the_holder_of_the_stores_lock_leads_and_another_takes_over(
    start, postgresql
):
    running = start(
        "uvicorn", **shared(postgresql, lease=2), leader_lock="default", start="lifespan"
    )
    assert_taken_over(running, 2 * 2)
    assert doubled(running.marks()) == 0
