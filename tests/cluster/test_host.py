"""When a process is provably gone, and all the cases in which that cannot be known."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from databases import Place

from apscheduler.cluster import host
from apscheduler.cluster.host import Host, is_gone, this_process
from apscheduler.jobstores._sql.tables import HOST_COLUMNS
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


def started(process) -> str:
    return host._state_of(process.pid)[1]


def test_everything_can_be_told_here(here):
    assert None not in (here.machine, here.boot, here.pid_space, here.pid_started)
    machine = host._read("/etc/machine-id")
    assert not machine or machine not in here.machine


def test_a_living_process_is_not_gone(here, other):
    assert not is_gone(os.getpid(), here, here)
    assert not is_gone(other.pid, changed(here, pid_started=started(other)), here)


def test_a_process_that_was_killed_is_gone_also_while_nobody_has_waited_for_it(here, other):
    theirs = changed(here, pid_started=started(other))
    other.kill()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    assert host._state_of(other.pid)[0] == "Z"
    assert is_gone(other.pid, theirs, here)
    other.wait()
    assert is_gone(other.pid, theirs, here)


def test_a_number_that_was_given_to_another_process_is_gone(here, other):
    assert is_gone(other.pid, changed(here, pid_started="1"), here)


@pytest.mark.parametrize("name", ["machine", "boot", "pid_space"])
@pytest.mark.parametrize("value", ["another", None])
def test_nothing_is_known_of_another_machine_start_of_it_or_namespace(here, name, value):
    theirs = changed(here, **{name: value, "pid_started": "1"})
    assert not is_gone(os.getpid(), theirs, here)
    assert not is_gone(os.getpid(), theirs, changed(here, **{name: None}))


def test_nothing_is_known_of_a_node_that_says_nothing(here):
    assert not is_gone(os.getpid(), Host(), here)
    assert not is_gone(os.getpid(), changed(here, pid_started=None), here)


def test_nothing_is_known_without_a_proc_of_ones_own(monkeypatch, here, other):
    theirs = changed(here, pid_started="1")
    monkeypatch.setattr(host, "_read", lambda _: None)
    assert not is_gone(other.pid, theirs, here), "its start is hidden"
    assert this_process().boot is None
    monkeypatch.setattr(os, "readlink", lambda _: "1")
    assert this_process().pid_space is None


def test_a_number_that_no_system_has_is_no_error(here):
    assert is_gone(1 << 62, changed(here, pid_started="1"), here) is False


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
