"""The public API of APScheduler 3.11.3, as recorded in data/api-3.11.3.json, is ours too."""

from __future__ import annotations

import ast
import inspect
import json
import os
import re
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest

import apscheduler
from tools import ROOT

SNAPSHOT: dict[str, dict[str, dict[str, Any]]] = json.loads(
    (ROOT / "tests/data/api-3.11.3.json").read_text("utf-8")
)
# What the modules of some job stores need; CI has it.
CLIENTS = {
    "apscheduler.jobstores.etcd": "etcd3gw",
    "apscheduler.jobstores.mongodb": "pymongo",
    "apscheduler.jobstores.redis": "redis",
    "apscheduler.jobstores.rethinkdb": "rethinkdb",
    "apscheduler.jobstores.zookeeper": "kazoo",
}
MEMBERS = [
    pytest.param(module, name, id=f"{module}:{name}")
    for module, members in SNAPSHOT.items()
    for name in members
]
METHODS = [
    pytest.param(module, name, method, id=f"{module}:{name}.{method}")
    for module, members in SNAPSHOT.items()
    for name, described in members.items()
    for method in described.get("methods", ())
]
POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def require_client(module: str) -> None:
    """Skip where the library under a job store is not installed; with REQUIRE_SERVICES=1 that is a failure."""
    if module in CLIENTS and find_spec(CLIENTS[module]) is None:
        reason = f"{module} needs {CLIENTS[module]}, which is not installed here"
        if os.environ.get("REQUIRE_SERVICES") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


@pytest.mark.parametrize("module", CLIENTS)
def test_a_module_without_its_client_library_names_the_extra_in_one_sentence(module) -> None:
    script = f"import sys; sys.modules[{CLIENTS[module]!r}] = None; import {module}"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    said = ended.stderr.splitlines()[-1]
    extra = module.rpartition(".")[2]
    assert re.fullmatch(
        rf"ImportError: \w+ needs [\w-]+: pip install 'tickwright\[{extra}\]'", said
    )


NEEDS = {
    "apscheduler.jobstores.sqlalchemy": ("sqlalchemy", "tickwright[sqlalchemy]"),
    "apscheduler.schedulers.gevent": ("gevent", "tickwright[gevent]"),
    "apscheduler.executors.gevent": ("gevent", "tickwright[gevent]"),
    "apscheduler.schedulers.tornado": ("tornado", "tickwright[tornado]"),
    "apscheduler.schedulers.twisted": ("twisted", "tickwright[twisted]"),
}


@pytest.mark.parametrize("module", NEEDS)
def test_a_module_without_the_library_under_it_names_the_extra(module) -> None:
    library, extra = NEEDS[module]
    script = f"import sys; sys.modules[{library!r}] = None; import {module}"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    said = ended.stderr.splitlines()[-1]
    assert said.startswith("ImportError: ")
    assert said.endswith(f"pip install '{extra}'")


@pytest.mark.parametrize(("module", "name"), MEMBERS)
def test_each_member_is_at_its_place_and_of_its_kind(module, name) -> None:
    require_client(module)
    described = SNAPSHOT[module][name]
    member = getattr(import_module(module), name)
    if described["kind"] == "constant":
        assert member == described["value"]
    elif described["kind"] == "class":
        assert isinstance(member, type)
        assert set(described["bases"]) <= {base.__name__ for base in member.__mro__}
        slots = {slot for base in member.__mro__ for slot in getattr(base, "__slots__", ())}
        # A slot may have become a property: it is read the same way.
        computed = {
            key for key, value in inspect.getmembers(member) if inspect.isdatadescriptor(value)
        }
        assert set(described.get("slots", ())) <= slots | computed
        assert [a for a in described["attributes"] if not hasattr(member, a)] == []
    else:
        assert departures(described["signature"], signature(member)) == []


@pytest.mark.parametrize(("module", "name", "method"), METHODS)
def test_each_method_accepts_the_calls_it_accepted(module, name, method) -> None:
    require_client(module)
    found = inspect.getattr_static(getattr(import_module(module), name), method)
    found = getattr(found, "__func__", found)
    assert departures(SNAPSHOT[module][name]["methods"][method], signature(found)) == []


HOSTS = ["asyncio", "background", "base", "blocking", "gevent", "qt", "tornado", "twisted"]


@pytest.mark.parametrize("host", HOSTS)
def test_the_shutdown_of_every_scheduler_takes_a_timeout_and_says_so(host) -> None:
    module = pytest.importorskip(f"apscheduler.schedulers.{host}", exc_type=ImportError)
    (cls,) = (
        found
        for name, found in vars(module).items()
        if name.lower() == f"{host}scheduler" and found.__module__ == module.__name__
    )
    shutdown = inspect.signature(cls.shutdown)
    shutdown.bind(cls, False, timeout=5)
    assert "timeout" in inspect.getdoc(cls.shutdown) or "timeout" in shutdown.parameters


