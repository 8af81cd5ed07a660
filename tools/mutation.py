"""One-line mutants of the core: where a line can be made wrong, and what it says then.

Conditions of SQL count as code here: the protocol is in them. Hence no library's operators.
"""

from __future__ import annotations

import ast
import random
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PACKAGE = ROOT / "src" / "apscheduler"
CORE = (
    "_engine",
    "cluster",
    "executors",
    "jobstores",
    "runs",
    "schedulers",
)
"""The rooms whose lines carry a promise; triggers have oracles of their own."""

_COMPARISONS = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
_ARITHMETIC = {ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "//")}
_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}
_WHERE = {"where", "and_"}
_SAID = {"say", "tell", "debug", "info", "warning", "error", "exception", "log", "_on_trouble"}
"""Calls whose arguments are texts for people."""
_SQL_CONDITION = re.compile(r" AND (?:[a-z]\.)?\w+ (?:=|<=|<|>=|>) (?::?[\w.]+|\{\w+\})")


@dataclass(frozen=True)
class Mutant:
    """A file with one place changed.

    :ivar path: relative to the checkout
    :ivar start: offset of the place in the file's text
    """

    path: str
    line: int
    start: int
    end: int
    new: str
    kind: str

    def applied(self, text: str) -> str:
        """Return the file's text with the change."""
        return text[: self.start] + self.new + text[self.end :]

    def shown(self, text: str) -> str:
        """Return the change in one line."""
        old = " ".join(text[self.start : self.end].split())
        new = " ".join(self.new.split()) or "(nothing)"
        return f"{self.path}:{self.line} [{self.kind}] {_short(old)} → {_short(new)}"


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:28]} … {text[-28:]}"


