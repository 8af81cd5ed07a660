"""The fault tools themselves: a proxy that only claims to drop, or a judge that sees nothing, proves nothing."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cluster.processes import Cluster
from cluster.support import judge, ports
from cluster.support.commits import Answer, Watch
from cluster.support.proxy import Proxy
from cluster.support.servers import (
    MariaDBServer,
    PostgresServer,
    ServerError,
    ServerMissing,
    require,
)
from databases import URLS, Place
from databases import require as require_running
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from apscheduler._engine.instants import SECOND, from_us
from apscheduler.history.outcomes import Outcome

pytestmark = pytest.mark.slow

DEADLINE = 10.0


# The proxy, with an echo


class Echo:
    """A server that says back what it hears, and remembers it."""

    def __init__(self) -> None:
        self.heard = b""
        self.told = threading.Condition()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.threads = [threading.Thread(target=self.accept, daemon=True)]
        self.threads[0].start()

    def accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.threads.append(threading.Thread(target=self.serve, args=(connection,)))
            self.threads[-1].start()

    def serve(self, connection) -> None:
        with connection:
            while data := self.read(connection):
                with self.told:
                    self.heard += data
                    self.told.notify_all()
                connection.sendall(data)

    def read(self, connection) -> bytes:
        try:
            return connection.recv(65536)
        except ConnectionError:
            return b""

    def wait_for(self, data: bytes) -> None:
        with self.told:
            assert self.told.wait_for(lambda: data in self.heard, DEADLINE), self.heard

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join(DEADLINE)
            assert not thread.is_alive()


@pytest.fixture
def echo():
    echo = Echo()
    yield echo
    echo.close()


@pytest.fixture
def proxy(echo):
    with Proxy("127.0.0.1", echo.port) as proxy:
        yield proxy


@pytest.fixture
def connect(proxy):
    made = []

    def connect():
        made.append(socket.create_connection(("127.0.0.1", proxy.port), DEADLINE))
        return made[-1]

    yield connect
    for each in made:
        each.close()


def said(connection, count: int) -> bytes:
    """Return so many bytes, or fewer if the connection ends."""
    data = b""
    while len(data) < count and (more := connection.recv(count - len(data))):
        data += more
    return data


def is_closed(connection) -> bool:
    """Whether the far side ends the connection, within the deadline."""
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


def hears_nothing(connection, seconds: float = 0.2) -> bool:
    connection.settimeout(seconds)
    try:
        connection.recv(1)
    except TimeoutError:
        return True
    finally:
        connection.settimeout(DEADLINE)
    return False


def test_a_proxy_carries_bytes_both_ways_whole_and_in_order(connect):
    sent = secrets.token_bytes(3_000_000)
    one = connect()
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(one.sendall, sent)
        assert said(one, len(sent)) == sent
        sending.result(DEADLINE)


def test_a_proxy_carries_the_end_of_each_direction(connect):
    one = connect()
    one.sendall(b"last words")
    one.shutdown(socket.SHUT_WR)
    assert said(one, 100) == b"last words"


def test_a_proxy_without_a_target_closes_the_connection():
    with ports.reserve() as taken, Proxy("127.0.0.1", taken.getsockname()[1]) as proxy:
        one = socket.create_connection(("127.0.0.1", proxy.port), DEADLINE)
        with one:
            assert is_closed(one)


def test_a_delay_counts_each_way_and_ends_when_healed(proxy, connect):
    one = connect()
    proxy.delay(0.15)
    began = time.monotonic()
    one.sendall(b"a")
    assert said(one, 1) == b"a"
    assert time.monotonic() - began >= 0.3
    proxy.delay(1000)
    one.sendall(b"b")
    assert hears_nothing(one)
    proxy.heal()
    assert said(one, 1) == b"b"


def test_a_hanging_proxy_accepts_and_reads_and_delivers_when_healed(proxy, connect, echo):
    old = connect()
    proxy.hang()
    new = connect()
    new.sendall(b"n" * 1_000_000)
    old.sendall(b"old")
    assert hears_nothing(old)
    assert hears_nothing(new)
    assert echo.heard == b""
    proxy.heal()
    assert said(old, 3) == b"old"
    assert said(new, 1_000_000) == b"n" * 1_000_000


def test_a_cut_closes_all_connections_and_refuses_new_ones_until_healed(proxy, connect):
    one = connect()
    one.sendall(b"a")
    assert said(one, 1) == b"a"
    proxy.cut()
    assert is_closed(one)
    with pytest.raises(ConnectionRefusedError):
        connect()
    proxy.cut()
    proxy.heal()
    again = connect()
    again.sendall(b"b")
    assert said(again, 1) == b"b"


def test_a_cut_ends_connections_that_hang(proxy, connect, echo):
    one = connect()
    proxy.hang()
    one.sendall(b"never")
    proxy.cut()
    proxy.heal()
    assert is_closed(one)
    assert echo.heard == b""


def test_what_the_server_says_is_lost_while_what_it_hears_is_not(proxy, connect, echo):
    one = connect()
    proxy.drop_to_client()
    one.sendall(b"heard")
    echo.wait_for(b"heard")
    assert hears_nothing(one)
    proxy.heal()
    assert is_closed(one), "a stream with a hole went on"


def test_what_clients_say_is_lost_and_new_connections_work_when_healed(proxy, connect, echo):
    one, other = connect(), connect()
    proxy.drop_to_server()
    one.sendall(b"lost")
    assert hears_nothing(one)
    proxy.heal()
    assert is_closed(one)
    other.sendall(b"whole")
    assert said(other, 5) == b"whole"
    assert echo.heard == b"whole"


def test_switches_may_be_thrown_from_many_threads_while_bytes_flow(proxy, connect):
    def throw(number: int) -> None:
        for _ in range(20):
            (proxy.hang, proxy.heal, lambda: proxy.delay(0.001), proxy.heal)[number]()

    one, sent = connect(), secrets.token_bytes(200_000)
    with ThreadPoolExecutor(5) as pool:
        sending = pool.submit(one.sendall, sent)
        for thrown in [pool.submit(throw, number) for number in range(4)]:
            thrown.result(DEADLINE)
        proxy.heal()
        assert said(one, len(sent)) == sent
        sending.result(DEADLINE)


def test_a_closed_proxy_frees_its_port_and_says_that_it_is_closed(echo):
    proxy = Proxy("127.0.0.1", echo.port)
    proxy.close()
    proxy.close()
    ports.reserve(proxy.port).close()
    with pytest.raises(RuntimeError, match="closed"):
        proxy.heal()


# Finding COMMIT


def message(kind: bytes, *parts: bytes) -> bytes:
    """Return a message of PostgreSQL's protocol."""
    body = b"\0".join(parts)
    return kind + (len(body) + 4).to_bytes(4, "big") + body


