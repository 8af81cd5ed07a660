"""The leader's lock in a file: one holder at a time, what the file says, and what is left open."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest

from apscheduler.cluster import leading
from apscheduler.cluster.leading import FileLock

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="needs flock"),
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),
]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "leader"


@pytest.fixture
def make(path):
    """Return a maker of locks on one file."""
    made = []

    def maker(where=path):
        made.append(FileLock(str(where)))
        return made[-1]

    yield maker
    for each in made:
        each.release()


@pytest.fixture
def left_open():
    """Return a look at how many files this process has open in a folder, removed ones too."""
    if not Path("/proc/self/fd").exists():
        pytest.skip("the system does not say which files are open")

    def count(path):
        found = 0
        for each in Path("/proc/self/fd").iterdir():
            with suppress(FileNotFoundError):  # the listing's own
                found += str(each.readlink()).startswith(str(path))
        return found

    return count


# -- taking and releasing -------------------------------------------------------------------------------


def test_one_has_it_until_it_is_released(make):
    first, second = make(), make()
    assert first.take() is True
    assert second.take() is False
    assert (first.held, second.held) == (True, False)
    first.release()
    assert first.held is False
    assert second.take() is True
    assert first.take() is False


def test_who_has_it_takes_it_again(make, left_open, path):
    lock = make()
    assert [lock.take() for _ in range(3)] == [True] * 3
    assert left_open(path) == 1
    lock.release()
    lock.release()
    assert left_open(path) == 0


def test_who_has_it_does_not_let_it_go_to_take_it_again(make, monkeypatch):
    lock = make()
    lock.take()

    def taken(handle, how):
        raise BlockingIOError

    monkeypatch.setattr(fcntl, "flock", taken)  # as by somebody who was faster
    assert lock.take() is True


def test_who_does_not_get_it_leaves_nothing_open_and_knows_who_has_it(make, left_open, path):
    first, second = make(), make()
    assert second.holder() == "another process"
    first.take()
    for _ in range(3):
        second.take()
    assert left_open(path) == 1
    assert second.holder() == f"process {os.getpid()} on {socket.gethostname()}"


def test_what_the_last_holder_wrote_is_gone(make, path):
    path.write_text("x" * 1000)
    make().take()
    assert path.read_text() == f"process {os.getpid()} on {socket.gethostname()}"


def test_a_holder_that_has_written_nothing_yet_is_another_process(make, path):
    lock = make()
    with path.open("wb") as theirs:
        fcntl.flock(theirs, fcntl.LOCK_EX)
        assert lock.take() is False
    assert lock.holder() == "another process"


def test_what_is_shown_of_the_holder_is_the_beginning_of_the_file_in_printable_letters(make, path):
    path.write_bytes(b"a\x1b[31m\nb" + b"c" * 1000)
    lock = make()
    with path.open("rb+") as theirs:
        fcntl.flock(theirs, fcntl.LOCK_EX)
        lock.take()
    assert lock.holder().startswith("a[31mbcc")
    assert len(lock.holder()) < 210


def test_a_file_that_was_removed_ends_its_holders_right(make, left_open, path, tmp_path):
    first, second = make(), make()
    first.take()
    path.unlink()
    assert first.held is False
    assert second.take() is True
    assert first.take() is False
    assert left_open(tmp_path) == 1
    second.release()
    assert first.take() is True


def test_a_file_that_is_removed_while_it_is_taken_is_not_the_lock(
    make, left_open, path, tmp_path, monkeypatch
):
    lock, flock = make(), fcntl.flock

    def removed(handle, how):
        flock(handle, how)
        path.unlink()

    with monkeypatch.context() as there:
        there.setattr(fcntl, "flock", removed)
        assert lock.take() is False
    assert lock.held is False
    assert left_open(tmp_path) == 0
    assert lock.take() is True


def test_a_file_system_without_locks_is_an_error_that_leaves_nothing_open(
    make, left_open, path, monkeypatch
):
    def refuse(handle, how):
        raise OSError(errno.ENOLCK, "No locks available")

    lock = make()
    with monkeypatch.context() as there:
        there.setattr(fcntl, "flock", refuse)
        with pytest.raises(OSError, match="No locks available"):
            lock.take()
    assert lock.held is False
    assert left_open(path) == 0


# -- whether it can be had at all -----------------------------------------------------------------------


def test_the_file_is_made_for_this_user_alone_and_programs_it_starts_do_not_have_it(
    make, left_open, path
):
    lock = make()
    lock.check()
    assert path.stat().st_mode & 0o777 == 0o600
    assert left_open(path) == 0
    lock.take()
    assert not os.get_inheritable(lock._handle)


def test_a_place_where_no_file_can_be_made_is_told(make, tmp_path):
    with pytest.raises(FileNotFoundError, match="leader_lock needs a file that can be made") as got:
        make(tmp_path / "nowhere" / "leader").check()
    assert got.value.filename == str(tmp_path / "nowhere" / "leader")


def test_a_system_without_such_locks_is_told(make, path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with pytest.raises(OSError, match="needs a POSIX system"):
        make().check()
    assert not path.exists()


# -- forks ----------------------------------------------------------------------------------------------


def forked(function) -> int:
    """Return the exit status of a forked child that calls this function: 0 if it says so."""
    pid = os.fork()
    if not pid:
        try:
            os._exit(0 if function() else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_forked_child_holds_nothing_and_the_parent_goes_on(make, left_open, path):
    lock, other = make(), make()
    lock.take()
    assert forked(lambda: not lock.held and not lock.take() and left_open(path) == 0) == 0
    assert lock.held
    assert other.take() is False


def test_a_forked_child_can_take_one_itself_though_a_thread_was_at_it(make):
    lock = make()
    assert forked(lock.take) == 0
    assert leading._guard.acquire(blocking=False)
    leading._guard.release()
    assert lock.take() is True, "a lock ends with its process"


def test_no_other_thread_opens_or_closes_the_file_while_a_fork_is_under_way():
    free = []

    def look():
        free.append(leading._guard.acquire(blocking=False))
        if free[-1]:
            leading._guard.release()

    for turn in (leading._hold, leading._go_on):
        turn()
        thread = Thread(target=look)
        thread.start()
        thread.join()
    assert free == [False, True]


def test_a_lock_that_was_released_is_forgotten(make):
    lock = make()
    lock.take()
    assert lock in leading._holding
    lock.release()
    assert lock not in leading._holding