def draw(count: int, seed: int, rooms: tuple[str, ...] = CORE) -> list[Mutant]:
    """Return a number of mutants, each line as likely as any other: first a line is drawn, then one of its mutants."""
    by_line: dict[tuple[str, int], list[Mutant]] = {}
    for path in core_files(rooms):
        for mutant in mutants_of(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")):
            by_line.setdefault((mutant.path, mutant.line), []).append(mutant)
    chance = random.Random(seed)  # noqa: S311 - a sample that can be drawn again
    lines = chance.sample(sorted(by_line), min(count, len(by_line)))
    return [chance.choice(by_line[line]) for line in lines]


def core_files(rooms: tuple[str, ...] = CORE) -> list[Path]:
    """Return the modules of these rooms."""
    return sorted(path for room in rooms for path in (PACKAGE / room).rglob("*.py"))


def mutants_of(path: str, text: str) -> list[Mutant]:
    """Return all mutants of a module."""
    return list(_Places(path, text).mutants())


class _Places:
    """Walks over one module; knows where its lines begin."""

    def __init__(self, path: str, text: str) -> None:
        self._path = path
        self._text = text
        self._lines = [0]
        for line in text.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))

    def mutants(self) -> Iterator[Mutant]:
        yield from self._of_body(ast.parse(self._text).body)

    def _of_body(self, body: list[ast.stmt]) -> Iterator[Mutant]:
        for statement in body:
            if not _is_left_alone(statement):
                yield from self._of_statement(statement)

    def _of_statement(self, statement: ast.stmt) -> Iterator[Mutant]:
        yield from self._deleted(statement)
        for name, value in ast.iter_fields(statement):
            if name in ("annotation", "returns", "args", "decorator_list", "type_params"):
                continue
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, ast.stmt):
                    yield from self._of_body([each])
                elif isinstance(each, ast.ExceptHandler | ast.match_case):
                    yield from self._of_body(each.body)
                elif isinstance(each, ast.AST):
                    yield from self._of_expression(each)

    def _deleted(self, statement: ast.stmt) -> Iterator[Mutant]:
        if isinstance(statement, ast.Break | ast.Continue):
            new = "continue" if isinstance(statement, ast.Break) else "break"
            yield self._mutant(statement, new, "loop")
        elif _has_an_effect(statement):
            yield self._mutant(statement, "pass", "left out")
        elif isinstance(statement, ast.Return) and _returns_something(statement):
            yield self._mutant(statement, "return None", "returns nothing")
        elif isinstance(statement, ast.If | ast.While):
            test = self._source(statement.test)
            yield self._mutant(statement.test, f"not ({test})", "turned round")

    def _of_expression(self, tree: ast.AST) -> Iterator[Mutant]:
        if isinstance(tree, ast.Call) and _name(tree.func) in _SAID:
            return
        yield from self._at(tree)
        if isinstance(tree, ast.JoinedStr):
            yield from self._sql(tree)
            return
        for child in ast.iter_child_nodes(tree):
            yield from self._of_expression(child)

    def _at(self, node: ast.AST) -> Iterator[Mutant]:
        match node:
            case ast.Compare() | ast.BinOp() | ast.BoolOp():
                yield from self._operator(node)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                yield self._mutant(node, f"({self._source(operand)})", "without not")
            case ast.Constant(value=str()):
                yield from self._sql(node)
            case ast.Constant(value=bool(value)):
                yield self._mutant(node, str(not value), "constant")
            case ast.Constant(value=int(value)):
                yield self._mutant(node, str(value + 1), "constant")
            case ast.Name(id=name) if name in _NAMES:
                yield self._mutant(node, _NAMES[name], "function")
            case ast.Call(func=called, args=[_, _, *_] as conditions) if _name(called) in _WHERE:
                for condition in conditions:
                    yield self._mutant(condition, "True", "condition")

    def _operator(self, node: ast.Compare | ast.BinOp | ast.BoolOp) -> Iterator[Mutant]:
        match node:
            case ast.Compare(left=left, ops=[operator], comparators=[right]):
                words, kind = _COMPARISONS[type(operator)], "comparison"
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _ARITHMETIC:
                words, kind = _ARITHMETIC[type(operator)], "arithmetic"
            case ast.BoolOp(op=operator, values=[left, right, *_]):
                words = ("and", "or") if isinstance(operator, ast.And) else ("or", "and")
                kind = "connective"
            case _:
                return
        yield from self._between(left, right, *words, kind)

    def _sql(self, node: ast.AST) -> Iterator[Mutant]:
        start, end = self._span(node)
        for found in _SQL_CONDITION.finditer(self._text, start, end):
            line = self._text.count("\n", 0, found.start()) + 1
            yield Mutant(self._path, line, found.start(), found.end(), "", "SQL condition")

    def _between(
        self, left: ast.expr, right: ast.expr, old: str, new: str, kind: str
    ) -> Iterator[Mutant]:
        """Change an operator, which the tree gives no place."""
        start, end = self._span(left)[1], self._span(right)[0]
        found = re.search(rf"(?<!\w){re.escape(old)}(?!\w)", self._text[start:end])
        if found:
            at = start + found.start()
            line = self._text.count("\n", 0, at) + 1
            yield Mutant(self._path, line, at, at + len(old), new, kind)

    def _mutant(self, node: ast.AST, new: str, kind: str) -> Mutant:
        start, end = self._span(node)
        return Mutant(self._path, node.lineno, start, end, new, kind)  # type: ignore[attr-defined]

    def _source(self, node: ast.AST) -> str:
        start, end = self._span(node)
        return self._text[start:end]

    def _span(self, node: ast.AST) -> tuple[int, int]:
        return (
            self._offset(node.lineno, node.col_offset),  # type: ignore[attr-defined]
            self._offset(node.end_lineno, node.end_col_offset),  # type: ignore[attr-defined]
        )

    def _offset(self, line: int, column: int) -> int:
        """Return an offset in the text; the tree counts a line's bytes."""
        start = self._lines[line - 1]
        head = self._text[start : self._lines[line]].encode()[:column].decode()
        return start + len(head)


def _name(called: ast.expr) -> str:
    return getattr(called, "attr", getattr(called, "id", ""))


def _has_an_effect(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Assign):
        return isinstance(statement.targets[0], ast.Attribute)
    return isinstance(statement, ast.Expr | ast.AugAssign | ast.Raise | ast.Delete)


def _returns_something(statement: ast.Return) -> bool:
    value = statement.value
    return value is not None and not (isinstance(value, ast.Constant) and value.value is None)


def _is_left_alone(statement: ast.stmt) -> bool:
    """Return whether no run of the product can tell a change: docstrings, imports, names for checkers, reprs."""
    match statement:
        case ast.Import() | ast.ImportFrom() | ast.AnnAssign(value=None) | ast.Pass():
            return True
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Expr(value=ast.Call(func=called)):
            return _name(called) in _SAID
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name in ("TYPE_CHECKING", "__slots__", "__all__")
        case ast.FunctionDef(name="__repr__" | "__getstate__"):
            return True
    return False
