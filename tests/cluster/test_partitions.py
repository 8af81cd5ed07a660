"""Nodes that are cut off from their server without a word: others take over, they stop in time, and come back.

Each node is a process in a network namespace of its own (``support/partitions.py``); the server is the test's own. Where
the kernel refuses namespaces, a proxy stands between each node and the server.
"""

from __future__ import annotations

import os
import random
import time
from contextlib import contextmanager
from itertools import product
from types import SimpleNamespace

import pymysql
import pytest
from cluster.processes import Cluster, Nursery
from cluster.support.judge import CLOCK
from cluster.support.partitions import Namespaces, NamespacesMissing, Proxies
from cluster.support.servers import MariaDBServer, PostgresServer, require
from databases import PlaceOn

from tools.commands import LONG_MARK

pytestmark = [pytest.mark.serial, pytest.mark.slow, pytest.mark.timeout(180)]

LONG = bool(os.environ.get(LONG_MARK))
LEASE = 3.0
JOBS = 8
OUTCOMES = {"executed", "lost", "coalesced", "skipped"}
ROUNDS = 30
WITHIN = 2.0
"""So many seconds after the lease of the one that is cut off each of its jobs runs elsewhere."""


class ReachablePostgres(PostgresServer):
    """A server that takes connections from the namespaces, too."""

    def _make(self) -> None:
        super()._make()
        with (self.data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all 198.18.0.0/15 trust\n")


class ReachableMariaDB(MariaDBServer):
    """The same, by a user of any host."""

    def _greet(self) -> None:
        super()._greet()
        with (
            pymysql.connect(host="127.0.0.1", port=self.port, user="root") as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("GRANT ALL ON *.* TO root@'198.18.%' IDENTIFIED BY ''")


def server_for(kind: str, addresses):
    listen = ",".join(["127.0.0.1", *addresses])
    if kind == "postgresql":
        require(ReachablePostgres)
        return ReachablePostgres(fsync=False, settings=(f"listen_addresses={listen}",))
    require(ReachableMariaDB)
    return ReachableMariaDB(fsync=False, settings=(f"--bind-address={listen}",))


@contextmanager
def network_for(kind: str):
    """A network for two nodes: namespaces, or proxies if that is asked for or all that can be had."""
    if kind == "proxies":
        with Proxies(2) as network:
            yield network
        return
    try:
        made = Namespaces(2).__enter__()
    except NamespacesMissing as missing:
        print(f"no network namespaces here, so by proxies: {missing}")
        with Proxies(2) as network:
            yield network
        return
    try:
        yield made
    finally:
        made.__exit__()


class Play:
    """Two nodes, each behind a network of its own, and the judge, who is beside the server."""

    def __init__(self, network, place, folder) -> None:
        self.network = network
        self.place = place
        self.cluster = Cluster(place, folder, lease=LEASE, options={"poll_interval": 0.2})
        for number in range(JOBS):
            delivery = "at_least_once" if number % 2 else "at_most_once"
            self.cluster.add(
                f"{delivery}-{number}",
                delivery=delivery,
                seconds=0.5,
                args=(self.cluster.log, 0.2),
            )
        self.nurseries = [Nursery(folder, network.prefix_for(node)) for node in range(2)]
        self.nodes = []

    def begin(self) -> None:
        """Start the nodes, and wait until each has run something."""
        for node, nursery in enumerate(self.nurseries):
            self.nodes.append(self.cluster.start(nursery=nursery, url=self.network.url_for(node)))
        for each in self.nodes:
            each.wait_ready()
        self.cluster.wait_until(lambda: all(self.runs_of(node) for node in range(2)))

    def starts(self, since: int = 0) -> list:
        return [each for each in self.cluster.marks() if each.phase == "start" and each.at >= since]

    def runs_of(self, node: int, since: int = 0) -> list:
        return [each for each in self.starts(since) if each.pid == self.nodes[node].pid]

    def jobs_of(self, node: int, since: int) -> set[str]:
        return {each.job for each in self.runs_of(node, since)}

    def said(self, node: int, since: str) -> list[str]:
        """Return what a node has logged since a moment, as its log writes moments."""
        lines = self.nodes[node].errors.read_text().splitlines()
        return [line for line in lines if " apscheduler." in line and line[:23] >= since]

    def connections_of(self, node: int) -> set[int] | None:
        """Return the numbers that the server gave a node's connections; ``None`` where it cannot tell."""
        if isinstance(self.network, Proxies):
            return None
        statement = {
            "postgresql": "SELECT pid FROM pg_stat_activity WHERE host(client_addr) = :address",
            "mariadb": "SELECT id FROM information_schema.processlist "
            "WHERE host LIKE CONCAT(:address, ':%')",
        }[self.place.kind]
        address = self.network.places[node].theirs
        return {row[0] for row in self.place.rows(statement, address=address)}

    def end(self):
        """Come to rest, and return the judge's verdict."""
        until = self.cluster.rest()
        self.cluster.end()
        return self.cluster.verdict(until)

    def close(self) -> None:
        for each in self.nodes:
            each.kill()
        for each in self.nurseries:
            each.close()
        self.cluster.close()
        self.place.close()


def now() -> SimpleNamespace:
    """This moment by the judge's clock and as logs write it."""
    wall = time.time()
    text = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(wall))
    at = time.clock_gettime_ns(CLOCK) // 1000
    return SimpleNamespace(at=at, text=f"{text},{int(wall % 1 * 1000):03d}")


def later(moment, seconds: float) -> int:
    return moment.at + round(seconds * 1_000_000)


def wait_until(at: int) -> None:
    """Wait for a moment of the judge's clock."""
    while (left := at - now().at) > 0:
        time.sleep(left / 1_000_000)


@pytest.fixture
def play(tmp_path):
    @contextmanager
    def begin(kind: str, by: str):
        with network_for(by) as network, server_for(kind, network.addresses) as server:
            network.reach(server.url)
            played = Play(network, PlaceOn(kind, server.url), tmp_path)
            try:
                played.begin()
                yield played
            finally:
                played.close()

    return begin


def long(*values):
    reason = "the whole cross is played with --long"
    return pytest.param(*values, marks=pytest.mark.skipif(not LONG, reason=reason))


WAYS = ("cut", "drop_answers", "unplug")
ALWAYS = {
    ("postgresql", "namespaces", "cut"),
    ("mariadb", "namespaces", "drop_answers"),
}
CROSS = [
    each if each in ALWAYS else long(*each)
    for each in product(("postgresql", "mariadb"), ("namespaces", "proxies"), WAYS)
]


@pytest.mark.parametrize(("kind", "by", "way"), CROSS)
def test_a_node_that_is_cut_off_stops_in_time_is_replaced_and_comes_back(play, kind, by, way):
    with play(kind, by) as played:
        before = played.connections_of(0)
        getattr(played.network, way)(0)
        cut = now()
        played.cluster.wait_until(lambda: len(played.jobs_of(1, cut.at)) == JOBS)
        first = {each.job: each.at for each in reversed(played.runs_of(1, cut.at))}
        wait_until(later(cut, LEASE + WITHIN))  # what is tested is being cut off for so long
        said = played.said(0, cut.text)
        healed = now()
        played.network.heal(0)
        played.cluster.wait_until(lambda: len(played.runs_of(0, healed.at)) > 5)
        back = played.runs_of(0, healed.at)[0].at - healed.at
        after = played.connections_of(0)
        verdict = played.end()
    took = max(first.values()) - cut.at
    print(f"{kind} {by} {way}: taken over after {took / 1e6:.1f} s, back after {back / 1e6:.1f} s")
    print(*said, verdict, sep="\n")
    assert verdict.clean, str(verdict)
    assert set(verdict.outcomes) <= OUTCOMES, str(verdict)
    assert took < (LEASE + WITHIN) * 1_000_000
    assert not [each for each in played.runs_of(0, later(cut, LEASE)) if each.at < healed.at]
    assert 1 <= len(said) <= 8, "\n".join(said)
    assert before is None or after - before, "it works by its old connections"


@pytest.mark.parametrize("kind", ["postgresql", long("mariadb")])
def test_nodes_that_are_all_cut_off_stop_in_time_and_come_back(play, kind):
    with play(kind, "namespaces") as played:
        for node in range(2):
            played.network.cut(node)
        cut = now()
        wait_until(later(cut, LEASE + WITHIN))  # what is tested is being cut off for so long
        said = [played.said(node, cut.text) for node in range(2)]
        healed = now()
        for node in range(2):
            played.network.heal(node)
        for node in range(2):
            played.cluster.wait_until(lambda: played.runs_of(node, healed.at))  # noqa: B023
        verdict = played.end()
    assert verdict.clean, str(verdict)
    assert set(verdict.outcomes) <= OUTCOMES, str(verdict)
    assert not [each for each in played.starts(later(cut, LEASE)) if each.at < healed.at]
    assert all(1 <= len(lines) <= 8 for lines in said), said


@pytest.mark.skipif(not LONG, reason="partitions by chance are played with --long")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_partitions_by_chance_double_and_lose_nothing(play, kind):
    dice = random.Random(7)
    with play(kind, "namespaces") as played:
        for _ in range(ROUNDS):
            nodes = dice.choice(([0], [1], [0, 1]))
            for node in nodes:
                getattr(played.network, dice.choice(WAYS))(node)
            time.sleep(dice.uniform(0.1, 2 * LEASE))  # the episode itself
            for node in nodes:
                played.network.heal(node)
            time.sleep(dice.uniform(0.0, LEASE))
        healed = now()
        for node in range(2):
            played.cluster.wait_until(lambda: played.runs_of(node, healed.at))  # noqa: B023
        verdict = played.end()
    print(f"{kind}, {ROUNDS} partitions: {verdict}")
    assert verdict.clean, str(verdict)
    assert set(verdict.outcomes) <= OUTCOMES, str(verdict)