STARTUP = message(b"", (196608).to_bytes(4, "big") + b"user", b"root", b"", b"")


def packet(body: bytes, number: int = 0) -> bytes:
    """Return a packet of MariaDB's protocol."""
    return len(body).to_bytes(3, "little") + bytes([number]) + body


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (b"COMMIT", True),
        (b" commit work ; ", True),
        (b"Commit Transaction", True),
        (b"ROLLBACK", False),
        (b"COMMIT PREPARED 'x'", False),
        (b"INSERT INTO t VALUES ('COMMIT')", False),
    ],
)
def test_a_commit_is_told_from_other_queries_however_it_is_cut_into_pieces(query, found):
    postgres, mariadb = Watch(), Watch()
    mariadb.server_says(packet(b"\x0a10.11"))
    mariadb.client_says(packet(b"\x03COMMIT: a login is no query", number=1))
    for byte in STARTUP + message(b"p", b"COMMIT", b""):
        assert not postgres.client_says(bytes([byte]))
    for watch, data in ((postgres, message(b"Q", query, b"")), (mariadb, packet(b"\x03" + query))):
        *early, last = [watch.client_says(bytes([byte])) for byte in data]
        assert not any(early)
        assert last is found


@pytest.mark.parametrize("code", [80877103, 80877104])
def test_a_wish_to_encrypt_which_would_hide_commits_is_refused(connect, echo, code):
    one = connect()
    one.sendall(message(b"", code.to_bytes(4, "big")))
    assert said(one, 1) == b"N"
    one.sendall(STARTUP)
    assert said(one, len(STARTUP)) == STARTUP
    assert echo.heard == STARTUP


