"""The import layers of docs/explanation/architecture.md: a module imports its own layer and below only.

Also: no circle of imports, and no reading of time but in ``clocks.py``.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from tools import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PACKAGE = "apscheduler"
# Bottom up, by the first name below the package.
LAYERS = (
    {"_engine"},
    {
        "amounts",
        "clocks",
        "callables",
        "elsewhere",
        "ends",
        "forks",
        "installation",
        "logs",
        "markers",
        "moments",
        "names",
        "other_releases",
        "references",
        "texts",
        "util",
        "zones",
    },
    {"history"},
    {"calendars"},
    {"triggers"},
    {"events", "job", "job_hooks", "job_options"},
    {"serializers"},
    {"runs"},
    {"cluster"},
    {"loops"},
    {"jobstores", "executors"},
    {"schedulers"},
    {"metrics", "testing", "integrations", "web"},
    {"cli", "cli_triggers", "doctor"},
    {"__main__"},
)
# (importing module, imported module): why it may, although it lies above. Inside functions only.
LAZY_EXCEPTIONS = {
    (
        "apscheduler",
        "apscheduler.runs.context",
    ): "the public name current_run, loaded when asked for",
    (
        "apscheduler",
        "apscheduler.other_releases",
    ): "the words for names that are not here, loaded when one is asked for",
}
# All the engine may import of the standard library: no clock, thread, I/O, logging or randomness.
PURE = {
    "__future__",
    "bisect",
    "calendar",
    "collections",
    "dataclasses",
    "datetime",
    "enum",
    "functools",
    "heapq",
    "itertools",
    "math",
    "operator",
    "typing",
}
CLOCK_READERS = {"now", "today", "utcnow"}
CLOCKS = f"{PACKAGE}.clocks"
# Programs patch the name ``datetime`` of these modules of 3.x, so they read the clock through it.
READ_BY_THEIR_OWN_NAME = {
    f"{PACKAGE}.executors.base",
    f"{PACKAGE}.schedulers.base",
    f"{PACKAGE}.triggers.calendarinterval",
    f"{PACKAGE}.triggers.date",
    f"{PACKAGE}.triggers.interval",
}


def modules(source: Path) -> dict[str, Path]:
    """Return every module of the package in ``source``: dotted name -> file."""
    found = {}
    for path in sorted((source / PACKAGE).rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name: str, path: Path, known: set[str]) -> Iterator[tuple[str, bool]]:
    """Yield each module that a file imports at run time, and whether a function does it."""
    package = name if path.stem == "__init__" else name.rpartition(".")[0]

    def walk(node: ast.AST, lazy: bool) -> Iterator[tuple[str, bool]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                yield from walk(ast.Module(child.orelse, []), lazy)
                continue
            yield from ((target, lazy) for target in targets(child, package, known))
            is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from walk(child, lazy or is_function)

    yield from walk(ast.parse(path.read_text(encoding="utf-8")), lazy=False)


def targets(node: ast.AST, package: str, known: set[str]) -> list[str]:
    """Return the modules that one statement or call imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        parts = package.split(".")
        above = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
        base = ".".join(filter(None, [above, node.module]))
        names = [f"{base}.{alias.name}" for alias in node.names]
        return [name if name in known else base for name in names]
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
        return [a.value for a in node.args[:1] if isinstance(a, ast.Constant)]
    return []


def layer(module: str) -> int | None:
    """Return the height of a module's layer; the package itself only holds numbers and lies lowest."""
    if module == PACKAGE:
        return -1
    part = module.split(".")[1]
    return next((height for height, names in enumerate(LAYERS) if part in names), None)


def violations(source: Path) -> list[str]:
    """Return one line per import that the layers forbid."""
    found = []
    known = modules(source)
    for name, path in known.items():
        if layer(name) is None:
            found.append(f"{name} has no layer: add it to LAYERS and to the architecture page")
            continue
        for target, lazy in imports(name, path, set(known)):
            found += [f"{name} imports {target}: {why}" for why in objections(name, target, lazy)]
        if name != CLOCKS:
            found += [f"{name} reads time: {read}" for read in time_readings(name, path)]
    return found


def arrows(source: Path) -> dict[str, set[str]]:
    """Return which modules each module imports, for types and inside functions too."""
    known = modules(source)
    return {
        name: {target for target in everything(name, path, set(known)) if target in known} - {name}
        for name, path in known.items()
    }


def everything(name: str, path: Path, known: set[str]) -> Iterator[str]:
    """Yield every module that a file imports in any way."""
    package = name if path.stem == "__init__" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        yield from targets(node, package, known)


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the sets of names that reach each other."""
    reached = {name: reachable(graph, name) for name in graph}
    found = {
        tuple(sorted(other for other in reached[name] if name in reached.get(other, ())))
        for name in graph
        if name in reached[name]
    }
    return sorted(map(list, found))


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    """Return the names that a name reaches in one step or more."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = graph.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def room(module: str, packages: set[str]) -> str:
    """Return the folder of a module that lies in a folder of a folder; any other module is a room of its own."""
    is_deep = module.count(".") > 2 and module not in packages
    return module.rpartition(".")[0] if is_deep else module


