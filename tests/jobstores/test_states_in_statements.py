"""The statements of the SQL store write, and look for, the states that the table in ``history/states.py`` has."""

from __future__ import annotations

import re

import pytest
from cluster.rules import (
    a_crash_costs_a_portion_of_a_catch_up,
    a_free_catch_up_is_taken_by_one,
    a_late_word_about_a_lost_run_is_the_truth,
    a_run_taken_from_the_dead_changes_its_token,
)
from cluster.test_run_states import (
    a_job_is_removed_while_its_run_is_free,
    a_run_wears_out_five_processes,
)
from sqlalchemy import Update, event

from apscheduler.history.outcomes import Outcome
from apscheduler.history.states import (
    FINAL,
    LOST,
    OUTCOMES,
    PENDING,
    RUNNING,
    STATES,
    STEPS,
    Step,
)
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore

DATABASES = {
    "postgresql": "postgresql+psycopg://nobody@nowhere/none",
    "mysql": "mysql+pymysql://nobody@nowhere/none",
    "sqlite": "sqlite:///none.db",
}
STATE_IN_SQL = re.compile(r"(?<![\w:?])(?:\w+\.)?state *(=|<|>=) *(\S+?)(?=[\s,)]|$)")
ANY = "the outcome that is given"
Found = tuple[int | None, int | str, bool]
"""State before, state after, and whether the token grows."""


def texts(kind: str) -> dict[str, str]:
    """Return each statement of a kind of database that has a text of its own."""
    made = vars(SQLAlchemyJobStore(DATABASES[kind])._parts.statements)
    return {
        name: str(each)
        for name, each in made.items()
        if re.search(r"\bSELECT|\bSET|\bINTO|\bDELETE", str(each))
    }


def step_of(statement: str) -> Found | None:
    """Return the change of state that a statement on the ledger makes, if it makes one."""
    if statement.startswith("INSERT"):
        return _inserted(statement)
    setting, _, where = statement.partition(" WHERE ")
    after = STATE_IN_SQL.search(setting.partition(" SET ")[2])
    if not statement.startswith("UPDATE") or after is None:
        return None
    (before,) = {int(value) for sign, value in STATE_IN_SQL.findall(where) if sign == "="}
    became = int(after[2]) if after[2].isdigit() else ANY
    return before, became, bool(re.search(r"\btoken *=", setting))


def _inserted(statement: str) -> Found | None:
    columns, _, values = statement.partition(")")
    if " state" not in columns:
        return None  # another table's
    running = re.findall(rf"\b0, {RUNNING}, 1, ", values)
    return None, RUNNING if running else ANY, False


def is_allowed(found: Found) -> bool:
    before, after, grows = found
    wanted = set(OUTCOMES) if after == ANY else {after}
    return any(
        step.before == before and wanted <= set(step.after) and step.grows == grows
        for step in STEPS
    )


@pytest.mark.parametrize("kind", DATABASES)
def test_each_change_of_state_that_a_statement_makes_is_a_step_of_the_table(kind):
    found = {name: step for name, text in texts(kind).items() if (step := step_of(text))}
    assert {name: step for name, step in found.items() if not is_allowed(step)} == {}
    assert found == {
        "_insert_runs": (None, RUNNING, False),
        "_insert_last_runs": (None, RUNNING, False),
        "_closed": (None, ANY, False),
        "_settle": (RUNNING, ANY, False),
        "settle_one": (RUNNING, ANY, False),
        "give_back": (RUNNING, PENDING, True),
        "give_back_portion": (RUNNING, PENDING, True),
        "give_back_rest": (RUNNING, PENDING, True),
        "take_pending": (PENDING, RUNNING, True),
    }


@pytest.mark.parametrize("kind", DATABASES)
def test_no_statement_looks_for_a_state_that_is_none(kind):
    looked_for = {
        name: {(sign, value) for sign, value in STATE_IN_SQL.findall(text) if value.isdigit()}
        for name, text in texts(kind).items()
    }
    known = {("=", str(PENDING)), ("=", str(RUNNING)), ("<", str(FINAL))}
    assert {name: found - known for name, found in looked_for.items() if found - known} == {}


# -- statements that are made when they are needed ------------------------------------------------------------------


def made(stage, scenario) -> set[Found]:
    """Return the changes of state in statements that are made of parts, as a scenario runs them."""
    found = set()

    def look(connection, statement, *_) -> None:
        if isinstance(statement, Update) and statement.table.name.endswith("_runs"):
            bound = {"literal_binds": True}
            text = str(statement.compile(dialect=connection.dialect, compile_kwargs=bound))
            found.add(step_of(text.replace("\n", " ")))

    for node in (stage.a, stage.b):
        event.listen(node.store.engine, "before_execute", look)
    scenario(stage)
    return found - {None}


PLAYED = {
    a_run_wears_out_five_processes: {(RUNNING, STATES[Outcome.FAILED], False)},
    a_run_taken_from_the_dead_changes_its_token: {(RUNNING, PENDING, True)},
    a_late_word_about_a_lost_run_is_the_truth: {
        (RUNNING, LOST, False),
        (LOST, STATES[Outcome.EXECUTED], False),
    },
    a_job_is_removed_while_its_run_is_free: {(PENDING, STATES[Outcome.CANCELLED], False)},
    a_free_catch_up_is_taken_by_one: {(PENDING, RUNNING, True)},
    a_crash_costs_a_portion_of_a_catch_up: {
        (RUNNING, LOST, False),
        (RUNNING, PENDING, True),
        (PENDING, RUNNING, True),
    },
}


@pytest.mark.parametrize("scenario", PLAYED, ids=lambda scenario: scenario.__name__)
def test_each_change_of_state_that_is_made_of_parts_is_a_step_of_the_table(scenario, stage):
    found = made(stage, scenario)
    assert [step for step in found if not is_allowed(step)] == []
    assert PLAYED[scenario] <= found


def test_each_step_of_the_table_has_a_statement():
    by_text = {step for text in texts("sqlite").values() if (step := step_of(text))}
    known = set().union(by_text, *PLAYED.values())
    assert [step for step in STEPS if not any(_takes(step, found) for found in known)] == []


def _takes(step: Step, found: Found) -> bool:
    before, after, grows = found
    return (before, grows) == (step.before, step.grows) and (
        after in step.after or (after == ANY and len(step.after) == len(OUTCOMES))
    )
