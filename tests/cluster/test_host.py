"""When a process is provably gone, and all the cases in which that cannot be known."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from databases import Place

from apscheduler.cluster import host
from apscheduler.cluster.host import Host, is_gone, new_epoch, this_process
from apscheduler.jobstores._sql.schema.tables import HOST_COLUMNS
from apscheduler.testing import FakeClock, ManualScheduler

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="this system has no /proc: the lease decides there"
)


@pytest.fixture
def here():
    return this_process()


def changed(given: Host, **values) -> Host:
    return Host(**{name: getattr(given, name) for name in Host.__slots__} | values)


@pytest.fixture
def other():
    """A process that lives until its test ends."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


@pytest.fixture
def epoch():
    return new_epoch()


def started(process) -> str:
    return host._state_of(process.pid)[1]


def test_everything_can_be_told_here(here):
    assert None not in (here.machine, here.boot, here.pid_space, here.pid_started)
    machine = host._read("/etc/machine-id")
    assert not machine or machine not in here.machine


def test_a_living_process_is_not_gone(here, other, epoch):
    assert not is_gone(os.getpid(), here, here, epoch)
    assert not is_gone(other.pid, changed(here, pid_started=started(other)), here, epoch)


def test_a_process_that_was_killed_is_gone_also_while_nobody_has_waited_for_it(here, other, epoch):
    theirs = changed(here, pid_started=started(other))
    other.kill()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    assert host._state_of(other.pid)[0] == "Z"
    assert is_gone(other.pid, theirs, here, epoch)
    other.wait()
    assert is_gone(other.pid, theirs, here, epoch)


def test_a_number_that_was_given_to_another_process_is_gone(here, other, epoch):
    assert is_gone(other.pid, changed(here, pid_started="1"), here, epoch)


@pytest.mark.parametrize("name", ["machine", "boot", "pid_space"])
@pytest.mark.parametrize("value", ["another", None])
def test_nothing_is_known_of_another_machine_start_of_it_or_namespace(here, name, value, epoch):
    theirs = changed(here, **{name: value, "pid_started": "1"})
    assert not is_gone(os.getpid(), theirs, here, epoch)
    assert not is_gone(os.getpid(), theirs, changed(here, **{name: None}), epoch)


def test_nothing_is_known_of_a_node_that_says_nothing(here, epoch):
    assert not is_gone(os.getpid(), Host(), here, epoch)
    assert not is_gone(os.getpid(), changed(here, pid_started=None), here, epoch)


def test_nothing_is_known_without_a_proc_of_ones_own(monkeypatch, here, other, epoch):
    theirs = changed(here, pid_started="1")
    monkeypatch.setattr(host, "_read", lambda _: None)
    assert not is_gone(other.pid, theirs, here, epoch), "its start is hidden"
    assert this_process().boot is None
    monkeypatch.setattr(os, "readlink", lambda _: "1")
    assert this_process().pid_space is None


def test_a_number_that_no_system_has_is_no_error(here, epoch):
    assert is_gone(1 << 62, changed(here, pid_started="1"), here, epoch) is False


# -- a process that replaces its program -----------------------------------------------------------------

EPOCH_BEFORE_AND_AFTER = """
import os, sys
from apscheduler.cluster.host import is_gone, new_epoch, this_process
if len(sys.argv) == 1:
    os.execv(sys.executable, [sys.executable, __file__, str(new_epoch())])
here, own = this_process(), new_epoch()
print(*(is_gone(os.getpid(), here, here, epoch) for epoch in (int(sys.argv[1]), own)))
"""

EPOCH_OF_A_CHILD = """
import os
from apscheduler.cluster.host import is_gone, new_epoch, this_process
here, own = this_process(), new_epoch()
if not os.fork():
    child = this_process()
    print(is_gone(os.getppid(), here, child, own), is_gone(os.getpid(), child, child, new_epoch()), flush=True)
    os._exit(0)
os.wait()
"""


def told_by(tmp_path, program: str) -> list[str]:
    path = tmp_path / "program.py"
    path.write_text(program)
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False)
    assert not done.stderr
    return done.stdout.split()


def test_what_a_process_was_before_it_replaced_its_program_is_gone(tmp_path):
    assert told_by(tmp_path, EPOCH_BEFORE_AND_AFTER) == ["True", "False"]


def test_a_forked_child_and_its_parent_are_both_there(tmp_path):
    assert told_by(tmp_path, EPOCH_OF_A_CHILD) == ["False", "False"]


def test_another_copy_of_the_module_in_this_process_is_no_other_program(here):
    specification = importlib.util.find_spec(host.__name__)
    copy = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(copy)
    assert not is_gone(os.getpid(), here, here, copy.new_epoch())


@pytest.mark.parametrize("joined", [True, False])
def test_nothing_is_known_where_a_program_could_not_be_told(monkeypatch, here, epoch, joined):
    of_another = 0 if joined else (epoch >> 38 ^ 1) << 38
    if not joined:
        monkeypatch.setattr(host, "_program", lambda: 0)
    assert not is_gone(os.getpid(), here, here, of_another or 1)


def test_two_memberships_of_one_process_live_beside_each_other(here):
    epochs = {new_epoch() for _ in range(1000)}
    assert len(epochs) == 1000
    assert all(0 < each < 1 << 62 for each in epochs)
    assert not any(is_gone(os.getpid(), here, here, each) for each in epochs)


def test_a_store_of_this_process_is_not_buried_by_another_one_and_the_one_before_is(tmp_path):
    place = Place("sqlite", tmp_path)
    first, second = place.store(), place.store()
    schedulers = [ManualScheduler(jobstores={"default": each}) for each in (first, second)]
    for each in schedulers:
        each.start()
        each.tick()
    (a,), (b,) = ([node for node in each.nodes() if node.is_self] for each in (first, second))
    first._session.membership.beat()
    second._session.membership.beat()
    assert {node.epoch for node in first.nodes()} == {a.epoch, b.epoch}
    before = b.epoch ^ 1 << 40
    place.change("UPDATE {t}_nodes SET epoch = :before WHERE epoch = :b", before=before, b=b.epoch)
    first._session.membership.beat()
    assert {node.epoch for node in first.nodes()} == {a.epoch}
    for each in schedulers:
        each.shutdown()
    place.close()


def test_a_node_that_joins_says_which_process_of_which_host_it_is(tmp_path):
    place = Place("sqlite", tmp_path)
    scheduler = ManualScheduler(jobstores={"default": place.store()}, clock=FakeClock())
    scheduler.start()
    scheduler.tick()
    columns = ", ".join(HOST_COLUMNS)
    (row,) = place.rows(f"SELECT {columns} FROM {{t}}_nodes")
    scheduler.shutdown()
    place.close()
    here = this_process()
    assert row == tuple(getattr(here, name) for name in HOST_COLUMNS)
    assert here.version