def test_a_prepared_commit_is_found_where_it_is_executed():
    watch = Watch()
    watch.client_says(STARTUP)
    prepared = message(b"P", b"name", b"COMMIT", b"\0\0") + message(b"S")
    bound = message(b"B", b"", b"name", b"\0\0\0\0\0\0")
    other = message(b"P", b"", b"SELECT 1", b"\0\0") + message(b"B", b"", b"", b"\0\0\0\0\0\0")
    execute = message(b"E", b"", b"\0\0\0\0")
    assert not watch.client_says(prepared)
    assert watch.client_says(bound + execute)
    assert not watch.client_says(other + execute)
    assert watch.client_says(bound + execute)


def test_only_a_success_is_an_answer_to_drop():
    watch = Watch()
    watch.client_says(STARTUP)
    ready = message(b"Z", b"I")
    done = message(b"C", b"COMMIT", b"")
    assert watch.answer(done[:-1]) is Answer.OPEN
    assert watch.answer(done) is Answer.COMMITTED
    assert watch.answer(message(b"C", b"ROLLBACK", b"") + ready) is Answer.OTHER
    assert watch.answer(message(b"E", b"SERROR", b"", b"") + ready) is Answer.OTHER
    watch = Watch()
    watch.server_says(packet(b"\x0a10.11"))
    watch.client_says(packet(b"\x03COMMIT"))
    assert watch.answer(packet(b"\0\0\0", number=1)[:-1]) is Answer.OPEN
    assert watch.answer(packet(b"\0\0\0", number=1)) is Answer.COMMITTED
    assert watch.answer(packet(b"\xffno", number=1)) is Answer.OTHER


# Dropped answers of the real servers


@pytest.fixture(params=sorted(URLS))
def database(request):
    """A proxy before a server that runs here, an engine through it, and one past it, with a table."""
    require_running(request.param)
    url = make_url(URLS[request.param])
    table = f"t_{secrets.token_hex(6)}"
    straight = create_engine(url)
    with straight.begin() as connection:
        connection.execute(text(f"CREATE TABLE {table} (number INTEGER)"))
    with Proxy(url.host, url.port) as proxy:
        through = create_engine(url.set(host="127.0.0.1", port=proxy.port))
        yield Database(proxy, through, straight, table)
        through.dispose()
    with straight.begin() as connection:
        connection.execute(text(f"DROP TABLE {table}"))
    straight.dispose()


@dataclass
class Database:
    proxy: Proxy
    through: object
    straight: object
    table: str

    def insert(self, number: int) -> None:
        with self.through.begin() as connection:
            connection.execute(text(f"INSERT INTO {self.table} VALUES ({number})"))

    def numbers(self) -> list[int]:
        with self.straight.connect() as connection:
            found = connection.execute(text(f"SELECT number FROM {self.table} ORDER BY number"))
            return [number for (number,) in found]


def test_a_commit_whose_answer_was_dropped_has_happened(database):
    database.insert(1)
    database.proxy.drop_commit_reply()
    with pytest.raises(DBAPIError):
        database.insert(2)
    assert database.proxy.reply_dropped.is_set()
    assert database.proxy.dropped_replies == 1
    assert database.numbers() == [1, 2]
    database.insert(3)
    assert database.numbers() == [1, 2, 3]


def test_as_many_answers_are_dropped_as_was_asked_for(database):
    database.proxy.drop_commit_reply(times=2)
    for number in (1, 2):
        with pytest.raises(DBAPIError):
            database.insert(number)
    database.insert(3)
    assert database.proxy.dropped_replies == 2
    assert database.numbers() == [1, 2, 3]


