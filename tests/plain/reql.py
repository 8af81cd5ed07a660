"""Tables, and the terms of ReQL that the job store and 3.11.3 send: a term or option that is not known is an error.

What is modelled where a simple guess is wrong: a secondary index holds no nulls, and cannot be used before somebody has
waited for it; a filter passes over rows that lack the field it asks for; a row that is not there is skipped, and many that
are not there are none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from plain.reql_values import ORDER, One, ReqlError, Row, Some, Stream, Table, compared, stored
from rethinkdb.ql2_pb2 import Response, Term

_TERM = Term.TermType
_ERROR = Response.ErrorType
_LONGEST_KEY = 127


class Tables:
    """All databases of a server.

    :ivar databases: by the name of the database, its tables by their names
    """

    def __init__(self) -> None:
        self.databases: dict[str, dict[str, Table]] = {"rethinkdb": {}, "test": {}}

    def run(self, term: Any, database: Any) -> tuple[bool, Any]:
        """Return whether a query's result is a stream, and the result."""
        found = Run(self, database, {}).value(term)
        if isinstance(found, One):
            return False, found.rows[0] if found.rows else None
        is_stream = isinstance(found, Table | Some | Stream)
        return is_stream, found.rows if is_stream else found


class Run:
    """The evaluation of one query."""

    def __init__(self, tables: Tables, database: Any, variables: dict[Any, Any]) -> None:
        self.tables, self.database, self.variables = tables, database, variables

    def value(self, term: Any) -> Any:
        if isinstance(term, dict):
            return {key: stored(self.value(each)) for key, each in term.items()}
        if not isinstance(term, list):
            return term
        code, arguments, options = [*term, *([], {})[len(term) - 1 :]]
        if code not in _TERMS:
            raise ReqlError(f"no such term: {code}")
        method, known = _TERMS[code]
        if options.keys() - known:
            raise ReqlError(f"no such options: {options}")
        return method(self, *arguments, **options)

    def called(self, function: Any, row: Any) -> Any:
        code, ((_, names), body) = function
        assert code == _TERM.FUNC, function
        variables = {**self.variables, None: row, names[0]: row}
        return Run(self.tables, self.database, variables).value(body)

    # -- places -------------------------------------------------------------------------------------

    def db(self, name: str) -> dict[str, Table]:
        if name not in self.tables.databases:
            raise ReqlError(f"Database `{name}` does not exist.", _ERROR.OP_FAILED)
        return self.tables.databases[name]

    def _of(self, place: tuple[Any, ...]) -> dict[str, Table]:
        found: dict[str, Table] = self.value(place[0] if place else self.database)
        return found

    def table(self, *place: Any) -> Table:
        *database, name = place
        tables = self._of(tuple(database))
        if name not in tables:
            raise ReqlError(f"Table `{name}` does not exist.", _ERROR.OP_FAILED)
        return tables[name]

    def db_list(self) -> list[str]:
        return list(self.tables.databases)

    def db_create(self, name: str) -> Row:
        _must_be_new("Database", name, self.tables.databases)
        self.tables.databases[name] = {}
        return {"dbs_created": 1}

    def table_list(self, *database: Any) -> list[str]:
        return list(self._of(database))

    def table_create(self, *place: Any) -> Row:
        *database, name = place
        tables = self._of(tuple(database))
        _must_be_new("Table", name, tables)
        tables[name] = Table()
        return {"tables_created": 1}

    def index_list(self, place: Any) -> list[str]:
        return list(self.value(place).indexes)

    def index_create(self, place: Any, name: str) -> Row:
        table = self.value(place)
        _must_be_new("Index", name, table.indexes)
        table.indexes.append(name)
        return {"created": 1}

    def index_wait(self, place: Any, name: str) -> list[Row]:
        table = self.value(place)
        assert name in table.indexes, name
        table.ready.add(name)
        return [{"index": name, "ready": True}]

    # -- finding ------------------------------------------------------------------------------------

    def get(self, place: Any, id: str) -> One:
        return One(self.value(place), id)

    def get_all(self, place: Any, id: str) -> Some:
        return Some(self.value(place), One(self.value(place), id).rows)

    def filter(self, place: Any, condition: Any) -> Some:
        found = self.value(place)
        return Some(found.table, [row for row in found.rows if self._passes(condition, row)])

    def _passes(self, condition: Any, row: Row) -> bool:
        try:
            return bool(self.called(condition, row))
        except ReqlError as exc:
            if exc.code != _ERROR.NON_EXISTENCE:
                raise
            return False

    def between(
        self, place: Any, low: float, high: float, index: str, right_bound: str = "open"
    ) -> Some:
        """Return the rows with a number in the range; the lower bound is in it."""
        found = _indexed(self.value(place), index)
        latest = 0 if right_bound == "closed" else -1
        rows = [
            row
            for row in found.rows
            if compared(row[index], low) >= 0 and compared(row[index], high) <= latest
        ]
        return Some(found.table, rows)

    def order_by(self, place: Any, *keys: Any, index: str | None = None) -> Some:
        """Sort by the keys; by an index only, if there is one."""
        found = self.value(place)
        if index is not None:
            assert not keys, keys
            found = _indexed(found, index)
        names = [index] if index is not None else [*map(self.value, keys)]
        rows = sorted(found.rows, key=lambda row: [ORDER(row[name]) for name in names])
        return Some(found.table, rows)

    def limit(self, place: Any, count: int) -> Any:
        found = self.value(place)
        return Stream(found.rows[:count])

    def pluck(self, place: Any, *names: str) -> Stream:
        rows = self.value(place).rows
        return Stream([{key: row[key] for key in row if key in names} for row in rows])

    def map(self, place: Any, function: Any) -> Stream:
        return Stream([self.called(function, row) for row in self.value(place).rows])

    def bracket(self, place: Any, name: str) -> Any:
        found = self.value(place)
        if name not in found:
            raise ReqlError(f"No attribute `{name}` in object", _ERROR.NON_EXISTENCE)
        return found[name]

    # -- changing -----------------------------------------------------------------------------------

    def insert(self, place: Any, content: Any) -> Row:
        table, row = self.value(place), self.value(content)
        trouble = None
        if row["id"] in table.by_id:
            trouble = f"Duplicate primary key `id`:\n{row['id']}"
        elif len(row["id"].encode()) > _LONGEST_KEY:
            trouble = f"Primary key too long (max {_LONGEST_KEY} characters): {row['id']}"
        if trouble is not None:
            return {**_NOTHING, "errors": 1, "first_error": trouble}
        table.by_id[row["id"]] = row
        return {**_NOTHING, "inserted": 1}

    def update(self, place: Any, content: Any) -> Row:
        found, changes = self.value(place), self.value(content)
        done = {**_NOTHING, "skipped": int(isinstance(found, One) and not found.rows)}
        for row in found.rows:
            done["unchanged" if row == row | changes else "replaced"] += 1
            found.table.by_id[row["id"]] = row | changes
        return done

    def delete(self, place: Any) -> Row:
        found = self.value(place)
        rows = found.rows
        for row in rows:
            del found.table.by_id[row["id"]]
        return {
            **_NOTHING,
            "deleted": len(rows),
            "skipped": int(isinstance(found, One) and not rows),
        }


