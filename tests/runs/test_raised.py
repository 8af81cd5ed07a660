"""An exception's own fields, whatever its class makes of attributes; and that nobody sets them by another way."""

from __future__ import annotations

import ast
import copy
import pickle
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from apscheduler.executors import base as executors
from apscheduler.jobstores import base as jobstores
from apscheduler.runs import raised
from tools import ROOT


@dataclass(frozen=True)
class FrozenError(Exception):
    code: int


class UntouchableError(Exception):
    def __setattr__(self, name, value):
        raise SystemExit

    def __getattribute__(self, name):
        raise SystemExit


def test_the_fields_of_any_exception_are_read_and_set():
    for exc in (FrozenError(5), UntouchableError(), ValueError()):
        cause, context = KeyError("cause"), KeyError("context")
        with pytest.raises(BaseException) as found:
            raise exc
        assert raised.traceback_of(exc) is found.tb
        raised.set_traceback(exc, None)
        assert raised.traceback_of(exc) is None
        raised.set_context(exc, context)
        assert raised.context_of(exc) is context
        assert not raised.hides_context(exc)
        raised.set_cause(exc, cause)
        assert raised.cause_of(exc) is cause
        assert raised.hides_context(exc)


FIELDS = {"__traceback__", "__cause__", "__context__", "__suppress_context__"}
PACKAGE = ROOT / "src" / "apscheduler"


def sets_a_field(tree):
    return any(
        isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and node.attr in FIELDS
        for node in ast.walk(tree)
    )


def test_no_field_of_an_exception_is_set_by_attribute():
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if sets_a_field(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found == set()


@pytest.mark.parametrize(("text", "sets"), [("e.__cause__ = x", True), ("x = e.__cause__", False)])
def test_what_sets_a_field_is_known_by_its_form(text, sets):
    assert sets_a_field(ast.parse(text)) is sets


# -- pickling --------------------------------------------------------------------------------------------


MADE = [
    jobstores.ConflictingIdError("a"),
    jobstores.JobLookupError("a"),
    jobstores.QuarantinedJobError("a", "why"),
    jobstores.TransientJobError("a"),
    jobstores.UnknownJobError("a", "b"),
    executors.InterpreterEndingError(),
    executors.JobTimeoutError("late"),
    executors.MaxInstancesReachedError(SimpleNamespace(id="a", max_instances=3)),
    executors.WorkerDiedError("gone"),
]


@pytest.mark.parametrize("exc", MADE, ids=lambda exc: type(exc).__name__)
def test_our_errors_are_the_same_after_a_way_through_a_pickle(exc):
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        found = pickle.loads(pickle.dumps(exc, protocol))
        assert (type(found), str(found), vars(found)) == (type(exc), str(exc), vars(exc))
    assert str(copy.copy(exc)) == str(exc)


def test_all_errors_of_stores_and_executors_are_among_them():
    found = {
        kind
        for module in (jobstores, executors)
        for kind in vars(module).values()
        if isinstance(kind, type)
        and issubclass(kind, BaseException)
        and kind.__module__.startswith("apscheduler.")
    }
    assert found == {type(exc) for exc in MADE}
