"""The socket under a driver's connection: hung up from outside, and asked how long it was silent."""

from __future__ import annotations

import os
import socket
import sys
from threading import Thread
from types import SimpleNamespace

import pytest

from apscheduler.jobstores._sql.connection import sockets
from apscheduler.jobstores._sql.connection.sockets import hang_up, has_news

WAIT = 5.0
"""Seconds that a socket or a thread is waited for at most."""
SHAPES = {
    "psycopg": lambda ours: SimpleNamespace(pgconn=SimpleNamespace(socket=ours.fileno())),
    "PyMySQL": lambda ours: SimpleNamespace(_sock=ours),
    "pg8000": lambda ours: SimpleNamespace(_sock=None, _usock=ours),
    "psycopg2": lambda ours: ours,
}


@pytest.fixture
def pair():
    """A connection on the loopback: what the driver holds, and the server's end."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname(), WAIT)
        theirs, _ = server.accept()
    theirs.settimeout(WAIT)
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize("shape", SHAPES)
def test_hanging_up_ends_a_connection_of_each_driver_for_both_sides(pair, shape):
    ours, theirs = pair
    assert hang_up(SHAPES[shape](ours)) is True
    assert (ours.recv(1), theirs.recv(1)) == (b"", b"")
    assert ours.fileno() >= 0, "the driver closes its own"


def test_hanging_up_wakes_a_thread_that_waits_for_an_answer(pair):
    ours, _ = pair
    ours.settimeout(None)
    heard = []
    waiting = Thread(target=lambda: heard.append(ours.recv(1)), daemon=True)
    waiting.start()
    hang_up(ours)
    waiting.join(WAIT)
    assert heard == [b""]


def test_hanging_up_after_the_other_side_is_no_error(pair):
    with socket.socket() as never_connected:
        assert hang_up(never_connected) is True
    ours, theirs = pair
    theirs.close()
    assert hang_up(ours) is True


class Closed:
    """A driver's connection that is closed already."""

    def fileno(self) -> int:
        raise OSError("closed")


@pytest.mark.parametrize(
    "raw",
    [
        SimpleNamespace(),
        SimpleNamespace(pgconn=SimpleNamespace(socket=-1)),
        SimpleNamespace(pgconn=SimpleNamespace(socket=None)),
        Closed(),
    ],
    ids=["none at all", "a closed one", "nothing for a number", "raises"],
)
def test_a_connection_without_a_socket_is_left_alone(raw):
    assert hang_up(raw) is False
    assert has_news(raw, 60.0) is False


def test_a_number_that_is_another_connections_by_now_is_left_alone(pair, monkeypatch):
    ours, theirs = pair
    numbers, copies = iter([ours.fileno(), theirs.fileno()]), []
    dup = os.dup
    monkeypatch.setattr(sockets.os, "dup", lambda number: copies.append(dup(number)) or copies[-1])
    assert hang_up(SimpleNamespace(fileno=lambda: next(numbers))) is False
    (copy,) = copies
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(copy)
    theirs.sendall(b"x")
    assert ours.recv(1) == b"x"


@pytest.mark.parametrize("shape", SHAPES)
def test_bytes_that_wait_are_news(pair, shape):
    ours, theirs = pair
    theirs.sendall(b"x")
    assert sockets.select.select([ours], [], [], WAIT)[0]
    assert has_news(SHAPES[shape](ours), 0.0) is True
    assert ours.recv(1) == b"x", "nothing was taken from it"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the silence")
def test_bytes_that_came_a_moment_ago_are_news_and_later_are_none(pair):
    ours, theirs = pair
    theirs.sendall(b"x")
    assert ours.recv(1) == b"x"
    assert has_news(ours, 60.0) is True
    assert has_news(ours, 0.0) is False


def test_on_a_socket_of_the_own_machine_nobody_counts_the_silence():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert sockets._silent_for(ours) == float("inf")
        assert has_news(ours, 1e9) is False
        theirs.sendall(b"x")
        assert has_news(ours, 0.0) is True


def test_looking_for_news_leaves_the_connection_open(pair):
    ours, theirs = pair
    has_news(ours, 1.0)
    ours.sendall(b"x")
    assert theirs.recv(1) == b"x"


@pytest.mark.parametrize("error", [ValueError("filedescriptor out of range"), OSError("closed")])
def test_where_nobody_can_look_for_news_there_are_none(pair, monkeypatch, error):
    def fails(*_):
        raise error

    monkeypatch.setattr(sockets, "select", SimpleNamespace(select=fails))
    assert has_news(pair[0], 60.0) is False
