"""Which states a run goes through: what the page says, and what a database has seen, by triggers on the ledger's table."""

from __future__ import annotations

import re
from typing import NamedTuple

from apscheduler.jobstores._sql.schema.tables import OUTCOMES, PENDING, RUNNING
from tools import ROOT

PAGE = ROOT / "docs" / "explanation" / "claim-protocol.md"
NAMES = {PENDING: "PENDING", RUNNING: "RUNNING", **{code: str(o) for code, o in OUTCOMES.items()}}
FINAL = {str(outcome) for outcome in OUTCOMES.values()}
NOTHING = "no row"
WRITING = {
    "sqlite": (
        """CREATE TRIGGER {t}_begins AFTER INSERT ON {t}_runs BEGIN
            INSERT INTO {t}_seen VALUES (NULL, NEW.state, 0); END""",
        """CREATE TRIGGER {t}_goes_on AFTER UPDATE ON {t}_runs WHEN OLD.state <> NEW.state BEGIN
            INSERT INTO {t}_seen VALUES (OLD.state, NEW.state, NEW.token - OLD.token); END""",
    ),
    "mariadb": (
        """CREATE TRIGGER {t}_begins AFTER INSERT ON {t}_runs FOR EACH ROW
            INSERT INTO {t}_seen VALUES (NULL, NEW.state, 0)""",
        """CREATE TRIGGER {t}_goes_on AFTER UPDATE ON {t}_runs FOR EACH ROW
            INSERT INTO {t}_seen SELECT OLD.state, NEW.state, NEW.token - OLD.token
            FROM DUAL WHERE OLD.state <> NEW.state""",
    ),
    "postgresql": (
        """CREATE FUNCTION {t}_sees() RETURNS trigger AS $$ BEGIN
            IF TG_OP = 'INSERT' THEN INSERT INTO {t}_seen VALUES (NULL, NEW.state, 0);
            ELSIF OLD.state <> NEW.state THEN
                INSERT INTO {t}_seen VALUES (OLD.state, NEW.state, NEW.token - OLD.token);
            END IF; RETURN NULL; END $$ LANGUAGE plpgsql""",
        """CREATE TRIGGER {t}_seen AFTER INSERT OR UPDATE ON {t}_runs
            FOR EACH ROW EXECUTE FUNCTION {t}_sees()""",
    ),
}


class Step(NamedTuple):
    """A change of a run's state, and by how much its token grew."""

    before: str
    after: str
    token: int


class Recorder:
    """Notes each change of a run's state on one place, in the transaction that makes it."""

    def __init__(self, place, node) -> None:
        node(place).close()  # its start makes the tables
        place.change("CREATE TABLE {t}_seen (was INTEGER, became INTEGER, token INTEGER)")
        for statement in WRITING[place.kind]:
            place.change(statement)
        self.place = place

    def seen(self) -> set[Step]:
        rows = self.place.rows("SELECT DISTINCT was, became, token FROM {t}_seen")
        return {Step(NAMES.get(was, NOTHING), NAMES[became], by) for was, became, by in rows}

    def close(self) -> None:
        self.place.change("DROP TABLE {t}_seen")
        if self.place.kind == "postgresql":
            self.place.change("DROP FUNCTION {t}_sees() CASCADE")


def on_the_page() -> dict[str, set[Step]]:
    """Return the steps that each line of the page's table allows."""
    section = PAGE.read_text("utf-8").split("## The states of a run")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return {line: set(_steps(*line.strip("| ").split(" | "))) for line in lines}


def _steps(before: str, after: str, _who: str, compared: str):
    token = 1 if "the token grows" in compared else 0
    for state in FINAL if after.startswith("final") else re.findall(r"`(\w+)`", after):
        yield Step(before.strip("`"), state, token)


def allowed() -> set[Step]:
    return set().union(*on_the_page().values())