def objections(name: str, target: str, lazy: bool) -> Iterator[str]:
    """Yield why ``name`` must not import ``target``."""
    owner = target.partition(".")[0]
    if owner != PACKAGE:
        if layer(name) == 0 and owner not in PURE:
            yield "the engine is pure"
        return
    if target == f"{PACKAGE}.util":
        yield "it is a face for users of 3.x; import what is behind it"
    own, other = layer(name), layer(target)
    excused = lazy and (name, target) in LAZY_EXCEPTIONS
    if not excused and (own is None or other is None or other > own):
        yield "it lies in a higher layer"


def time_readings(name: str, path: Path) -> list[str]:
    """Return what a file uses of the standard library to learn the time."""
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            found += [f"time.{alias.name}" for alias in node.names if alias.name != "sleep"]
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "time":
            found += [ast.unparse(node)] if node.attr not in {"sleep", "fromisoformat"} else []
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = ast.unparse(node.func.value).rpartition(".")[2]
            is_read = node.func.attr in CLOCK_READERS and owner in {"date", "datetime"}
            found += [ast.unparse(node)] if is_read and name not in READ_BY_THEIR_OWN_NAME else []
    return found


def test_every_module_imports_its_own_layer_and_below_only() -> None:
    assert violations(ROOT / "src") == []


def test_no_files_import_each_other_in_a_circle_not_even_for_types() -> None:
    assert circles(arrows(ROOT / "src")) == []


def test_no_rooms_import_each_other_in_a_circle() -> None:
    known = modules(ROOT / "src")
    packages = {name for name, path in known.items() if path.stem == "__init__"}
    rooms: dict[str, set[str]] = {}
    for name, imported in arrows(ROOT / "src").items():
        if name.split(".")[1:2] == ["triggers"]:
            continue  # its files and folders are one room, in which no files import each other
        targets_of = rooms.setdefault(room(name, packages), set())
        targets_of.update(room(target, packages) for target in imported)
    assert circles({name: targets - {name} for name, targets in rooms.items()}) == []


@pytest.mark.parametrize(
    ("a", "b", "circle"),
    [
        ("import apscheduler.b", "import apscheduler.a", True),
        ("def f():\n    from apscheduler import b", "from apscheduler.a import x", True),
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from apscheduler.b import B",
            "from apscheduler import a",
            True,
        ),
        ("import apscheduler.b", "", False),
    ],
)
def test_the_check_itself_finds_a_circle(tmp_path, a, b, circle) -> None:
    (tmp_path / PACKAGE).mkdir()
    for name, code in {"__init__": "", "a": a, "b": b}.items():
        (tmp_path / PACKAGE / f"{name}.py").write_text(code)
    found = circles(arrows(tmp_path))
    assert found == ([["apscheduler.a", "apscheduler.b"]] if circle else [])


def test_every_lazy_exception_is_still_needed() -> None:
    known = modules(ROOT / "src")
    used = {
        (name, target)
        for name, path in known.items()
        for target, lazy in imports(name, path, set(known))
        if lazy
    }
    assert set(LAZY_EXCEPTIONS) <= used


@pytest.mark.parametrize(
    ("module", "code", "complaint"),
    [
        ("triggers/cron", "import apscheduler.job", "higher layer"),
        ("triggers/cron", "from apscheduler import job", "higher layer"),
        ("triggers/cron", "from ..job import Job", "higher layer"),
        ("triggers/cron", "def late():\n    from apscheduler.job import Job", "higher layer"),
        (
            "triggers/cron",
            "from importlib import import_module\nimport_module('apscheduler.job')",
            "higher",
        ),
        (
            "job",
            "try:\n    import apscheduler.schedulers\nexcept ImportError:\n    raise",
            "higher layer",
        ),
        ("job", "from apscheduler.util import normalize", "face for users"),
        ("job", "from apscheduler import util", "face for users"),
        ("job", "from apscheduler import current_run", None),
        ("_engine/planning", "import time", "pure"),
        ("_engine/planning", "from threading import Lock", "pure"),
        ("_engine/planning", "def f():\n    import logging", "pure"),
        (
            "_engine/planning",
            "from datetime import datetime\nx = datetime.now()",
            "reads time",
        ),
        ("job", "import time\nx = time.monotonic()", "reads time"),
        ("job", "from time import monotonic, sleep", "reads time"),
        ("job", "from datetime import date\nx = date.today()", "reads time"),
        ("job", "import time\ntime.sleep(1)", None),
        (
            "job",
            "from apscheduler import clocks\nfrom datetime import UTC\nx = clocks.now(UTC)",
            None,
        ),
        ("triggers/date", "from datetime import datetime\nx = datetime.now()", None),
        ("clocks", "from time import time_ns\nx = time_ns()", None),
        ("newcomer", "", "no layer"),
        ("job", "import time\nfrom apscheduler._engine import planning", None),
        (
            "triggers/cron",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from apscheduler.job import Job",
            None,
        ),
    ],
)
def test_the_check_itself_catches_a_violation(tmp_path, module, code, complaint) -> None:
    package = tmp_path / PACKAGE
    for name in (
        "__init__",
        "job",
        "util",
        "schedulers",
        "clocks",
        "triggers/__init__",
        "_engine/__init__",
        module,
    ):
        path = package / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code if name == module else "")
    found = violations(tmp_path)
    assert (complaint in found[0]) if complaint else (found == [])
