"""Processes killed and stopped at every named point, servers restarted, replies dropped: nothing doubled, nothing lost.

These are the short forms; ``dev.py test --long`` kills thousands (docs/explanation/reliability.md).
"""

from __future__ import annotations

import time

import pytest
from cluster.campaign import LEASE, POINTS, Campaign
from cluster.processes import Cluster
from cluster.support.proxy import Proxy
from cluster.support.servers import MariaDBServer, PostgresServer, require
from databases import SERVERS, SHARED, Place, PlaceOn
from sqlalchemy.engine import make_url

pytestmark = [pytest.mark.serial, pytest.mark.slow, pytest.mark.timeout(300)]

SERVER_OF = {"postgresql": PostgresServer, "mariadb": MariaDBServer}
GROUP = 9


@pytest.mark.parametrize("kind", SHARED)
def test_processes_killed_and_stopped_at_every_point_double_and_lose_nothing(kind, tmp_path):
    place = Place(kind, tmp_path)
    campaign = Campaign(place, tmp_path, seed=5)
    try:
        for begin in range(0, len(POINTS), GROUP):
            campaign.kill_at(POINTS[begin : begin + GROUP], patience=3.0, after=1)
        campaign.stop_at(
            ("claim.moved", "claim.committed", "run.starting", "settle.begun", "beat.begin"),
            patience=3.0,
            seconds=LEASE + 1,
        )
        campaign.kill_by_chance(10)
        verdict = campaign.verdict()
    finally:
        campaign.close()
        place.close()
    assert verdict.clean, str(verdict)
    assert verdict.outcomes["executed"] > 20
    never = [point for point in POINTS if not campaign.reached[point]]
    assert len(never) <= 12, f"too few points were reached: not {never}"


def lines_of_trouble(cluster) -> list[str]:
    lines = (line for each in cluster.workers for line in each.errors.read_text().splitlines())
    return [line for line in lines if " apscheduler." in line]


@pytest.mark.parametrize("kind", SERVERS)
def test_after_a_restart_of_the_server_scheduling_goes_on_within_five_seconds(kind, tmp_path):
    require(SERVER_OF[kind])
    with SERVER_OF[kind]() as server:
        place = PlaceOn(kind, server.url)
        cluster = Cluster(place, tmp_path)
        try:
            for number in range(5):
                cluster.add(f"job-{number}", seconds=0.5)
            cluster.start_all(2)
            cluster.wait_until(lambda: len(cluster.marks()) > 10)
            server.stop("immediate")
            time.sleep(3)  # what is tested is being without a server for a while
            server.start()
            back = time.monotonic()
            seen = len(cluster.marks())
            cluster.wait_until(lambda: len(cluster.marks()) > seen + 10, 15)
            took = time.monotonic() - back
            until = cluster.rest()
            cluster.end()
            verdict = cluster.verdict(until)
            trouble = lines_of_trouble(cluster)
        finally:
            cluster.close()
    assert verdict.clean, str(verdict)
    assert took < 5, f"it took {took:.1f} s"
    assert set(verdict.outcomes) <= {"executed", "coalesced", "skipped"}, str(verdict)
    assert 1 <= len(trouble) <= 2 * 8, "\n".join(trouble)


@pytest.mark.parametrize("kind", SERVERS)
def test_dropped_answers_to_commits_double_and_lose_nothing(kind, tmp_path):
    shared = Place(kind, tmp_path)
    address = make_url(shared.url)
    with Proxy(address.host, address.port) as proxy:
        through = address.set(host="127.0.0.1", port=proxy.port)
        cluster = Cluster(shared, tmp_path)
        try:
            for number in range(8):
                cluster.add(f"job-{number}", seconds=0.25)
            cluster.start_all(2, url=through.render_as_string(hide_password=False))
            for _ in range(12):
                seen = proxy.dropped_replies
                proxy.drop_commit_reply()
                cluster.wait_until(lambda: proxy.dropped_replies > seen, 20)  # noqa: B023
            proxy.cut()
            time.sleep(1)  # what is tested is being without a server for a while
            proxy.heal()
            seen_marks = len(cluster.marks())
            cluster.wait_until(lambda: len(cluster.marks()) > seen_marks + 32, 20)
            until = cluster.rest()
            cluster.end()
            verdict = cluster.verdict(until)
        finally:
            cluster.close()
            shared.close()
    assert verdict.clean, str(verdict)
    assert verdict.outcomes["executed"] > 10
    assert set(verdict.outcomes) <= {"executed", "coalesced", "skipped"}, str(verdict)


@pytest.mark.parametrize("kind", SERVERS)
def test_a_store_that_hangs_or_crawls_for_one_process_doubles_and_loses_nothing(kind, tmp_path):
    shared = Place(kind, tmp_path)
    address = make_url(shared.url)
    with Proxy(address.host, address.port) as proxy:
        through = address.set(host="127.0.0.1", port=proxy.port)
        cluster = Cluster(shared, tmp_path, lease=LEASE)
        try:
            for number in range(8):
                delivery = "at_least_once" if number % 2 else "at_most_once"
                cluster.add(f"{delivery}-{number}", delivery=delivery, seconds=0.25)
            (cut_off,) = cluster.start_all(1, url=through.render_as_string(hide_password=False))
            cluster.start_all(1)

            def works(after: int) -> bool:
                return any(mark.pid == cut_off.pid for mark in cluster.marks()[after:])

            cluster.wait_until(lambda: works(0))
            proxy.hang()
            time.sleep(3 * LEASE)  # what is tested is an answer that does not come for so long
            proxy.heal()
            seen = len(cluster.marks())
            cluster.wait_until(lambda: works(seen))
            proxy.delay(0.3)
            seen = len(cluster.marks())
            cluster.wait_until(lambda: len(cluster.marks()) > seen + 100)
            proxy.heal()
            until = cluster.rest()
            cluster.end()
            verdict = cluster.verdict(until)
        finally:
            cluster.close()
            shared.close()
    assert verdict.clean, str(verdict)
    assert verdict.outcomes["executed"] > 10
