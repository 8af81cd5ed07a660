"""What the interpreter's end waits for: told once that has taken a while, and not before."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from apscheduler.executors._ending import waits as waited_for


@pytest.mark.parametrize(("looks", "told"), [(3, 0), (30, 1)])
def test_what_ends_soon_is_not_told_at_the_interpreters_end(monkeypatch, caplog, looks, told):
    now = [0.0]
    monkeypatch.setattr(waited_for, "monotonic", lambda: now[0])
    monkeypatch.setattr(
        waited_for, "sleep", lambda _: now.__setitem__(0, now[0] + waited_for.PATIENCE / 10)
    )
    job = SimpleNamespace(id="report")
    pool = SimpleNamespace(
        in_flight=lambda: [job] if now[0] < looks * waited_for.PATIENCE / 10 else []
    )
    waited_for.tell_at_exit([pool], logging.getLogger("apscheduler.executors"))
    assert [record.args for record in caplog.records] == [("report",)] * told