def test_a_rollback_is_answered_while_commits_are_not(database):
    database.proxy.drop_commit_reply()
    with database.through.connect() as connection:
        connection.execute(text(f"INSERT INTO {database.table} VALUES (1)"))
        connection.rollback()
        assert connection.execute(text("SELECT 'COMMIT'")).scalar() == "COMMIT"
    assert database.proxy.dropped_replies == 0
    with pytest.raises(DBAPIError):
        database.insert(2)
    assert database.numbers() == [2]


def test_a_healed_proxy_drops_no_answers(database):
    database.proxy.drop_commit_reply()
    database.proxy.heal()
    database.insert(1)
    assert not database.proxy.reply_dropped.is_set()


def test_an_answer_that_the_commit_failed_is_passed_on():
    require_running("postgresql")
    url = make_url(URLS["postgresql"])
    with Proxy(url.host, url.port) as proxy:
        engine = create_engine(url.set(host="127.0.0.1", port=proxy.port))
        with engine.connect() as connection:
            connection.execute(
                text("CREATE TEMPORARY TABLE t (n INTEGER UNIQUE DEFERRABLE INITIALLY DEFERRED)")
            )
            connection.commit()
            proxy.drop_commit_reply()
            connection.execute(text("INSERT INTO t VALUES (1), (1)"))
            with pytest.raises(DBAPIError, match="duplicate key"):
                connection.commit()
            assert proxy.dropped_replies == 0
            connection.rollback()
            connection.execute(text("INSERT INTO t VALUES (1)"))
            with pytest.raises(DBAPIError, match="closed"):
                connection.commit()
        assert proxy.dropped_replies == 1
        engine.dispose()


# Servers of one's own


@pytest.mark.slow
@pytest.mark.parametrize("kind", [PostgresServer, MariaDBServer])
def test_a_committed_row_is_there_after_a_server_was_killed_or_stopped(kind):
    require(kind)
    with kind() as server:
        engine = create_engine(server.url)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE t (number INTEGER)"))
        for number, mode in enumerate(("kill", "immediate", "fast"), 1):
            with engine.connect() as open_one:
                open_one.execute(text("INSERT INTO t VALUES (-1)"))  # not committed: must not stay
                with engine.begin() as connection:
                    connection.execute(text(f"INSERT INTO t VALUES ({number})"))
                before = server.pid
                server.stop(mode)
                assert server.pid is None
                open_one.invalidate()
            engine.dispose()
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", server.port), DEADLINE)
            server.start()
            assert server.pid not in {None, before}
            with engine.connect() as connection:
                found = connection.execute(text("SELECT number FROM t ORDER BY number"))
                assert [each for (each,) in found] == list(range(1, number + 1))
        engine.dispose()
    assert not server.directory.exists()


@pytest.mark.slow
def test_a_server_may_keep_its_data_in_a_given_folder(tmp_path):
    require(MariaDBServer)
    with MariaDBServer(tmp_path / "db") as server:
        assert server.pid
    assert (tmp_path / "db" / "data").is_dir()


@pytest.mark.slow
@pytest.mark.parametrize("fsync", [True, False])
@pytest.mark.parametrize(
    ("kind", "question", "answers"),
    [
        (PostgresServer, "SHOW fsync", ("off", "on")),
        (MariaDBServer, "SELECT @@innodb_flush_log_at_trx_commit", (2, 1)),
    ],
)
def test_a_server_syncs_unless_told_not_to(kind, question, answers, fsync):
    require(kind)
    with kind(fsync=fsync) as server:
        engine = create_engine(server.url)
        with engine.connect() as connection:
            assert connection.execute(text(question)).scalar() == answers[fsync]
        engine.dispose()


@pytest.mark.slow
def test_a_server_that_does_not_start_says_what_its_log_says():
    require(PostgresServer)
    server = PostgresServer(settings=("no_such_setting=1",))
    with pytest.raises(ServerError, match="no_such_setting"), server:
        pytest.fail("it started")
    assert not server.directory.exists()


