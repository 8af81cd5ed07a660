"""Which states a run goes through: what is allowed, and what a database has seen, by triggers on the ledger's table."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from apscheduler.history.states import OUTCOMES, PENDING, RUNNING, STEPS, name_of

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = {state: name_of(state) for state in (PENDING, RUNNING, *OUTCOMES)}
NOTHING = name_of(None)
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


def lines() -> dict[str, set[Step]]:
    """Return the steps that each line of the table allows."""
    return {repr(line): set(_steps(line)) for line in STEPS}


def _steps(line) -> Iterator[Step]:
    for state in line.after:
        yield Step(name_of(line.before), name_of(state), int(line.grows))


def allowed() -> set[Step]:
    return set().union(*lines().values())
