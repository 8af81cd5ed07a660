"""Names that tutorials on other releases import, and short ways that this package does not have."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec

import pytest

import apscheduler
from apscheduler import other_releases
from tests.test_public_api import require_client

OF_4 = sorted(other_releases._OF_4)
PLACED = sorted(other_releases._PLACE_OF)
MODULES = {
    **dict.fromkeys(other_releases._MODULES_OF_4, 4),
    **dict.fromkeys(other_releases._MODULES_OF_2, 2),
    **dict.fromkeys(other_releases._OF_NONE),
}
# What public programs import from APScheduler 4 and its alphas, and from 2, found by a search for these packages.
LINES = [
    "from apscheduler.abc import DataStore, EventBroker, Trigger",
    "from apscheduler.datastores.async_sqlalchemy import AsyncSQLAlchemyDataStore",
    "from apscheduler.datastores.memory import MemoryDataStore",
    "from apscheduler.datastores.mongodb import MongoDBDataStore",
    "from apscheduler.datastores.sqlalchemy import SQLAlchemyDataStore",
    "from apscheduler.datastores.sync.memory import MemoryDataStore",
    "from apscheduler.enums import JobOutcome",
    "from apscheduler.eventbrokers.asyncpg import AsyncpgEventBroker",
    "from apscheduler.eventbrokers.local import LocalEventBroker",
    "from apscheduler.eventbrokers.mqtt import MQTTEventBroker",
    "from apscheduler.eventbrokers.psycopg import PsycopgEventBroker",
    "from apscheduler.eventbrokers.redis import RedisEventBroker",
    "from apscheduler.exceptions import JobLookupError",
    "from apscheduler.executors.async_ import AsyncJobExecutor",
    "from apscheduler.executors.qt import QtJobExecutor",
    "from apscheduler.executors.subprocess import ProcessPoolJobExecutor",
    "from apscheduler.executors.thread import ThreadPoolJobExecutor",
    "from apscheduler.executors.threadpool import ThreadPoolExecutor as APSThreadPoolExecutor",
    "from apscheduler.policies import CoalescePolicy, ConflictPolicy",
    "from apscheduler.scheduler import Scheduler",
    "from apscheduler.schedulers.async_ import AsyncScheduler",
    "from apscheduler.schedulers.sync import Scheduler",
    "from apscheduler.serializers import CBORSerializer",
    "from apscheduler.serializers.cbor import CBORSerializer",
    "from apscheduler.serializers.json import JSONSerializer",
    "from apscheduler.structures import Task",
    "from apscheduler.workers.async_ import AsyncWorker",
    "from apscheduler.workers.sync import Worker",
    "from apscheduler.jobstores.mongodb_store import MongoDBJobStore",
    "from apscheduler.jobstores.sqlalchemy_store import SQLAlchemyJobStore",
    "from apscheduler.triggers.simple import SimpleTrigger",
    "from apscheduler.schedulers import BackgroundScheduler",
    "from apscheduler.triggers import CronTrigger",
    "from apscheduler.jobstores import SQLAlchemyJobStore",
    "from apscheduler.executors import ThreadPoolExecutor",
]


@pytest.mark.parametrize("package", ["apscheduler", "tickwright"])
@pytest.mark.parametrize("name", OF_4)
def test_importing_a_name_of_release_4_says_what_it_is_here(name, package) -> None:
    with pytest.raises(ImportError, match="belongs to APScheduler 4, and this") as raised:
        exec(f"from {package} import {name}", {})
    assert str(raised.value).startswith(f"cannot import name {name!r} from {package!r}: ")
    assert str(raised.value).endswith(other_releases._OF_4[name])


def test_async_scheduler_is_answered_with_the_line_to_write() -> None:
    with pytest.raises(ImportError) as raised:
        exec("from apscheduler import AsyncScheduler", {})
    (line,) = re.findall(r"Here it is: (from \S+ import \w+);", str(raised.value))
    exec(line, {})


@pytest.mark.parametrize("name", PLACED)
def test_a_class_asked_of_the_package_is_answered_with_the_line_that_imports_it(name) -> None:
    with pytest.raises(ImportError) as raised:
        exec(f"from apscheduler import {name}", {})
    said = str(raised.value)
    module = f"apscheduler.{other_releases._PLACE_OF[name]}"
    assert said.endswith(f"write: from {module} import {name}")
    require_client(module)
    if not module.endswith(("qt", "gevent", "twisted", "tornado")):
        assert hasattr(import_module(module), name)


@pytest.mark.parametrize("name", [*OF_4, *PLACED, "nonsense", "__wrapped__"])
def test_asking_whether_a_name_is_there_is_no_error(name) -> None:
    assert not hasattr(apscheduler, name)
    assert getattr(apscheduler, name, None) is None


@pytest.mark.parametrize("name", ["nonsense", "Schedulr", "__wrapped__"])
def test_other_names_get_the_words_of_python(name) -> None:
    with pytest.raises(ImportError, match=rf"cannot import name '{name}' from 'apscheduler' \("):
        exec(f"from apscheduler import {name}", {})


def test_modules_of_the_package_are_imported_as_ever() -> None:
    exec("from apscheduler import events, job, schedulers, triggers", {})


# -- modules ------------------------------------------------------------------------------------------------


def words_for(module: str) -> str:
    said = other_releases._of_module(f"apscheduler.{module}")
    assert said is not None
    return said


@pytest.mark.parametrize("line", LINES)
def test_a_line_of_a_tutorial_is_answered_with_what_to_write(line) -> None:
    with pytest.raises(ImportError, match=r"Here it is: |: write: from "):
        exec(line, {})


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize(
    "statement",
    ["import apscheduler.{}", "from apscheduler.{} import Name", "import apscheduler.{}.more"],
)
def test_importing_a_module_of_another_release_says_what_it_is_here(module, statement) -> None:
    with pytest.raises(ModuleNotFoundError) as raised:
        exec(statement.format(module), {})
    name = f"apscheduler.{module}"
    assert str(raised.value) == f"No module named {name!r}: {words_for(module)}"
    assert raised.value.name == name
    number = MODULES[module]
    assert number is None or f"belongs to APScheduler {number}, " in str(raised.value)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_of_another_release_is_told_by_its_package_too(module) -> None:
    package, _, name = f"apscheduler.{module}".rpartition(".")
    with pytest.raises(ImportError) as raised:
        exec(f"from {package} import {name}", {})
    said = f"cannot import name {name!r} from {package!r}: "
    assert str(raised.value) in {said + words_for(module), other_releases.advice(name, package)}


@pytest.mark.parametrize("module", MODULES)
def test_who_looks_for_such_a_module_finds_none(module) -> None:
    name = f"apscheduler.{module}"
    assert find_spec(name) is None
    with pytest.raises(ModuleNotFoundError):
        import_module(name)
    with pytest.raises(ModuleNotFoundError):
        find_spec(f"{name}.more")
    assert name not in sys.modules


@pytest.mark.parametrize("module", MODULES)
def test_what_is_to_be_written_can_be_written(module) -> None:
    statements = re.findall(r"from (apscheduler[\w.]*) import ([\w, ]+)", words_for(module))
    for home, names in statements:
        if home != "apscheduler.schedulers.qt":
            require_client(home)
            exec(f"from {home} import {names}", {})
    assert statements or "add_job" in words_for(module)


@pytest.mark.parametrize(
    "statement",
    [
        "import apscheduler.nonsense",
        "from apscheduler.nonsense import x",
        "import apscheduler.job.x",
    ],
)
def test_other_modules_get_the_words_of_python(statement) -> None:
    with pytest.raises(ModuleNotFoundError) as raised:
        exec(statement, {})
    name = re.search(r"apscheduler[\w.]+", statement)[0]
    assert str(raised.value).partition(";")[0] == f"No module named {name!r}"


@pytest.mark.parametrize("package", ["schedulers", "executors", "jobstores", "triggers"])
def test_other_names_of_a_package_get_the_words_of_python(package) -> None:
    with pytest.raises(ImportError, match=r"cannot import name 'nonsense' from .* \("):
        exec(f"from apscheduler.{package} import nonsense", {})
    module = import_module(f"apscheduler.{package}")
    assert not hasattr(module, "AsyncScheduler")
    assert not hasattr(module, "nonsense")


def test_a_name_of_the_serializers_of_4_is_asked_for_without_an_error() -> None:
    module = import_module("apscheduler.serializers.json")
    assert not hasattr(module, "JSONSerializer")
    assert getattr(module, "JSONSerializer", None) is None
    with pytest.raises(AttributeError, match="belongs to APScheduler 4"):
        module.JSONSerializer  # noqa: B018 - the look-up is what is tested


def test_the_words_are_loaded_by_what_needs_them_only() -> None:
    script = (
        "import sys; from apscheduler.schedulers.background import BackgroundScheduler; "
        "from apscheduler.schedulers import blocking; "
        "sys.exit('apscheduler.other_releases' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_the_finder_is_asked_last_and_there_once_however_often_the_package_is_imported() -> None:
    script = (
        "import sys, importlib, apscheduler; importlib.reload(apscheduler); del sys.modules['apscheduler']; "
        "import apscheduler; names = [getattr(each, '__name__', '') for each in sys.meta_path]; "
        "sys.exit((names.count('_OtherReleases'), names[-1]) != (1, '_OtherReleases'))"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_in_a_package_that_is_not_ours_any_more_the_finder_is_silent(monkeypatch) -> None:
    (finder,) = (
        each for each in sys.meta_path if getattr(each, "__name__", "") == "_OtherReleases"
    )
    monkeypatch.delitem(sys.modules, "apscheduler.other_releases")
    monkeypatch.delattr(apscheduler, "other_releases")
    monkeypatch.setattr(apscheduler, "__path__", [])
    importlib.invalidate_caches()
    with pytest.raises(ModuleNotFoundError) as raised:
        import_module("apscheduler.datastores")
    assert str(raised.value) == "No module named 'apscheduler.datastores'"
    assert finder.find_spec("json") is None
