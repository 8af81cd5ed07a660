"""What a child process forgets, whoever forked it."""

from __future__ import annotations

import os

import pytest

from apscheduler import forks

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture
def called(monkeypatch):
    monkeypatch.setattr(forks, "_callbacks", [])
    return []


def test_nothing_is_forgotten_in_the_same_process(called):
    forks.after_fork(lambda: called.append(1))
    forks.look()
    assert called == []


def test_a_fork_that_python_was_not_told_of_is_noticed_once(called, monkeypatch):
    forks.after_fork(lambda: called.append(1))
    monkeypatch.setattr(forks, "_pid", os.getpid() + 1)  # as it is there: the hooks were not called
    forks.look()
    forks.look()
    assert called == [1]


def test_one_that_fails_does_not_keep_the_others_from_forgetting(called, monkeypatch):
    forks.after_fork(lambda: 1 / 0)
    forks.after_fork(lambda: called.append(1))
    monkeypatch.setattr(forks, "_pid", os.getpid() + 1)
    with pytest.raises(ZeroDivisionError):
        forks.look()
    assert called == [1]