@pytest.mark.parametrize("module", SNAPSHOT)
def test_every_module_of_3_11_is_here(module) -> None:
    assert find_spec(module) is not None


def test_the_package_says_numbers_that_3_11_compatible_code_can_compare() -> None:
    assert apscheduler.version_info[:2] == (3, 11)
    assert apscheduler.version_info >= (3, 11, 3)
    assert ".".join(map(str, apscheduler.version_info)) == apscheduler.release
    assert apscheduler.__version__ == apscheduler.version == apscheduler.release


def test_current_run_is_imported_from_the_package_itself() -> None:
    from apscheduler import current_run

    assert current_run() is None


def test_an_unknown_name_of_the_package_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'curent_run'"):
        apscheduler.curent_run  # noqa: B018 - the look-up is what is tested


def signature(function: Any) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())


def recorded(text: str) -> list[tuple[str, Any, ast.expr | None]]:
    """Parse a recorded signature into (name, kind, default)."""
    text = text.replace("<undefined>", "undefined")
    arguments = ast.parse(f"def f{text}: ...").body[0].args  # type: ignore[attr-defined]
    plain = [(a.arg, inspect.Parameter.POSITIONAL_OR_KEYWORD) for a in arguments.args]
    defaults = [None] * (len(plain) - len(arguments.defaults)) + arguments.defaults
    rows = [(*row, default) for row, default in zip(plain, defaults, strict=True)]
    if arguments.vararg:
        rows.append((arguments.vararg.arg, inspect.Parameter.VAR_POSITIONAL, None))
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        rows.append((argument.arg, inspect.Parameter.KEYWORD_ONLY, default))
    if arguments.kwarg:
        rows.append((arguments.kwarg.arg, inspect.Parameter.VAR_KEYWORD, None))
    return rows


def departures(reference: str, ours: list[inspect.Parameter]) -> list[str]:
    """Return each way in which ``ours`` refuses a call that the reference's signature accepts."""
    found = []
    by_name = {parameter.name: parameter for parameter in ours}
    kinds = {parameter.kind for parameter in ours}
    expected = recorded(reference)
    places = [name for name, kind, _ in expected if kind in POSITIONAL]
    if [parameter.name for parameter in ours if parameter.kind in POSITIONAL][
        : len(places)
    ] != places:
        found.append(f"positional parameters do not begin with {places}")
    for name, kind, default in expected:
        if kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            found += [] if kind in kinds else [f"no *{name}"]
        elif name not in by_name:
            found.append(f"no parameter {name}")
        else:
            found += default_departures(by_name[name], default)
    names = {name for name, _, _ in expected}
    return found + [
        f"the new parameter {parameter.name} is required"
        for parameter in ours
        if parameter.name not in names
        and parameter.default is parameter.empty
        and parameter.kind in (*POSITIONAL, inspect.Parameter.KEYWORD_ONLY)
    ]


def default_departures(parameter: inspect.Parameter, default: ast.expr | None) -> list[str]:
    if default is None:
        return []
    if parameter.default is parameter.empty:
        return [f"{parameter.name} has lost its default"]
    try:
        value = ast.literal_eval(default)
    except ValueError:  # a sentinel, whose identity is the reference's own
        return []
    same = parameter.default == value
    return [] if same else [f"{parameter.name}={parameter.default!r} was {value!r}"]


@pytest.mark.parametrize(
    ("reference", "ours", "complaint"),
    [
        ("(a, b=1)", lambda a, b=1, *, c=2: None, None),
        ("(a, b=1)", lambda a, b=1, c=2: None, None),
        ("(a, b: 'int' = 1) -> 'int'", lambda a, b=1, **more: None, None),
        ("(a=undefined)", lambda a=object(): None, None),
        ("(a, b=1)", lambda b, a: None, "begin with"),
        ("(a, b=1)", lambda a, b: None, "lost its default"),
        ("(a, b=1)", lambda a, b=2: None, "was 1"),
        ("(a)", lambda a, b: None, "b is required"),
        ("(a)", lambda a, *, b: None, "b is required"),
        ("(*args, **kwargs)", lambda *args: None, r"no *kwargs"),
        ("(*, a=1)", lambda: None, "no parameter a"),
    ],
)
def test_the_comparison_itself_notices_departures(reference, ours, complaint) -> None:
    found = departures(reference, signature(ours))
    assert (complaint in found[0]) if complaint else (found == [])
