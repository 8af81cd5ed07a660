"""The board of our own processes, seen from both sides."""

from __future__ import annotations

import gc
import os
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from apscheduler.executors._wire import cells
from apscheduler.executors._wire.board import Board
from apscheduler.executors._wire.cells import NO_LIMIT


@pytest.fixture
def board():
    made = Board.make(3)
    yield made
    made.remove()


@pytest.fixture
def worker(board):
    return Board(board.path)


def test_nothing_has_begun_on_a_new_board(board):
    for slot in range(3):
        assert board.number(slot) == -1
        assert board.start(slot) == (0, 0.0)


def test_what_a_worker_begins_is_seen_and_its_neighbours_stay_as_they_are(board, worker):
    assert worker.begin(1, 7)
    before = time.monotonic()
    worker.started(1, 2)
    assert board.number(1) == 7
    index, started = board.start(1)
    assert index == 2
    assert before <= started <= time.monotonic()
    for slot in (0, 2):
        assert (board.number(slot), board.start(slot)) == (-1, (0, 0.0))


def test_a_call_that_begins_has_not_started_yet(board, worker):
    worker.begin(1, 7)
    worker.started(1, 0)
    assert worker.begin(1, 8)
    assert (board.number(1), board.start(1)[1]) == (8, 0.0)


def test_calls_from_the_limit_on_do_not_begin_in_that_slot_alone(board, worker):
    board.limit(1, 7)
    assert worker.begin(1, 6)
    assert not worker.begin(1, 7)
    assert board.number(1) == 7  # what it was told to skip is behind it
    assert worker.begin(0, 7)
    assert worker.begin(2, 7)
    board.limit(1, NO_LIMIT)
    assert worker.begin(1, 8)


def test_fire_times_from_the_limit_on_do_not_begin(board, worker):
    board.limit(1, 2)
    assert worker.go_on(1, 1)
    assert not worker.go_on(1, 2)
    assert board.start(1)[0] == 1
    assert board.start(1)[1] > 0
    assert worker.go_on(0, 2)
    assert board.start(0)[0] == 2


def test_a_cleared_slot_is_as_new(board, worker):
    for slot in (1, 2):
        worker.begin(slot, 7)
        worker.started(slot, 3)
        board.limit(slot, 0)
    board.clear(1)
    assert (board.number(1), board.start(1)) == (-1, (0, 0.0))
    assert worker.begin(1, 9)
    assert board.number(2) == 7
    assert not worker.begin(2, 9)


# -- its file -------------------------------------------------------------------------------------------------


def test_the_file_is_this_users_alone_and_goes_with_its_removal(board, worker):
    file = Path(board.path)
    assert file.name.startswith("apscheduler-")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.stat().st_size == 3 * 4 * 8
    assert board.path in cells._owners
    board.remove()
    assert not file.exists()
    assert board.path not in cells._owners
    assert worker.begin(0, 1)
    assert board.number(0) == 1
    board.remove()


def test_a_board_keeps_its_file_open_by_its_map_alone(monkeypatch):
    make, close, made, closed = tempfile.mkstemp, os.close, [], []

    def noted_make(**options):
        made.append(make(**options))
        return made[-1]

    def noted_close(handle):
        closed.append(handle)
        close(handle)

    with monkeypatch.context() as patched:
        patched.setattr(tempfile, "mkstemp", noted_make)
        patched.setattr(os, "close", noted_close)
        board = Board.make(1)
    ((handle, path),) = made
    assert path == board.path
    assert closed == [handle]
    board.remove()


def test_the_file_goes_with_the_last_who_holds_it():
    board = Board.make(1)
    file = Path(board.path)
    del board
    gc.collect()
    assert not file.exists()


def test_a_workers_side_takes_no_file_along(board):
    Board(board.path)
    gc.collect()
    assert Path(board.path).exists()


def test_a_fork_deletes_no_file_of_its_parent(board, monkeypatch):
    here = os.getpid()
    with monkeypatch.context() as patched:
        patched.setattr(os, "getpid", lambda: here + 1)
        cells._delete(board.path, here)
    assert Path(board.path).exists()
    assert board.path not in cells._owners


def test_the_end_of_the_program_deletes_the_files_that_are_left(monkeypatch, tmp_path):
    mine, parents = tmp_path / "mine", tmp_path / "parents"
    for file in (mine, parents):
        file.touch()
    gone = tmp_path / "gone"
    owners = {str(gone): os.getpid(), str(mine): os.getpid(), str(parents): os.getpid() + 1}
    monkeypatch.setattr(cells, "_owners", owners)
    cells._delete_all()
    assert owners == {}
    assert not mine.exists()
    assert parents.exists()


# -- a disk without room -----------------------------------------------------------------------------------


def test_a_file_takes_all_of_its_room_when_it_is_made():
    path = Path(cells.make_file(4096 * 8))
    assert path.stat().st_blocks * 512 >= path.stat().st_size == 4096 * 8 * 8
    path.unlink()


def test_where_there_is_no_room_no_file_is_left(tmp_path):
    code = (
        "import resource, sys; from apscheduler.executors._wire.cells import make_file\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "make_file(8)\n"
        "try: make_file(4096 * 8)\n"
        "except OSError: sys.exit(7)"
    )
    paths = {"PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-B", "-c", code], env=os.environ | paths)
    assert done.returncode == 7
    assert [path.stat().st_size for path in tmp_path.iterdir()] == [64]
