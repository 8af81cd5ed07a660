"""Reads from the source, without importing it, what the options of a class or method are, by default and in words."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from tools import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

Arguments = ast.FunctionDef | ast.AsyncFunctionDef

_FIELD = re.compile(
    r"^:param (?P<names>[\w, ]+): (?P<text>.+?)(?=^:|\n\n|\Z)", re.MULTILINE | re.DOTALL
)
_ROLE = re.compile(r":(?P<role>class|meth|mod|func):`~?(?P<target>[^`]+)`")


@dataclass(frozen=True)
class Option:
    """One option: its name, its default as text (``None`` where it must be given), and what it means."""

    name: str
    default: str | None
    meaning: str


@dataclass(frozen=True)
class Described:
    """A class or method: its first sentence, and its options."""

    summary: str
    options: tuple[Option, ...]


def described(where: str, *, method: str = "__init__") -> Described:
    """Return what ``module:Class`` says of itself, and of the arguments of one of its methods.

    An option that is in the docstring and in no signature (those of schedulers) has no default here.
    """
    module, _, name = where.partition(":")
    found = _class(module, name)
    made = next(_methods(module, found, method), None)
    text = ast.get_docstring((made if method != "__init__" else None) or found) or ""
    own = documented(text)
    meanings = dict(own)
    for base in _bases(module, found):
        meanings = documented(ast.get_docstring(base) or "") | meanings
    defaults = dict(_defaults(module, made)) if made else {}
    names = [*defaults, *(each for each in own if each not in defaults)]
    options = (Option(each, defaults.get(each), meanings.get(each, "")) for each in names)
    return Described(_sentence(text), tuple(options))


def documented(docstring: str) -> dict[str, str]:
    """Return the parameters that a docstring tells of, with what it says of each, as Markdown."""
    meanings = {}
    for field in _FIELD.finditer(docstring):
        for name in re.split(r",\s*", field["names"]):
            meanings[name] = as_markdown(field["text"])
    return meanings


def as_markdown(text: str) -> str:
    """Return a docstring's text as Markdown, on one line, fit for a table."""
    text = _ROLE.sub(_code, " ".join(text.split())).replace("``", "`")
    return re.sub(r" Added in 1\.0\.$", " **Added in 1.0.**", text.replace("|", "\\|"))


def _code(role: re.Match[str]) -> str:
    short = role["target"] if role["role"] == "mod" else role["target"].rpartition(".")[2]
    return f"`{short}()`" if role["role"] in ("meth", "func") else f"`{short}`"


def _sentence(docstring: str) -> str:
    """Return the first paragraph."""
    return as_markdown(docstring.partition("\n\n")[0])


@lru_cache
def _tree(module: str) -> ast.Module:
    path = ROOT / "src" / module.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_text("utf-8"))


def _class(module: str, name: str) -> ast.ClassDef:
    for node in _tree(module).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return node
    raise LookupError(f"there is no class {name} in {module}")


def _bases(module: str, cls: ast.ClassDef) -> Iterator[ast.ClassDef]:
    """Return the bases of a class that are in its module."""
    for base in cls.bases:
        for node in _tree(module).body:
            if isinstance(node, ast.ClassDef) and node.name == ast.unparse(base):
                yield node


def _methods(module: str, cls: ast.ClassDef, name: str) -> Iterator[Arguments]:
    """Return the methods of that name of a class, and then of its bases."""
    for node in cls.body:
        if isinstance(node, Arguments) and node.name == name:
            yield node
    for base in _bases(module, cls):
        yield from _methods(module, base, name)


def _defaults(module: str, made: Arguments) -> Iterator[tuple[str, str | None]]:
    """Return the arguments in their order, each with its default as text."""
    given = made.args
    places = [*given.posonlyargs, *given.args]
    without = len(places) - len(given.defaults)
    for place, name in enumerate(places):
        if name.arg != "self":
            value = given.defaults[place - without] if place >= without else None
            yield name.arg, None if value is None else _value(module, value)
    if given.vararg:
        yield given.vararg.arg, None
    for name, value in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        yield name.arg, None if value is None else _value(module, value)
    if given.kwarg:
        yield given.kwarg.arg, None


def _value(module: str, value: ast.expr) -> str:
    """Return a default as it is written, a constant of ours as its value."""
    if isinstance(value, ast.Name):
        for node in _tree(module).body:
            if isinstance(node, ast.ImportFrom) and any(a.name == value.id for a in node.names):
                return _value(str(node.module), value)
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == value.id:
                return ast.unparse(node.value)
    return ast.unparse(value)