_NOTHING = dict.fromkeys(("deleted", "errors", "inserted", "replaced", "skipped", "unchanged"), 0)


def _indexed(found: Any, index: str) -> Some:
    if index not in found.table.indexes:
        raise ReqlError(f"Index `{index}` was not found on table.", _ERROR.OP_FAILED)
    if index not in found.table.ready:
        raise ReqlError(
            f"Index `{index}` was accessed before its construction was finished.", _ERROR.OP_FAILED
        )
    return Some(found.table, [row for row in found.rows if row.get(index) is not None])


def _must_be_new(what: str, name: str, known: Any) -> None:
    if name in known:
        raise ReqlError(f"{what} `{name}` already exists.", _ERROR.OP_FAILED)


def _comparison(holds: Callable[[int], bool]) -> Callable[..., bool]:
    return lambda run, left, right: holds(compared(run.value(left), run.value(right)))


_TERMS: dict[int, tuple[Callable[..., Any], set[str]]] = {
    **{
        getattr(_TERM, name.upper()): (getattr(Run, name), set())
        for name in (
            *("db", "db_list", "db_create", "table", "table_list", "table_create"),
            *("index_list", "index_create", "index_wait", "get", "get_all", "filter", "limit"),
            *("pluck", "map", "bracket", "insert", "update", "delete"),
        )
    },
    _TERM.BETWEEN: (Run.between, {"index", "right_bound"}),
    _TERM.ORDER_BY: (Run.order_by, {"index"}),
    _TERM.ASC: (lambda run, name: name, set()),
    _TERM.VAR: (lambda run, number: run.variables[number], set()),
    _TERM.IMPLICIT_VAR: (lambda run: run.variables[None], set()),
    _TERM.NE: (_comparison(lambda order: order != 0), set()),
    _TERM.LE: (_comparison(lambda order: order <= 0), set()),
    _TERM.AND: (lambda run, *terms: all(run.value(term) for term in terms), set()),
}
