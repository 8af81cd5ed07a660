"""Workers of one application find each other by a byte of one file: who has it, who is told, when it is free again.

The other worker is a forked child.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import sys
from types import SimpleNamespace

import pytest

from apscheduler.schedulers._start import twins
from apscheduler.schedulers.background import BackgroundScheduler

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="needs fork and locks of bytes"),
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),
]


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    """Have a file of one's own, and nothing held; return its path."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    for name in ("WERKZEUG_RUN_MAIN", "RUN_MAIN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(twins, "_held", {})
    monkeypatch.setattr(twins, "_file", [])
    yield tmp_path / "tickwright.lock"
    for _, handle in twins._file:
        os.close(handle)


def enter():
    """Take the byte of the application that starts its schedulers here."""
    return twins.enter()


def in_child(function):
    """Return what a forked child gets from this function, with its id in the place of its number."""
    there, here = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.write(here, json.dumps(function()).encode())
        finally:
            os._exit(0)
    os.close(here)
    os.waitpid(pid, 0)
    answer = os.read(there, 4096)
    os.close(there)
    return json.loads(answer)


def refused():
    return [None, f"process {os.getpid()}"]


# -- the byte -------------------------------------------------------------------------------------------


def test_who_starts_at_the_same_line_is_one_application_and_at_another_it_is_not():
    same = [twins.identity() for _ in range(2)]
    other = twins.identity()
    assert same[0] == same[1] != other
    assert [in_child(twins.identity) for _ in range(2)] == [in_child(twins.identity)] * 2


def test_the_second_process_is_told_who_was_first():
    byte, other = enter()
    assert byte is not None
    assert other is None
    assert in_child(enter) == refused()


def test_a_process_does_not_disturb_itself_and_has_the_byte_until_its_last_scheduler_leaves():
    byte, _ = enter()
    assert enter() == (byte, None)
    assert enter() == (byte, None)
    twins.leave(byte)
    twins.leave(byte)
    assert in_child(enter) == refused()
    twins.leave(byte)
    assert in_child(enter) == [byte, None]
    assert enter() == (byte, None), "a lock ends with its process"


def test_who_comes_first_again_after_it_left_holds_it_again():
    byte, _ = enter()
    twins.leave(byte)
    twins.leave(byte)
    assert enter() == (byte, None)
    assert in_child(enter) == refused()


def test_a_byte_that_was_never_taken_is_not_given_back():
    twins.leave(5)
    byte, _ = enter()
    twins.leave(byte + 1)
    assert in_child(enter) == refused()


def test_a_child_gives_back_nothing_of_its_parents():
    byte, _ = enter()
    in_child(lambda: twins.leave(byte))
    assert in_child(enter) == refused()


def test_two_applications_with_neighbouring_bytes_do_not_meet(monkeypatch):
    monkeypatch.setattr(twins, "identity", lambda: 1000)
    enter()

    def the_next():
        fcntl.lockf(twins._handle(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 1001)
        return "free"

    assert in_child(the_next) == "free"
    assert in_child(lambda: twins._holder(twins._handle(), 999)) == "another process"
    monkeypatch.setattr(twins, "identity", lambda: 1001)
    enter()
    twins.leave(1000)
    assert in_child(enter) == refused()


def test_a_holder_that_has_gone_meanwhile_is_another_process():
    byte, _ = enter()
    assert twins._holder(twins._handle(), byte) == "another process"


def test_where_the_system_does_not_say_who_holds_it_it_is_another_process(monkeypatch):
    enter()

    def elsewhere():
        sys.platform = "darwin"
        return enter()

    assert in_child(elsewhere) == [None, "another process"]


# -- the file -------------------------------------------------------------------------------------------


def test_the_file_is_in_the_users_folder_and_the_users_alone(file):
    enter()
    assert twins.place() == str(file)
    assert file.stat().st_mode & 0o777 == 0o600


def test_without_such_a_folder_it_is_among_the_temporary_files(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("TMPDIR", "/elsewhere")
    assert twins.place() == f"/elsewhere/tickwright-{os.getuid()}.lock"


def test_a_file_of_somebody_else_is_left_alone(file, monkeypatch):
    opened, user, really_open = [], os.getuid(), os.open

    def noted(*args):
        opened.append(really_open(*args))
        return opened[-1]

    with monkeypatch.context() as there:
        there.setattr(os, "open", noted)
        there.setattr(os, "getuid", lambda: user + 1)
        with pytest.raises(PermissionError, match="belongs to another user"):
            enter()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(opened[0])


# -- who is told ----------------------------------------------------------------------------------------


def looked():
    """Return what a process of this application is told when it starts such a scheduler, and whether it has the byte."""
    lines = []
    logger = SimpleNamespace(
        warning=lambda text, *words: lines.append(("WARNING", text % words)),
        debug=lambda text, *words: lines.append(("DEBUG", text % words)),
    )
    byte = twins.look(SimpleNamespace(_logger=logger))
    return [byte is not None, *lines]


def test_the_first_is_told_nothing_and_the_second_that_each_job_runs_twice():
    assert looked() == [True]
    has_it, (level, text) = in_child(looked)
    assert (has_it, level) == (False, "WARNING")
    assert f"runs in process {os.getpid()} too" in text
    assert text.endswith("web-servers-with-several-workers.md)")


@pytest.mark.parametrize("name", ["WERKZEUG_RUN_MAIN", "RUN_MAIN"])
def test_beside_a_reloader_it_is_said_what_to_do(monkeypatch, name):
    looked()
    monkeypatch.setenv(name, "true")
    _, (_, text) = in_child(looked)
    assert text.endswith(f"where the environment variable {name} is 'true'")
    monkeypatch.setenv(name, "false")
    _, (_, text) = in_child(looked)
    assert "reloader" not in text


def test_without_such_a_file_a_start_goes_on(file):
    file.symlink_to("/nowhere")
    has_it, (level, text) = looked()
    assert (has_it, level) == (False, "DEBUG")
    assert text.startswith("Not looked for other workers of this application")


def test_a_scheduler_has_the_byte_while_it_runs(caplog):
    caplog.set_level(logging.WARNING)

    def run():
        scheduler = BackgroundScheduler()
        scheduler.start()
        return scheduler

    def told():
        caplog.clear()
        run().shutdown()
        return len([each for each in caplog.records if "too, and each has" in each.getMessage()])

    scheduler = run()
    assert in_child(told) == 1
    scheduler.shutdown()
    assert in_child(told) == 0
