"""docs/how-to/why-did-my-job-not-run.md tells of every reason that the code gives for a late start."""

from __future__ import annotations

import ast
import inspect
import textwrap

import pytest

from apscheduler.executors._tasks.runs import TaskRuns
from apscheduler.executors._threads.pool import WorkerPool
from apscheduler.history import reasons
from apscheduler.history.outcomes import Outcome
from apscheduler.schedulers._dispatch.lateness import Lateness
from tools import ROOT

PAGE = (ROOT / "docs/how-to/why-did-my-job-not-run.md").read_text("utf-8")


def words(text: ast.expr) -> str:
    """The text of an expression, with the page's example for what is filled in."""
    if isinstance(text, ast.Constant):
        return str(text.value)
    assert isinstance(text, ast.JoinedStr)
    return "".join(
        part.value if isinstance(part, ast.Constant) else filled(part) for part in text.values
    )


def filled(part: ast.expr) -> str:
    name = ast.unparse(part)
    return "10" if "workers" in name else "…" if "pool_name" in name else "'default'"


def returned(function) -> list[str]:
    """The texts that a function returns."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return [
        words(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Constant | ast.JoinedStr)
    ]


REASONS = [
    reason
    for function in (Lateness._cause, WorkerPool.why_late, reasons.all_busy, TaskRuns.why_late)
    for reason in returned(function)
]


def test_there_are_reasons_to_look_for() -> None:
    assert len(REASONS) == 11


@pytest.mark.parametrize("reason", REASONS)
def test_a_reason_for_a_late_start_is_in_the_table(reason) -> None:
    assert f"| {reason} |" in PAGE


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_is_in_the_table(outcome) -> None:
    assert f"| `{outcome}`" in PAGE


def test_the_words_of_other_reasons_are_those_of_the_code() -> None:
    assert reasons.MOVED_BY_ANOTHER.startswith("another program moved this job's next fire time ")
    assert "another program moved this job's next fire time …" in PAGE