def test_a_missing_server_is_skipped_unless_services_are_required(monkeypatch):
    class Missing(PostgresServer):
        programs = ("no-such-program",)

    with pytest.raises(ServerMissing, match="no-such-program"):
        Missing()
    monkeypatch.delenv("REQUIRE_SERVICES", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-program"):
        require(Missing)
    monkeypatch.setenv("REQUIRE_SERVICES", "1")
    with pytest.raises(pytest.fail.Exception, match="no-such-program"):
        require(Missing)


# The judge


FIRST = 1_750_000_000 * SECOND
FIRES = [FIRST + number * SECOND for number in range(4)]
ONCE, LEAST = {"a": "at_most_once"}, {"a": "at_least_once"}


@dataclass
class Row:
    fire_time: datetime
    outcome: Outcome | None
    job_id: str = "a"
    count: int = 1
    last_fire_time: datetime | None = None


def row(fire: int, outcome: Outcome | None = Outcome.EXECUTED, **more) -> Row:
    return Row(from_us(fire, UTC), outcome, **more)


def run(fire: int, token: int = 1, *, ended: bool = True, job: str = "a", pid: int = 1) -> list:
    """Return the marks of one run."""
    phases = ("start", "end") if ended else ("start",)
    return [judge.Mark(job, fire, token, token, pid, phase, 0) for phase in phases]


def verdict(marks, rows, fires=(FIRST,), delivery=ONCE):
    return judge.judge(marks, rows, {"a": list(fires)}, delivery)


def test_marks_are_read_as_they_were_written_by_many_threads(tmp_path):
    path = str(tmp_path / "marks")
    with ThreadPoolExecutor(8) as pool:
        for number in range(400):
            pool.submit(judge.mark, path, f"job-{number}", number, 2, 3, "start")
    marks = judge.read(path)
    assert sorted(each.fire for each in marks) == list(range(400))
    assert {(each.token, each.attempt, each.phase) for each in marks} == {(2, 3, "start")}
    assert all(each.job == f"job-{each.fire}" and each.at > 0 for each in marks)


def test_a_mark_that_would_not_be_written_whole_is_refused(tmp_path):
    with pytest.raises(AssertionError, match="one piece"):
        judge.mark(str(tmp_path / "marks"), "x" * 4096, 1, 1, 1, "start")


def test_a_history_that_keeps_all_promises_is_clean():
    marks = [each for fire in FIRES for each in run(fire)]
    found = verdict(marks, [row(fire) for fire in FIRES], FIRES)
    assert found.clean
    assert (found.fires, found.started, found.finished) == (4, 4, 4)
    assert str(found) == "4 fires, 4 starts, {'executed': 4}"


def test_an_at_most_once_fire_started_twice_is_doubled():
    found = verdict(run(FIRST) + run(FIRST, token=2), [row(FIRST)])
    assert found.doubled == [("a", FIRST, [1, 2])]
    assert not found.clean
    assert "1 doubled" in str(found)


def test_an_at_least_once_fire_may_start_again_only_with_another_token():
    again = verdict(run(FIRST, ended=False) + run(FIRST, token=2), [row(FIRST)], delivery=LEAST)
    assert again.clean
    twice = verdict(run(FIRST, pid=1) + run(FIRST, pid=2), [row(FIRST)], delivery=LEAST)
    assert twice.doubled == [("a", FIRST, [1, 1])]


def test_a_fire_without_a_row_is_lost():
    found = verdict(run(FIRST), [row(FIRST)], FIRES[:2])
    assert found.lost == [("a", FIRES[1])]
    assert not found.clean


@pytest.mark.parametrize(
    ("marks", "outcome", "problem"),
    [
        ([], None, "no outcome"),
        (run(FIRST, ended=False), Outcome.EXECUTED, "executed, but never ended"),
        (run(FIRST), Outcome.MISSED, "missed, but started"),
        (run(FIRST), Outcome.SKIPPED, "skipped, but started"),
        (run(FIRST), Outcome.COALESCED, "coalesced, but started"),
        (run(FIRST), Outcome.CANCELLED, "cancelled, but started"),
        (run(FIRST)[1:], Outcome.LOST, "ended without a start"),
    ],
)
def test_a_row_that_contradicts_the_marks_is_unaccounted(marks, outcome, problem):
    found = verdict(marks, [row(FIRST, outcome)])
    assert found.unaccounted == [("a", FIRST, problem)]
    assert not found.clean


@pytest.mark.parametrize("job", ["a", "unknown"])
def test_a_start_that_nobody_expected_is_unaccounted(job):
    found = verdict(run(FIRST) + run(FIRES[1], job=job), [row(FIRST)])
    assert found.unaccounted == [(job, FIRES[1], "started, not expected")]


def test_two_rows_for_one_fire_are_unaccounted():
    found = verdict(run(FIRST), [row(FIRST), row(FIRST)])
    assert found.unaccounted == [("a", FIRST, "two rows")]


def test_a_roll_up_row_accounts_for_the_fires_between_its_ends_and_no_others():
    rolled = row(FIRST, Outcome.COALESCED, count=3, last_fire_time=from_us(FIRES[2], UTC))
    assert verdict(run(FIRES[3]), [rolled, row(FIRES[3])], FIRES).clean
    assert verdict([], [rolled], FIRES).lost == [("a", FIRES[3])]
    started = verdict(run(FIRES[1]), [rolled], FIRES[:3])
    assert started.unaccounted == [("a", FIRES[1], "coalesced, but started")]


def test_an_at_least_once_fire_that_ends_as_lost_is_uncompleted():
    history = run(FIRST, ended=False), [row(FIRST, Outcome.LOST)]
    assert verdict(*history).clean
    assert verdict(*history, delivery=LEAST).uncompleted == [("a", FIRST, "lost")]


def test_runs_of_one_fire_overlap_if_one_ends_after_another_started():
    zombie, heir = run(FIRST, token=1, pid=1), run(FIRST, token=2, pid=2)
    rows = [row(FIRST)]
    crossed = verdict([zombie[0], heir[0], zombie[1], heir[1]], rows, delivery=LEAST)
    nested = verdict([zombie[0], *heir, zombie[1]], rows, delivery=LEAST)
    assert crossed.overlapping == nested.overlapping == [("a", FIRST)]
    assert crossed.clean, "at least once allows it"
    assert verdict(zombie + heir, rows, delivery=LEAST).overlapping == []
    assert verdict([zombie[0], *heir], rows, delivery=LEAST).overlapping == []


def test_a_verdict_lists_only_the_first_of_many_faults():
    many = [FIRST + number * SECOND for number in range(100)]
    text = str(verdict([], [], many))
    assert "100 lost" in text
    assert str(many[0]) in text
    assert str(many[50]) not in text


# The nursery


def test_a_worker_whose_process_id_was_anothers_before_is_alive_until_it_is_killed(tmp_path):
    """A long campaign uses process ids again: who goes by them takes a living worker for a dead one."""
    last_pid = Path("/proc/sys/kernel/ns_last_pid")
    if not os.access(last_pid, os.W_OK):
        pytest.skip(
            "process ids cannot be chosen here: /proc/sys/kernel/ns_last_pid is not ours to write"
        )
    place = Place("sqlite", tmp_path)
    cluster = Cluster(place, tmp_path)
    try:
        first = cluster.start()
        first.wait_ready()
        first.kill()
        assert first.was_killed
        for _ in range(50):
            last_pid.write_text(str(first.pid - 1))
            second = cluster.start()
            if second.pid == first.pid:
                break
            second.kill()
        assert second.pid == first.pid, "the process id is not given out again"
        second.wait_ready()
        assert not second.is_dead
        second.kill()
        assert second.was_killed
    finally:
        cluster.close()
        place.close()
