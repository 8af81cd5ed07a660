"""Who counts as another process on a file that is for one."""

from __future__ import annotations

import os
import socket
from copy import copy

import pytest

from apscheduler._engine.instants import SECOND
from apscheduler.cluster.host import this_process
from apscheduler.cluster.nodes import NodeRow
from apscheduler.jobstores._sql.guarding.alone import Alone, SharingRefusedError

NOW = 1_000 * SECOND
OWN_NAME = f"{socket.gethostname()[:80]}-{os.getpid()}-0badcafe"


def node(name, *, until=NOW + 10 * SECOND, lease=SECOND, beat=3, **host):
    told = copy(this_process())
    for key, value in host.items():
        setattr(told, key, value)
    return NodeRow(7, name, os.getpid(), beat, lease, until, NOW - SECOND, told)


@pytest.fixture
def alone():
    return Alone("/media/x.sqlite", "nfs4")


def test_a_scheduler_of_this_process_is_no_other(alone):
    alone.check([node(OWN_NAME)], NOW)
    alone.check([node(OWN_NAME, boot=None, machine=None, pid_space=None, pid_started=None)], NOW)


@pytest.mark.parametrize("what", ["boot", "machine", "pid_space"])
def test_the_first_process_of_another_container_of_this_name_is_another(alone, what):
    with pytest.raises(SharingRefusedError, match="nfs4"):
        alone.check([node(OWN_NAME, **{what: "another"})], NOW)


def test_a_lease_that_is_over_and_a_process_that_is_gone_are_no_others(alone):
    other = OWN_NAME.replace(str(os.getpid()), "x")
    alone.check([node(other, until=NOW, boot="another")], NOW)
    alone.check([node(other, pid_started="1")], NOW)  # its number is another process's by now


def test_a_node_whose_host_is_ahead_is_waited_for_by_this_hosts_clock(alone):
    row = node("elsewhere-1-0badcafe", until=NOW * 1000, lease=SECOND // 2, boot="another")
    told = []
    alone.wait(lambda: ([row], NOW), told.append)
    assert len(told) == 1
    assert "elsewhere-1-0badcafe" in told[0]
    alone.check([row], NOW)  # nor does it keep this process from joining


def test_a_node_that_beats_or_comes_meanwhile_is_alive(alone):
    beats = iter(range(100))
    with pytest.raises(SharingRefusedError):
        alone.wait(
            lambda: ([node("elsewhere-1-0badcafe", beat=next(beats), boot="another")], NOW), print
        )
    looks = iter(
        (
            [node("elsewhere-1-0badcafe", boot="another")],
            [NodeRow(8, "new-2-0badcafe", 2, 0, SECOND, NOW * 2, NOW)],
        )
    )
    with pytest.raises(SharingRefusedError, match="new-2-0badcafe"):
        alone.wait(lambda: (next(looks), NOW), print)
